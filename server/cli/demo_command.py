"""`shortlist demo`: from a real shop's invoices to ranked recommendations, in one command."""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from server.cli.options import console, fail

_REPOSITORY = Path(__file__).resolve().parents[2]
_DATASET = _REPOSITORY / "datasets" / "online_retail" / "online_retail.csv.gz"
_READY = re.compile(r"serving on (\S+) with")
_CUSTOMERS = 3
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the way. arguments: of `shortlist`, without the data directory."""

    name: str
    what: str
    arguments: Sequence[str]


STEPS = (
    Step(
        "import",
        "541,909 invoice lines of a shop become purchases; wrong lines go to a rejects file",
        ("import", "events", str(_DATASET), "--preset", "online-retail"),
    ),
    Step("build", "features, item-item neighbours and popularity as of the last day of the data", ("build",)),
    Step("train", "the two-tower model, stopped early on a validation period", ("train",)),
    Step("publish", "a release: an immutable folder that servers map", ("publish",)),
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("demo", rich_help_panel="Serve")(demo)


def demo(
    data_dir: Annotated[Path, typer.Option(help="Where the demo's data goes.")] = Path("demo-data"),
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes of the server.")] = 2,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over.")] = False,
) -> None:
    """Imports a real shop's year, trains, publishes, serves, asks for recommendations and explains them.

    What is done already is skipped: a second run goes straight to the server.
    """
    out = console()
    if not _DATASET.is_file():
        fail(f"{_DATASET} is missing; the demo runs from a clone of the repository", code=1)
    if fresh:
        shutil.rmtree(data_dir, ignore_errors=True)
    data_dir.mkdir(parents=True, exist_ok=True)
    seconds = {step.name: _run_step(out, step, number, data_dir) for number, step in enumerate(STEPS, 1)}
    _title(out, f"{len(STEPS) + 1}. serve", f"one parent and {workers} workers on one port")
    started_s = time.perf_counter()
    with _server(data_dir, workers) as address:
        seconds["serve"] = time.perf_counter() - started_s
        out.print(f"  listening on {address}")
        started_s = time.perf_counter()
        customer = _talk(out, data_dir, address)
        seconds["ask"] = time.perf_counter() - started_s
    _summary(out, seconds, data_dir, customer)


def _run_step(out: Console, step: Step, number: int, data_dir: Path) -> float:
    """Runs a step unless an earlier run has finished it; returns the seconds it took then or now."""
    _title(out, f"{number}. {step.name}", step.what)
    done = data_dir / ".demo" / f"{step.name}.json"
    if done.is_file():
        seconds = float(json.loads(done.read_text())["seconds"])
        out.print(f"  done before, in {seconds:.1f} s; --fresh starts over", style="dim")
        return seconds
    arguments = [*step.arguments, "--data-dir", str(data_dir)]
    out.print(f"  $ shortlist {' '.join(_as_typed(argument) for argument in arguments)}", style="dim")
    started_s = time.perf_counter()
    result = subprocess.run([sys.executable, "-m", "server", *arguments], check=False)
    if result.returncode != 0:
        fail(f"step {step.name} failed; mend it and run the demo again: what is done stays done", code=1)
    seconds = time.perf_counter() - started_s
    done.parent.mkdir(exist_ok=True)
    done.write_text(json.dumps({"seconds": round(seconds, 2)}))
    out.print(f"  {seconds:.1f} s", style="dim")
    return seconds


@contextmanager
def _server(data_dir: Path, workers: int) -> Iterator[str]:
    """Runs a server on a free port and yields its address; its log goes to a file in the data directory."""
    log_path = data_dir / "logs" / "demo-server.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "server", "serve", "--port=0", "--admin-port=0"]
    with log_path.open("w") as log:
        process = subprocess.Popen(
            [*command, f"--workers={workers}", f"--data-dir={data_dir}"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ,
        )
        try:
            yield _address(process, log_path)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_STOP_TIMEOUT_S)


def _address(process: subprocess.Popen[str], log_path: Path) -> str:
    """Returns the address that the server prints when it is ready."""
    assert process.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read_lines, args=(process.stdout, lines), daemon=True).start()
    give_up_s = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            line = lines.get(timeout=max(0.0, give_up_s - time.monotonic()))
        except queue.Empty:
            fail(f"the server did not start in {_START_TIMEOUT_S:.0f} s; see {log_path}", code=1)
        if found := _READY.search(line):
            return found.group(1)
        if not line:
            fail(f"the server ended; see {log_path}", code=1)


def _read_lines(stream: IO[str], lines: queue.Queue[str]) -> None:
    """Hands on each line, and an empty one at the end."""
    for line in stream:
        lines.put(line)
    lines.put("")


def _talk(out: Console, data_dir: Path, address: str) -> str:
    """Plays the scenes; returns the first customer's id."""
    from server.cli.client import ShortlistClient
    from server.cli.demo_customers import pick_customers
    from server.cli.demo_scenes import Scenes

    customers = pick_customers(data_dir / "events", _CUSTOMERS)
    with ShortlistClient(address) as client:
        Scenes(out, client).play(customers)
    return customers[0].user_id


def _summary(out: Console, seconds: dict[str, float], data_dir: Path, customer: str) -> None:
    out.print()
    _title(out, "Where the time went", "")
    total = sum(seconds.values())
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, took in seconds.items():
        bar = "█" * max(1, round(took / total * 40))
        table.add_row(f"  {name}", Text(f"{took:.1f} s", justify="right"), Text(bar, style="cyan"))
    table.add_row("  all", Text(f"{total:.1f} s", justify="right"), "")
    out.print(table)
    _title(out, "Try next", "")
    # Typed at a shell, so never wrapped: soft_wrap leaves that to the terminal.
    for line in (
        ". .venv/bin/activate",
        f"shortlist serve --workers 2 --data-dir {data_dir} &",
        f"shortlist recommend --user {customer} --explain",
        "shortlist recommend --clicked 22423 --clicked 85123A",
        "shortlist recommend --page ITEM_DETAIL --item 85123A",
        f"shortlist releases --data-dir {data_dir}",
        f"shortlist doctor --data-dir {data_dir}",
        "shortlist --help",
    ):
        out.print(f"  {line}", soft_wrap=True)


def _title(out: Console, title: str, detail: str) -> None:
    out.print()
    out.print(Text.assemble((title, "bold green"), ("  " + detail, "dim")))


def _as_typed(argument: str) -> str:
    return argument.replace(f"{_REPOSITORY}{os.sep}", "")
