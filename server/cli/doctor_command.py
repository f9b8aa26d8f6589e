"""`shortlist doctor`: looks at a set-up from Python to the last release, and says what to do."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer
from rich.table import Table

from server.cli.doctor_redis import redis_facts
from server.cli.options import Config, DataDir, console, load_settings
from server.errors import ReleaseRefused
from server.settings import Settings

_REPOSITORY = Path(__file__).resolve().parents[2]
_DISK_FREE_BYTES_MIN = 2 << 30
_OPEN_FILES_MIN = 1_024


class Verdict(StrEnum):
    """How a check went. A WARN does not stop a server from starting."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. advice: what to do about it; empty when all is well."""

    verdict: Verdict
    subject: str
    detail: str
    advice: str = ""


Check = Callable[[Settings], Iterator[Finding]]
_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.BAD: "red"}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("doctor", rich_help_panel="Look after")(doctor)


def doctor(config: Config = None, data_dir: DataDir = None) -> None:
    """Checks Python, kernels, packages, data, release, ports, disk and store, and says what to do.

    The exit code is 1 when something keeps a server from starting.
    """
    settings = load_settings(config, data_dir)
    table = Table("", "what", "found", "do", box=None, header_style="bold")
    bad = 0
    for finding in examine(settings):
        bad += finding.verdict is Verdict.BAD
        colour = _COLOURS[finding.verdict]
        table.add_row(f"[{colour}]{finding.verdict}[/]", finding.subject, finding.detail, finding.advice)
    console().print(table)
    if bad:
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Yields what every check found, in the order in which to mend things."""
    for check in CHECKS:
        yield from check(settings)


def _python(settings: Settings) -> Iterator[Finding]:
    # An older Python cannot even read this file; which one runs is still the first thing to know.
    yield Finding(Verdict.OK, "Python", f"{sys.version.split()[0]} in {sys.prefix}")


def _kernels(settings: Settings) -> Iterator[Finding]:
    try:
        import ext  # noqa: F401  (importing it is the check)
    except ImportError as error:
        yield Finding(Verdict.BAD, "kernels", str(error), "make build")
        return
    chosen = os.environ.get("SHORTLIST_KERNELS", "compiled")
    if chosen == "compiled":
        yield Finding(Verdict.OK, "kernels", "compiled")
    else:
        yield Finding(Verdict.WARN, "kernels", chosen, "unset SHORTLIST_KERNELS: the twins are for tests")


def _packages(settings: Settings) -> Iterator[Finding]:
    lock = _REPOSITORY / "requirements" / "serve.lock"
    if not lock.is_file():
        yield Finding(Verdict.OK, "packages", "installed without the repository's lock")
        return
    locked = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    wrong = [
        f"{name} {found} (locked {wanted})"
        for name, wanted in locked
        if (found := _installed(name)) != wanted
    ]
    if wrong:
        yield Finding(Verdict.WARN, "packages", ", ".join(wrong), "rm -r .venv && make build")
    else:
        yield Finding(Verdict.OK, "packages", f"{len(locked)} as locked")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _data_dir(settings: Settings) -> Iterator[Finding]:
    path = settings.data_dir
    if not path.is_dir():
        yield Finding(
            Verdict.BAD, "data", f"{path} does not exist", "shortlist demo, or shortlist import --help"
        )
        return
    writable = os.access(path, os.W_OK)
    yield Finding(
        Verdict.OK if writable else Verdict.BAD,
        "data",
        str(path) if writable else f"{path} cannot be written",
        "" if writable else "give the server's user the right to write there",
    )
    free = shutil.disk_usage(path).free
    enough = free >= _DISK_FREE_BYTES_MIN
    advice = "" if enough else "free some space, or move data_dir"
    yield Finding(Verdict.OK if enough else Verdict.WARN, "disk", f"{free / 1e9:,.1f} GB free", advice)


def _release(settings: Settings) -> Iterator[Finding]:
    from server.releases.registry import current_version, list_releases
    from server.releases.verify import verify_release

    releases_dir = settings.data_dir / "releases"
    current = current_version(releases_dir)
    if current is None:
        yield Finding(Verdict.BAD, "release", "none is current", "shortlist publish")
        return
    try:
        manifest = verify_release(releases_dir / current, again=True)
    except ReleaseRefused as error:
        others = [entry.version for entry in list_releases(releases_dir) if entry.version != current]
        advice = f"shortlist rollback {others[-1]}" if others else "shortlist publish"
        yield Finding(Verdict.BAD, "release", f"{current}: {error.message}", advice)
        return
    yield Finding(Verdict.OK, "release", f"{current}, {manifest.item_count:,} items, every hash agrees")


def _ports(settings: Settings) -> Iterator[Finding]:
    from server.running_server import find_running_server

    running = find_running_server(settings.data_dir)
    if running is not None:
        yield Finding(Verdict.OK, "server", f"runs on {running.address}, pid {running.pid}")
        return
    knobs = settings.server
    for name, host, port in (
        ("port", knobs.host, knobs.port),
        ("admin port", knobs.admin_host, knobs.admin_port),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                yield Finding(
                    Verdict.BAD,
                    name,
                    f"{host}:{port}: {error.strerror}",
                    "shortlist serve --port 0 --admin-port 0",
                )
            else:
                yield Finding(Verdict.OK, name, f"{host}:{port} is free")


def _store(settings: Settings) -> Iterator[Finding]:
    from server.stores.open_store import on_redis

    if on_redis(settings.store.url):
        for fine, bad, found, advice in redis_facts(settings):
            yield Finding(
                Verdict.OK if fine else Verdict.BAD if bad else Verdict.WARN, "store", found, advice
            )
        return
    file = settings.data_dir / "store" / "state" / "data.mdb"
    limit = settings.store.map_bytes_max
    used = file.stat().st_blocks * 512 if file.is_file() else 0
    tight = used > 0.8 * limit
    yield Finding(
        Verdict.WARN if tight else Verdict.OK,
        "store",
        f"{used / 1e6:,.1f} MB of at most {limit / 1e6:,.0f} MB",
        "raise store.map_bytes_max" if tight else "",
    )


def _limits(settings: Settings) -> Iterator[Finding]:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = soft >= _OPEN_FILES_MIN
    yield Finding(
        Verdict.OK if enough else Verdict.WARN,
        "open files",
        f"limit {soft}",
        "" if enough else f"ulimit -n {_OPEN_FILES_MIN}: each connection is a file",
    )


CHECKS: tuple[Check, ...] = (_python, _kernels, _packages, _data_dir, _release, _ports, _store, _limits)
