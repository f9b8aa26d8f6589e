"""T40, T57, T58, T59 with their pass marks: a collector that fails, whole traces, what tracing costs, true counts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import grpc
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.event_types_pb2 import PageType
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from perf.faults.__main__ import run_alone
from perf.faults.report import Report
from perf.serving.open_loop import open_loop
from perf.telemetry.cost import measure
from perf.telemetry.worlds import collector, cpu_s, make_data, measured_server, port_of
from tests.support.otlp_receiver import OtlpReceiver, otlp_receiver
from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import build_small_release
from tests.support.waiting import wait_until

SECONDS = 6.0
ROUNDS = 3
RPS = 100.0
KEPT = 1_000
COUNTED = 3_000
METHOD = "shortlist.v1.RecommendationService/Recommend"
UNSENT = 'shortlist_telemetry_dropped_total{what="traces_unsent"}'


def run(report: Report) -> None:
    """Runs all; about five minutes on two cores."""
    failing_collector(report)
    whole_traces(report)
    cost_of_tracing(report)
    true_counts(report)


def failing_collector(report: Report) -> None:
    """T40: every request is traced while the collector is up, gone, stopped, or slow, one after the other, in rounds.

    A machine that others use is slower at one time than at another: each state is held to the round's own healthy one.
    """
    with tempfile.TemporaryDirectory() as folder, collector() as (process, url), collector(800) as (_, slow):
        data_dir, bodies = make_data(Path(folder))
        rounds = [_round(data_dir, bodies, process, url, slow) for _ in range(1 if report.quick else ROUNDS)]
    for name in ("gone", "stopped", "slow"):
        _judge_collector(report, name, [each[name] for each in rounds], [each["up"] for each in rounds])


def _round(
    data_dir: Path, bodies: list[bytes], process: subprocess.Popen[str], url: str, slow: str
) -> dict[str, _Phase]:
    """Returns one phase of each state."""
    found = {"up": _phase(data_dir, bodies, url)}
    found["gone"] = _phase(data_dir, bodies, "http://127.0.0.1:9/v1/traces")
    process.send_signal(signal.SIGSTOP)
    found["stopped"] = _phase(data_dir, bodies, url)
    process.send_signal(signal.SIGCONT)
    found["slow"] = _phase(data_dir, bodies, slow)
    return found


def _judge_collector(report: Report, name: str, found: list[_Phase], healthy: list[_Phase]) -> None:
    pairs = list(zip(found, healthy, strict=True))
    added_ms = [each.p99_ms - usual.p99_ms for each, usual in pairs]
    errors = sum(each.errors for each in found)
    report.add(
        f"T40 collector {name}: p99",
        median(added_ms) < 2.0 and not errors,
        f"{median(added_ms):+.1f} ms in the middle of {', '.join(f'{ms:+.1f}' for ms in added_ms)}; {errors} errors",
        "+2 ms, 0 errors",
    )
    extra = median((each.cpu_s - usual.cpu_s) / SECONDS for each, usual in pairs)
    report.add(f"T40 collector {name}: CPU", extra < 0.03, f"{extra:+.1%} of a core", "+3 %")
    complaints = max(each.complaints for each in found)
    dropped = sum(each.dropped for each in found)
    lines = f"{complaints} lines, {dropped:.0f} traces counted as dropped"
    report.add(f"T40 collector {name}: log", complaints <= 1, lines, "1 line a minute")
    exit_s = max(each.exit_s for each in found)
    report.add(f"T40 collector {name}: SIGTERM", exit_s <= 5, f"{exit_s:.1f} s", "5 s")


class _Phase:
    """What one state of the collector does to a server under base load."""

    p99_ms = cpu_s = dropped = exit_s = 0.0
    errors = complaints = 0


def _phase(data_dir: Path, bodies: list[bytes], url: str) -> _Phase:
    found = _Phase()
    settings = {
        "TELEMETRY__TRACES_URL": url,
        "TELEMETRY__TRACES_HEAD_RATIO": 1,
        "TELEMETRY__TRACES_TIMEOUT_S": 1,
    }
    with measured_server(data_dir, **settings) as server:
        open_loop(port_of(server), bodies, RPS, 2)
        (worker,) = server.workers()
        used_s = cpu_s(worker.pid)
        latency = open_loop(port_of(server), bodies, RPS, SECONDS)
        found.cpu_s = cpu_s(worker.pid) - used_s
        found.p99_ms, found.errors = latency.p99_ms, latency.errors
        found.dropped = server.metrics()[UNSENT]
        started_s = time.monotonic()
        server.stop()
        found.exit_s = time.monotonic() - started_s
        found.complaints = sum("collector takes nothing" in line for line in server.output)
    return found


def whole_traces(report: Report) -> None:
    """T57: KEPT requests, each with its root, one span a stage, right parents and right lengths."""
    with tempfile.TemporaryDirectory() as folder, otlp_receiver() as receiver:
        build_small_release(Path(folder) / "releases", items=500, categories=4, version="r1")
        knobs = {"TELEMETRY__TRACES_HEAD_RATIO": 1, "TELEMETRY__TRACES_RATE_MAX": 100_000}
        roomy = {"TELEMETRY__TRACES_QUEUE_MAX": 2 * KEPT, "BUDGET__DEADLINE_MS": 10_000}
        with (
            running_server(Path(folder), TELEMETRY__TRACES_URL=receiver.url, **knobs, **roomy) as server,
            _stub(server) as stub,
        ):
            kept = dict(_traced(stub, number) for number in range(KEPT))
            wait_until(lambda: len({span.trace_id for span in receiver.spans()} & set(kept)) == KEPT)
            wrong = _wrong_traces(receiver, kept)
    report.add(
        "T57 whole traces",
        len(kept) == KEPT and not wrong,
        f"{KEPT - len(wrong)} of {KEPT} whole; {wrong[:3]}",
        f"all of {KEPT}, spans within 0.2 ms of their stamps",
    )


def _traced(stub: RecommendationServiceStub, number: int) -> tuple[str, pb.RecommendResponse]:
    request = pb.RecommendRequest(
        user_id=f"u-{number}",
        num_items=10,
        page_type=PageType.PAGE_TYPE_CART,
        context_item_ids=[f"item-{number % 500:04d}"],
        explain=True,
    )
    reply, call = stub.Recommend.with_call(request, timeout=20)
    return dict(call.trailing_metadata()).get("trace_id", ""), reply


def _wrong_traces(receiver: OtlpReceiver, kept: dict[str, pb.RecommendResponse]) -> list[str]:
    by_trace: dict[str, list[object]] = {}
    for span in receiver.spans():
        by_trace.setdefault(span.trace_id, []).append(span)
    return [f"{key}: {why}" for key, reply in kept.items() if (why := _wrong(by_trace.get(key, []), reply))]


def _wrong(spans: list, reply: pb.RecommendResponse) -> str:  # type: ignore[type-arg]
    """Returns what is wrong with a trace; empty where nothing is."""
    roots = [span for span in spans if span.name == METHOD]
    if len(roots) != 1:
        return f"{len(roots)} roots"
    said = roots[0].attributes
    if (said["shortlist.index.version"], said["shortlist.model.version"]) != (
        reply.release_version,
        reply.model_version,
    ):
        return "other versions"
    groups = {span.span_id for span in spans if span.parent == roots[0].span_id}
    stages = [span for span in spans if span.parent in groups]
    if [span.name for span in stages] != [stage.stage for stage in reply.stages]:
        return "other stages"
    off_us = max(
        abs((span.ended_ns - span.started_ns) / 1e3 - stage.duration_us)
        for span, stage in zip(stages, reply.stages, strict=True)
    )
    return f"{off_us:.0f} us off" if off_us > 200 else ""


def cost_of_tracing(report: Report) -> None:
    """T58: traces as they are by default beside none at all."""
    cost = measure(rounds=7, seconds=3)
    rates = f"{cost.loss:.1%} ({cost.off_cpu_us:.0f} and {cost.on_cpu_us:.0f} us of a core a call)"
    report.add("T58 throughput", cost.loss < 0.02, rates, "2 %")
    tails = f"{cost.p99_added_ms:+.2f} ms ({cost.off_p99_ms:.1f} and {cost.on_p99_ms:.1f} ms)"
    report.add("T58 p99 at base load", cost.p99_added_ms < 1.0, tails, "+1 ms")


def true_counts(report: Report) -> None:
    """T59: three workers, one of them killed half way; the counts are the client's own."""
    with tempfile.TemporaryDirectory() as folder:
        build_small_release(Path(folder) / "releases", items=200, categories=4, version="r1")
        with running_server(Path(folder), workers=3, BUDGET__DEADLINE_MS=10_000) as server:
            seen = _calls(server, COUNTED // 2)
            before = _counted(server)
            workers = {worker.pid for worker in server.workers()}
            os.kill(min(workers), signal.SIGKILL)
            wait_until(lambda: len({worker.pid for worker in server.workers()} - workers) == 1)
            monotonic = _counted(server) >= before
            wait_until(lambda: server.metrics()["shortlist_workers"] == 3)
            seen += _calls(server, COUNTED // 2)
            counted = _counted(server)
    figure = f"{counted} counted, {seen} seen by the client, monotonic: {monotonic}"
    report.add("T59 true counts", counted == seen and monotonic, figure, "equal, over a killed worker")


def _calls(server: ServerProcess, count: int) -> int:
    """Makes calls on connections that spread over the workers; returns how many were answered."""
    connections = 15
    answered = 0
    for _ in range(connections):
        with _stub(server) as stub:
            for number in range(count // connections):
                stub.Recommend(pb.RecommendRequest(user_id=f"u-{number}", num_items=5), timeout=20)
                answered += 1
    return answered


def _counted(server: ServerProcess) -> int:
    name = re.compile(rf'rpc_server_call_duration_seconds_count{{rpc_method="{METHOD}",.*"OK"}}')
    return sum(int(value) for sample, value in server.metrics().items() if name.fullmatch(sample))


@contextmanager
def _stub(server: ServerProcess) -> Iterator[RecommendationServiceStub]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(server.address, options=options) as channel:
        grpc.channel_ready_future(channel).result(20)
        yield RecommendationServiceStub(channel)


if __name__ == "__main__":
    run_alone(run)
