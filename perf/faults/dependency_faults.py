"""T8, T9, T41 to T43: Redis, Triton and the trace collector slow, failing now and then, or all away at once, with figures.

A real server with one worker on a real Redis and the real Triton, each behind a toxic proxy; every call is for a new user,
so that nothing is answered from what the worker remembers.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from perf.faults.__main__ import run_alone
from perf.faults.front_server import wait_for
from perf.faults.overload_faults import resident_mb
from perf.faults.report import Report
from perf.faults.steady_load import SteadyLoad, by_new_users, no_failures, p99_ms, share, why_degraded
from server.releases.mapped_release import MappedRelease
from tests.support.call_proxy import CallProxy
from tests.support.redis_server import RedisServer, free_ports
from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import SmallRelease, build_small_release
from tests.support.toxic_proxy import ToxicProxy
from tests.support.triton_server import publish, triton_server

RPS = 40.0
SEEN = (3, 5, 8)
SLOW_REDIS_S = 0.03
LATE_S = 0.2
DEADLINES_MS = (5, 20, 50, 100, None)
SERVER_MS = 80.0
CANCELLED = 2_000
PENDING = 'shortlist_queue_depth{queue="calls"}'
SCORES_BYTES_MIN = 1_000
_WINDOW_S = 1.0


@dataclass(slots=True)
class Stage:
    """A server whose dependencies are behind proxies."""

    server: ServerProcess
    redis: ToxicProxy
    triton: ToxicProxy
    calls: CallProxy
    seen: list[str]

    def everything(self, **toxics: float | bool) -> None:
        """Sets the same toxics on both."""
        self.redis.set(**toxics)
        self.triton.set(**toxics)

    def load(self) -> SteadyLoad:
        """Returns the base load."""
        return SteadyLoad(self.server.address, RPS, by_new_users(self.seen))


@contextmanager
def dependencies(directory: Path) -> Iterator[tuple[SmallRelease, ToxicProxy, ToxicProxy, CallProxy]]:
    """Starts Redis and Triton, with a release's model, behind a proxy each, and Triton behind one of its calls as well."""
    small = build_small_release(directory / "releases", items=600, categories=6)
    redis = RedisServer(directory / "redis", free_ports(1)[0])
    with ExitStack() as opened:
        opened.callback(redis.kill)
        redis.start()
        triton = opened.enter_context(triton_server(directory))
        publish(MappedRelease.open(small.path), triton.repository)
        calls = opened.enter_context(CallProxy(triton.address, "/ModelInfer"))
        links = [opened.enter_context(ToxicProxy(("127.0.0.1", port))) for port in (redis.port, calls.port)]
        yield small, links[0], links[1], calls


@contextmanager
def stage(directory: Path, *, away: bool) -> Iterator[tuple[Stage, float]]:
    """Starts a server on them, and says how many seconds that took. away: whether both are away until set() is called."""
    with dependencies(directory) as (small, redis, triton, calls):
        if away:
            redis.set(down=True)
            triton.set(down=True)
        started_s = time.monotonic()
        with running_server(
            directory,
            workers=1,
            STORE__URL=f"redis://127.0.0.1:{redis.port}/0",
            MODEL_SERVER__URL=f"triton://127.0.0.1:{triton.port}",
            TELEMETRY__TRACES_URL="http://127.0.0.1:9/v1/traces",
        ) as server:
            took_s = time.monotonic() - started_s
            yield Stage(server, redis, triton, calls, [small.item_ids[number] for number in SEEN]), took_s


def run(report: Report) -> None:
    """Measures everything."""
    seconds = 5.0 if report.quick else 60.0
    with tempfile.TemporaryDirectory() as name, stage(Path(name), away=True) as (made, took_s):
        cold_start(report, made, took_s)
        with made.load() as load:
            until_whole_s(load, time.monotonic(), 20.0)
            all_away(report, made, load, seconds)
            gray(report, made, load, seconds / 2)
        deadlines(report, made)
        cancelled(report, made)


def cold_start(report: Report, made: Stage, took_s: float) -> None:
    """T42: a start while all is away, and what becomes of it when all is there."""
    report.at_most("T42", "start with everything away, until it answers", took_s, 3, "s")
    with made.load() as load:
        start_s = time.monotonic()
        time.sleep(3.0)
        back_s = time.monotonic()
        away = load.between(start_s, back_s)
        made.everything()
        whole_s = until_whole_s(load, back_s, 20.0)
    no_failures(report, "T42", "started with everything away", away)
    report.at_most("T42", "whole by itself after everything is there", whole_s, 10, "s")


def all_away(report: Report, made: Stage, load: SteadyLoad, seconds: float) -> None:
    """T41: everything goes at once, and comes back."""
    gone_s = time.monotonic()
    made.everything(down=True)
    time.sleep(seconds)
    back_s = time.monotonic()
    made.everything()
    whole_s = until_whole_s(load, back_s, 20.0)
    # What was under way when the connections broke is counted as answered or not, but not among the answers made without.
    calls = load.between(gone_s, back_s)
    settled = load.between(gone_s + _WINDOW_S, back_s)
    no_failures(report, "T41", "everything away", calls)
    whole = share(settled, lambda call: call.ok and not call.degraded) * 100
    report.at_most("T41", "everything away: answers that say they are whole", whole, 0, "%")
    report.at_most("T41", "everything away: p99", p99_ms(calls), 20, "ms")
    report.at_most("T41", "whole again after everything is back", whole_s, 10, "s")


