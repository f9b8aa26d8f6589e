"""Starts Redis, Triton and Jaeger on this machine, without a container, and the server on them; or stops them.

    python deploy/stack/run.py up [--data-dir demo-data] [--workers 2]
    python deploy/stack/run.py down [--data-dir demo-data]

Everything listens on 127.0.0.1 and on free ports. Process ids, ports and logs are in <data-dir>/stack/. The Triton in
it is an old build for loopback and tests only; deploy/compose.yaml names a current one.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0


@dataclass
class Stack:
    """What runs. pids and ports by part's name."""

    pids: dict[str, int] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)


class Failed(RuntimeError):
    """A part does not start; the message says where to look."""


def main() -> None:
    """Runs one of the two commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("up", "down"))
    parser.add_argument("--data-dir", type=Path, default=Path("demo-data"))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    place = options.data_dir / "stack"
    try:
        if options.command == "up":
            up(options.data_dir, place, options.workers)
        else:
            down(place)
    except (Failed, subprocess.CalledProcessError) as error:
        down(place)
        raise SystemExit(f"{error}") from error


def up(data_dir: Path, place: Path, workers: int) -> None:
    """Starts every part, fills Redis with the users' records, asks once, and prints where everything is."""
    if not (data_dir / "releases" / "current").exists():
        raise Failed(f"{data_dir} holds no release: run `make demo` first")
    if (place / "stack.json").exists():
        raise Failed(f"a stack runs on {data_dir} already, or has not been stopped: `make down` first")
    place.mkdir(parents=True, exist_ok=True)
    names = ("redis", "triton", "otlp", "jaeger", "jaeger_grpc", "server", "admin", "metrics")
    stack = Stack(ports=dict(zip(names, free_ports(len(names)), strict=True)))
    start_redis(stack, place)
    start_triton(stack, place, data_dir)
    start_jaeger(stack, place)
    environment = server_environment(stack, data_dir)
    say("filling Redis with the users' records")
    shortlist(environment, "build", "--records-only")
    start_server(stack, place, workers, environment)
    trace_id = ask(stack)
    print_addresses(stack, trace_id)


def down(place: Path) -> None:
    """Stops what `up` has started, the server first, by process id."""
    note = place / "stack.json"
    if not note.exists():
        say("nothing runs")
        return
    stack = Stack(**json.loads(note.read_text()))
    for name, pid in reversed(stack.pids.items()):
        say(f"stopping {name} ({pid})")
        stop(pid)
    note.unlink()


def start_redis(stack: Stack, place: Path) -> None:
    """Starts Redis; nothing of it is kept on disk."""
    binary = script("install_redis.sh")
    folder = place / "redis"
    folder.mkdir(exist_ok=True)
    port = stack.ports["redis"]
    command = [binary, "--port", str(port), "--bind", LOOPBACK, "--save", "", "--dir", str(folder)]
    start(stack, place, "redis", command, lambda: answers(port))


def start_triton(stack: Stack, place: Path, data_dir: Path) -> None:
    """Starts Triton on the data directory's model repository; workers load their release's model into it."""
    repository = data_dir / "model_repo"
    if not repository.is_dir():
        raise Failed(f"{repository} is missing: publish a release again (`shortlist publish`)")
    say("Triton: installing it where it is missing")
    port = stack.ports["triton"]
    run = [sys.executable, str(CHECKOUT / "deploy" / "triton" / "run.py")]
    command = [*run, "--repository", str(repository), "--port", str(port)]
    start(stack, place, "triton", command, lambda: answers(port))


def start_jaeger(stack: Stack, place: Path) -> None:
    """Starts Jaeger, traces in memory."""
    say("Jaeger: building it where it is missing, which takes five minutes")
    binary = script("install_jaeger.sh")
    ports = stack.ports
    environment = {
        "JAEGER_OTLP_HTTP_PORT": str(ports["otlp"]),
        "JAEGER_QUERY_PORT": str(ports["jaeger"]),
        "JAEGER_QUERY_GRPC_PORT": str(ports["jaeger_grpc"]),
    }
    command = [binary, "--config", str(CHECKOUT / "deploy" / "jaeger.yaml")]
    start(stack, place, "jaeger", command, lambda: answers(ports["jaeger"]), environment)


def server_environment(stack: Stack, data_dir: Path) -> dict[str, str]:
    """Returns the settings that put the server on the stack."""
    ports = stack.ports
    return {
        "SHORTLIST_DATA_DIR": str(data_dir),
        "SHORTLIST_STORE__URL": f"redis://{LOOPBACK}:{ports['redis']}/0",
        "SHORTLIST_MODEL_SERVER__URL": f"triton://{LOOPBACK}:{ports['triton']}",
        "SHORTLIST_TELEMETRY__TRACES_URL": f"http://{LOOPBACK}:{ports['otlp']}/v1/traces",
        "SHORTLIST_TELEMETRY__METRICS_PORT": str(ports["metrics"]),
    }


