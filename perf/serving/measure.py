"""One server beside an echo of its reply: capacity in alternated rounds, latency by rate, memory, start."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console

from perf.serving.closed_loop import Round, closed_loop
from perf.serving.memory import Memory, server_memory
from perf.serving.open_loop import Latency, open_loop
from perf.serving.processes import Running, echo_server, shortlist_server
from perf.serving.requests import checked_replies

OPEN_LOOP_SHARE = 0.6
RATE_SHARES = (0.2, 0.4, 0.8, 0.9, 1.0)
CHECKED = 50
CACHES_OFF = {"SHORTLIST_RETRIEVAL__REMEMBERED_USERS_MAX": "0"}
STEP_WARM_UP_S = 0.5


@dataclass(slots=True)
class Requests:
    """Bodies, and the place where the next run begins, so that no run repeats the users of the one before."""

    bodies: list[bytes]
    sent: int = 0

    def take(self, calls: int) -> int:
        """Returns the place of the next run and moves on by its calls."""
        place = self.sent
        self.sent += calls
        return place


@dataclass(frozen=True, slots=True)
class Capacity:
    """Rounds of the two, alternated; ratio: the median of the rounds' own ratios."""

    pairs: list[tuple[Round, Round]]
    reply_bytes: int
    start_s: float
    memory: Memory
    steps: list[Latency] = field(default_factory=list)

    @property
    def echo_rps(self) -> float:
        """Returns the echo's median."""
        return median(echo.rps for echo, _ in self.pairs)

    @property
    def recommend_rps(self) -> float:
        """Returns the server's median."""
        return median(recommend.rps for _, recommend in self.pairs)

    @property
    def ratio(self) -> float:
        """Returns recommend / echo by rate."""
        return median(recommend.rps / echo.rps for echo, recommend in self.pairs)

    @property
    def cpu_ratio(self) -> float:
        """Returns recommend / echo by what a second of processor time answers."""
        return median(echo.cpu_us / recommend.cpu_us for echo, recommend in self.pairs)

    def cpu_us(self, of_echo: bool = False) -> float:
        """Returns the median processor time of a call, microseconds."""
        return median((echo if of_echo else recommend).cpu_us for echo, recommend in self.pairs)

    def rounds(self) -> list[dict[str, object]]:
        """Returns all rounds, to be written."""
        return [{"echo": asdict(echo), "recommend": asdict(recommend)} for echo, recommend in self.pairs]


@contextmanager
def timed_server(
    data_dir: Path, bodies: list[bytes], environment: dict[str, str] | None = None
) -> Iterator[tuple[Running, float, bytes]]:
    """Yields a server, the seconds from its start to its first answer, and the reply of median length."""
    begun = time.perf_counter()
    with shortlist_server(data_dir, environment) as server:
        checked_replies(server.port, bodies[:1])
        start_s = time.perf_counter() - begun
        replies = sorted(checked_replies(server.port, bodies[:CHECKED]), key=len)
        yield server, start_s, replies[len(replies) // 2]


def capacity(
    data_dir: Path,
    requests: Requests,
    rounds: int,
    seconds: float,
    console: Console,
    environment: dict[str, str] | None = None,
    rate_shares: tuple[float, ...] = (),
) -> Capacity:
    """Measures one server beside its echo, then its latency at shares of its own capacity."""
    with timed_server(data_dir, requests.bodies, environment) as (server, start_s, reply), echo_server(reply) as yardstick:  # fmt: skip
        _round(server, requests, seconds)  # warms the server up
        pairs = []
        for number in range(rounds):
            echo = closed_loop(yardstick, requests.bodies, seconds)
            recommend = _round(server, requests, seconds)
            pairs.append((echo, recommend))
            console.print(
                f"round {number + 1}: echo {echo.rps:,.0f}/s ({echo.cpu_us:.0f} us of CPU), "
                f"recommend {recommend.rps:,.0f}/s ({recommend.cpu_us:.0f} us)"
            )
        memory = server_memory(server, data_dir)
        found = Capacity(pairs, len(reply), start_s, memory)
        for share in rate_shares:
            found.steps.append(_step(server, requests, found.recommend_rps * share, seconds, console))
    return found


def _round(server: Running, requests: Requests, seconds: float) -> Round:
    place = requests.take(0)
    found = closed_loop(server, requests.bodies, seconds, first=place)
    requests.take(int(found.calls * 1.25))  # a quarter before it warmed up
    return found


def _step(server: Running, requests: Requests, rps: float, seconds: float, console: Console) -> Latency:
    place = requests.take(int(rps * (seconds + STEP_WARM_UP_S)))
    found = open_loop(server.port, requests.bodies, rps, seconds, warm_up_s=STEP_WARM_UP_S, first=place)
    console.print(
        f"open loop at {rps:,.0f}/s: p50 {found.p50_ms:.2f}, p99 {found.p99_ms:.1f}, p99.9 {found.p999_ms:.1f} ms, "
        f"{found.errors} errors"
    )
    return found
