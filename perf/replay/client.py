"""Runs the compiled generator (replay.c) for one measurement and returns what it saw."""

from __future__ import annotations

import json
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BUILD_SCRIPT = Path(__file__).parents[2] / "tools" / "build_replay.sh"
BUILD_TIMEOUT_S = 300
END_TIMEOUT_S = 330
"""Longer than the longest warm-up, run and patience that one run of a measurement asks for."""
LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Load:
    """What to send. rate: calls a second of an open loop, 0 = a closed loop with in_flight calls always under way.

    poisson: an open loop's calls come by chance. warm_up_s, patience_s: before, and for replies after, the measured
    seconds. keep_every: of how many calls one's reply is kept, 0 = none. first: the body to begin with.
    headers: names, in lower case, and values that go with every call; four at most.
    """

    seconds: float
    rate: float = 0.0
    in_flight: int = 8
    connections: int = 2
    warm_up_s: float = 0.0
    patience_s: float = 5.0
    open_max: int = 65_536
    poisson: bool = False
    keep_every: int = 0
    keep_max: int = 2_000
    first: int = 0
    seed: int = 7
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the measured calls.

    errors: all that did not end with status OK and a message: statuses counts those with a gRPC status, broken_off are
    streams that broke, unanswered had no reply when patience ended, unsent were planned when too many were under way.
    latency_ms, refusal_ms, lag_ms: mean, p50 ... p9999 and max, milliseconds from the planned send: to the reply's end,
    of calls that succeeded; of those that ended with another status; to the send. rps: successes within the measured seconds. cpu_share: of a core, by the generator.
    """

    calls: int
    ok: int
    errors: int
    statuses: dict[str, int]
    without_status: int
    broken_off: int
    unanswered: int
    unsent: int
    connections_lost: int
    rps: float
    seconds: float
    latency_ms: dict[str, float]
    refusal_ms: dict[str, float]
    lag_ms: dict[str, float]
    cpu_s: float
    cpu_share: float
    reply_bytes: int
    kept: int
    replies: tuple[bytes, ...] = ()


class GeneratorMissingError(RuntimeError):
    """The generator cannot be built here; the message says what is missing."""


@cache
def generator() -> str:
    """Returns the path of the generator, built where it is not. Raises GeneratorMissingError."""
    built = subprocess.run(
        ["sh", str(BUILD_SCRIPT)], capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT_S
    )
    if built.returncode:
        raise GeneratorMissingError(built.stderr.strip())
    return built.stdout.strip()


def replay(port: int, method: str, bodies: Sequence[bytes], load: Load) -> Replayed:
    """Sends the bodies, one after the other and again from the first, to a server on this machine.

    Raises RuntimeError, with what the generator said, where it could not start.
    """
    with tempfile.TemporaryDirectory() as folder:
        requests, replies = Path(folder) / "bodies.bin", Path(folder) / "replies.bin"
        requests.write_bytes(b"".join(LENGTH.pack(len(body)) + body for body in bodies))
        command = [generator(), *_options(port, method, requests, replies, load)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=END_TIMEOUT_S)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        kept = tuple(records(replies.read_bytes())) if load.keep_every else ()
    return Replayed(**json.loads(done.stdout), replies=kept)


def _options(port: int, method: str, requests: Path, replies: Path, load: Load) -> list[str]:
    said = {
        "port": port,
        "method": method,
        "bodies": requests,
        "seconds": load.seconds,
        "warm-up": load.warm_up_s,
        "patience": load.patience_s,
        "connections": load.connections,
        "in-flight": load.in_flight,
        "open-max": load.open_max,
        "first": load.first,
        "seed": load.seed,
    }
    if load.rate:
        said["rate"] = load.rate
    if load.keep_every:
        said |= {"keep-every": load.keep_every, "keep-max": load.keep_max, "keep-file": replies}
    words = [word for name, value in said.items() for word in (f"--{name}", str(value))]
    words += [f"--header={name}:{value}" for name, value in load.headers]
    return [*words, "--poisson"] if load.poisson else words


def records(data: bytes) -> Iterator[bytes]:
    """Yields the records of a file of them."""
    at = 0
    while at < len(data):
        (length,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size
        yield data[at : at + length]
        at += length