def start_server(stack: Stack, place: Path, workers: int, environment: dict[str, str]) -> None:
    """Starts the server."""
    ports = stack.ports
    command = [sys.executable, "-m", "server", "serve", "--workers", str(workers)]
    command += ["--port", str(ports["server"]), "--admin-port", str(ports["admin"])]
    start(stack, place, "server", command, lambda: answers(ports["server"]), environment)


def ask(stack: Stack) -> str:
    """Sends one request with a trace that is to be kept; returns the trace's id once Jaeger has it."""
    import grpc
    from shortlist.v1 import recommendation_service_pb2 as pb

    trace_id = secrets.token_hex(16)
    metadata = (("traceparent", f"00-{trace_id}-{secrets.token_hex(8)}-01"),)
    with grpc.insecure_channel(f"{LOOPBACK}:{stack.ports['server']}") as channel:
        call = channel.unary_unary(
            "/shortlist.v1.RecommendationService/Recommend",
            request_serializer=pb.RecommendRequest.SerializeToString,
            response_deserializer=pb.RecommendResponse.FromString,
        )
        # The first requests warm the connections to Redis and Triton; they are other users', since what was scored for a user
        # is remembered, and the trace is to show the model server at work.
        for number in range(12_749, 12_769):
            call(pb.RecommendRequest(user_id=str(number), num_items=5), timeout=10)
        reply = call(pb.RecommendRequest(user_id="12748", num_items=5), timeout=10, metadata=metadata)
    say(f"asked once: {len(reply.items)} items, served by {pb.ServedBy.Name(reply.served_by)}")
    url = f"http://{LOOPBACK}:{stack.ports['jaeger']}/api/traces/{trace_id}"
    wait("the trace", lambda: fetched(url))
    return trace_id


def print_addresses(stack: Stack, trace_id: str) -> None:
    """Prints where everything is."""
    ports = stack.ports
    jaeger = f"http://{LOOPBACK}:{ports['jaeger']}"
    lines = {
        "server": f"{LOOPBACK}:{ports['server']}",
        "release calls": f"{LOOPBACK}:{ports['admin']}",
        "metrics": f"http://{LOOPBACK}:{ports['metrics']}/metrics",
        "Redis": f"redis://{LOOPBACK}:{ports['redis']}/0",
        "Triton": f"triton://{LOOPBACK}:{ports['triton']}",
        "Jaeger": jaeger,
        "that trace": f"{jaeger}/trace/{trace_id}",
        "the same by API": f"{jaeger}/api/traces/{trace_id}",
    }
    for name, address in lines.items():
        print(f"{name:16} {address}")
    print(f"\nshortlist recommend --user 12748 --server {LOOPBACK}:{ports['server']}\nmake down stops it all")


def start(
    stack: Stack,
    place: Path,
    name: str,
    command: list[str],
    ready: Callable[[], bool],
    environment: dict[str, str] | None = None,
) -> None:
    """Starts a part in a session of its own, notes it, and waits until it answers."""
    say(f"starting {name}")
    with (place / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    stack.pids[name] = process.pid
    (place / "stack.json").write_text(json.dumps(asdict(stack), indent=2) + "\n")
    wait(f"{name} (its log: {place / f'{name}.log'})", ready, lambda: process.poll() is None)


def wait(what: str, ready: Callable[[], bool], alive: Callable[[], bool] = lambda: True) -> None:
    """Returns once something is ready. Raises Failed when it ends or takes too long."""
    give_up_s = time.monotonic() + START_TIMEOUT_S
    while not ready():
        if not alive() or time.monotonic() > give_up_s:
            raise Failed(f"{what} does not answer")
        time.sleep(0.1)


def stop(pid: int) -> None:
    """Ends a process in good order, or else at once, and returns when it is gone."""
    give_up_s = time.monotonic() + STOP_TIMEOUT_S
    number = signal.SIGTERM
    while running(pid):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if time.monotonic() > give_up_s:
            number = signal.SIGKILL
        time.sleep(0.2)


def running(pid: int) -> bool:
    """Returns whether a process runs; one that has ended and waits for its parent does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def answers(port: int) -> bool:
    """Returns whether something listens on a port."""
    with socket.socket() as attempt:
        attempt.settimeout(1)
        return attempt.connect_ex((LOOPBACK, port)) == 0


def fetched(url: str) -> bool:
    """Returns whether a page is there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    """Returns ports that nothing listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def script(name: str) -> str:
    """Runs an installer and returns what it prints: a path."""
    found = subprocess.run([CHECKOUT / "tools" / name], check=True, stdout=subprocess.PIPE, text=True)
    return found.stdout.strip().splitlines()[-1]


def shortlist(environment: dict[str, str], *arguments: str) -> None:
    """Runs a command of Shortlist."""
    command = [sys.executable, "-m", "server", *arguments]
    subprocess.run(command, check=True, cwd=CHECKOUT, env={**os.environ, **environment})


def say(what: str) -> None:
    """Tells what is going on."""
    width = shutil.get_terminal_size().columns
    print(f"{what}"[:width], flush=True)


if __name__ == "__main__":
    main()