def gray(report: Report, made: Stage, load: SteadyLoad, seconds: float) -> None:
    """T43: one answer in ten is lost with its connection, or one in twenty comes late, of one dependency at a time."""

    def triton_late(share: float) -> None:
        made.calls.late_share, made.calls.late_s = share, LATE_S

    faults: tuple[tuple[str, Callable[[], None], Callable[[], None]], ...] = (
        ("Redis loses one answer in ten", lambda: made.redis.set(reset_share=0.1), made.redis.set),
        (
            "Redis late with one in twenty",
            lambda: made.redis.set(late_share=0.05, late_s=LATE_S),
            made.redis.set,
        ),
        (
            "Triton loses one answer in ten",
            lambda: made.triton.set(reset_share=0.1, reset_bytes_min=SCORES_BYTES_MIN),
            made.triton.set,
        ),
        ("Triton late with one in twenty", lambda: triton_late(0.05), lambda: triton_late(0.0)),
    )
    for name, begin, end in faults:
        until_whole_s(load, time.monotonic(), 20.0)
        start_s = time.monotonic()
        begin()
        time.sleep(seconds)
        end_s = time.monotonic()
        end()
        time.sleep(_WINDOW_S)
        calls = load.between(start_s, end_s)
        no_failures(report, "T43", name, calls)
        degraded = share(calls, lambda call: call.degraded) * 100
        print(f"      of {len(calls)} answers {why_degraded(calls) or 'none'}", flush=True)
        report.at_most("T43", f"{name}: answers that are not whole", degraded, 15, "%")
        report.at_most("T43", f"{name}: p99", p99_ms(calls), 100, "ms")


def deadlines(report: Report, made: Stage) -> None:
    """T8: Redis 30 ms late, callers with little time and with none set."""
    count = 50 if report.quick else 400
    made.redis.set(latency_s=SLOW_REDIS_S)
    request_of = by_new_users(made.seen)
    with grpc.insecure_channel(made.server.address) as channel:
        stub = RecommendationServiceStub(channel)
        for at, deadline_ms in enumerate(DEADLINES_MS):
            calls = [_timed(stub, request_of(-1 - at * count - n), deadline_ms) for n in range(count)]
            limit_ms = deadline_ms or SERVER_MS
            took_ms = float(np.percentile([ms for ms, _ in calls], 99))
            name = f"Redis 30 ms late, deadline {deadline_ms or 'none'}"
            report.at_most("T8", f"{name}: p99", took_ms, limit_ms + 2, "ms")
            late = sum(not answered for _, answered in calls) / count * 100
            if deadline_ms is None or deadline_ms >= 20:
                report.at_most("T8", f"{name}: calls without an answer", late, 1, "%")
    made.redis.set()


def _timed(
    stub: RecommendationServiceStub, request: pb.RecommendRequest, deadline_ms: float | None
) -> tuple[float, bool]:
    """Returns how many ms a call took, and whether it had an answer of full length."""
    started_s = time.monotonic()
    try:
        reply = stub.Recommend(request, timeout=None if deadline_ms is None else deadline_ms / 1e3)
        answered = len(reply.items) == request.num_items
    except grpc.RpcError:
        answered = False
    return (time.monotonic() - started_s) * 1e3, answered


def cancelled(report: Report, made: Stage) -> None:
    """T9: callers that give up after 1 to 20 ms while Redis takes 30."""
    made.redis.set(latency_s=SLOW_REDIS_S)
    request_of = by_new_users(made.seen)
    grown_mb = []
    with grpc.insecure_channel(made.server.address) as channel:
        stub = RecommendationServiceStub(channel)
        for part in range(3):
            before_mb = resident_mb(made.server)
            for number in range(CANCELLED // (10 if report.quick else 1)):
                call = stub.Recommend.future(request_of(-100_000 * (part + 1) - number), timeout=1.0)
                time.sleep(0.001 * (1 + number % 20))
                call.cancel()
            grown_mb.append(resident_mb(made.server) - before_mb)
        ended_s = wait_for(lambda: made.server.metrics()[PENDING] == 0)
    made.redis.set()
    # One scrape is two to ten milliseconds of this.
    report.at_most("T9", "work left after the last of the cancelled calls", ended_s * 1e3, 80, "ms")
    report.at_most("T9", f"memory for the last {CANCELLED} cancelled calls", grown_mb[-1], 2, "MB")


def until_whole_s(load: SteadyLoad, start_s: float, limit_s: float) -> float:
    """Returns how long after a moment the answers are whole for as long as the window is, infinite if they never are."""
    while time.monotonic() < start_s + limit_s:
        time.sleep(0.1)
        calls = load.between(start_s, time.monotonic())
        wanted = int(RPS * _WINDOW_S)
        for at in range(len(calls) - wanted):
            if all(call.ok and not call.degraded for call in calls[at : at + wanted]):
                return calls[at].planned_s - start_s
    return float("inf")


if __name__ == "__main__":
    run_alone(run)
