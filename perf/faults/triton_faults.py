"""T33 to T36: Triton killed, stopped, flooded by another client, unloaded, given bad models, slow and lying.

A real server with one worker on the real Triton behind a slow link, at a fixed rate of calls; what only a worker itself can
see (how fast a refusal comes) is measured on the client alone, in this process.
"""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tritonclient.grpc import service_pb2

from perf.faults.__main__ import run_alone
from perf.faults.report import Report
from perf.faults.steady_load import Call, SteadyLoad, by_new_users, p99_ms, share
from server.errors import ModelServerUnavailable
from server.inference.triton_scorer import RANKER
from server.releases.mapped_release import MappedRelease
from tests.support.fake_triton import fake_triton, reply_of, right_answer
from tests.support.scoring_cases import scoring_case
from tests.support.server_process import ServerProcess, running_server
from tests.support.slow_link import SlowLink, slow_link
from tests.support.small_release import build_small_release
from tests.support.triton_server import TritonClient, TritonServer, publish, triton_server

RPS = 40.0
SLOW_S = 0.2
DEADLINE_MS = 80.0
FLOOD_THREADS = 8
FLOOD_QUEUE = 2
_RECOVERED_CALLS = 10


@dataclass(slots=True)
class Stage:
    """A server under load, on a Triton behind a link."""

    triton: TritonServer
    link: SlowLink
    server: ServerProcess
    load: SteadyLoad
    release: MappedRelease

    def phase(self, seconds: float) -> list[Call]:
        """Lets time pass; returns its calls."""
        start_s = time.monotonic()
        time.sleep(seconds)
        ended_s = time.monotonic()
        time.sleep(0.5)
        return self.load.between(start_s, ended_s)

    def full_after_s(self, start_s: float, limit_s: float = 20.0) -> float:
        """Returns how long after a moment the answers are whole again, and stay so for some calls."""
        while time.monotonic() < start_s + limit_s:
            time.sleep(0.1)
            calls = self.load.between(start_s, time.monotonic())
            for at in range(len(calls) - _RECOVERED_CALLS):
                if not any(call.degraded for call in calls[at : at + _RECOVERED_CALLS]):
                    return calls[at].planned_s - start_s
        return float("inf")


@contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """Starts everything and waits until answers are whole."""
    small = build_small_release(directory / "releases", items=600, categories=6)
    release = MappedRelease.open(small.path)
    with triton_server(directory) as triton, slow_link(triton.address) as link:
        publish(release, triton.repository)
        url = f"triton://{link.address}"
        with running_server(directory, workers=1, MODEL_SERVER__URL=url) as server:
            seen = [small.item_ids[number] for number in (3, 5, 8)]
            with SteadyLoad(server.address, RPS, by_new_users(seen)) as load:
                made = Stage(triton, link, server, load, release)
                made.full_after_s(time.monotonic())
                yield made


def run(report: Report) -> None:
    """Runs every fault against one server, then what is measured on the client alone."""
    seconds = 3.0 if report.quick else 15.0
    with tempfile.TemporaryDirectory(prefix="triton-faults-") as name, stage(Path(name)) as made:
        before = made.phase(seconds)
        report.at_most("T33", "calls that fail with Triton up", share(before, lambda c: not c.ok), 0, "share")
        report.at_most(
            "T33", "answers without Triton's scores, with Triton up", degraded(before), 0.01, "share"
        )
        report.at_most("T33", "p99 with Triton up", p99_ms(before), 100, "ms")
        killed(report, made, seconds)
        stopped(report, made, seconds)
        unloaded(report, made, seconds)
        slow(report, made, seconds)
    with tempfile.TemporaryDirectory(prefix="triton-faults-") as name:
        flooded(report, Path(name))
        lied_to(report, Path(name))


def during(report: Report, test: str, fault: str, calls: list[Call]) -> None:
    """Adds what is asked of every fault: no failed call, the mark on the answers, and their times."""
    report.at_most(test, f"calls that fail, {fault}", share(calls, lambda c: not c.ok), 0, "share")
    report.at_most(test, f"answers without the mark, {fault}", 1 - degraded(calls), 0, "share")
    report.at_most(test, f"p99, {fault}", p99_ms(calls), 100, "ms")


def killed(report: Report, made: Stage, seconds: float) -> None:
    """T33: kill -9, and a start."""
    made.triton.kill()
    during(report, "T33", "Triton killed", made.phase(seconds))
    made.triton.start()
    report.at_most("T33", "full again after Triton answers", made.full_after_s(time.monotonic()), 3, "s")


def stopped(report: Report, made: Stage, seconds: float) -> None:
    """T33: SIGSTOP and SIGCONT."""
    for pause_s in (0.2, 2.0, seconds):
        made.triton.signal(signal.SIGSTOP)
        # The calls that were under way are not the fault's.
        time.sleep(0.1)
        calls = made.phase(max(pause_s - 0.6, 0.1))
        made.triton.signal(signal.SIGCONT)
        continued_s = time.monotonic()
        during(report, "T33", f"Triton stopped for {pause_s:g} s", calls)
        report.at_most("T33", f"full again after {pause_s:g} s", made.full_after_s(continued_s), 3, "s")


def unloaded(report: Report, made: Stage, seconds: float) -> None:
    """T35: somebody unloads the model under load."""
    client = TritonClient(made.triton)
    request = service_pb2.RepositoryModelUnloadRequest(model_name=RANKER)
    start_s = time.monotonic()
    client.channel._call("RepositoryModelUnload", request, service_pb2.RepositoryModelUnloadResponse)
    calls = made.phase(seconds)
    report.at_most("T35", "calls that fail, model unloaded", share(calls, lambda c: not c.ok), 0, "share")
    report.at_most("T35", "p99, model unloaded", p99_ms(calls), 100, "ms")
    report.at_most("T35", "full again after the unload", made.full_after_s(start_s), 5, "s")
    client.channel.close()


def slow(report: Report, made: Stage, seconds: float) -> None:
    """T33: every packet from and to Triton 200 ms late."""
    made.link.delay_s = SLOW_S
    time.sleep(0.2)
    calls = made.phase(seconds)
    made.link.delay_s = 0.0
    during(report, "T33", f"Triton slowed by {SLOW_S * 1e3:g} ms", calls)
    late = share(calls, lambda c: c.latency_ms > DEADLINE_MS)
    report.at_most("T33", f"answers later than {DEADLINE_MS:g} ms, Triton slowed", late, 0.01, "share")
    report.at_most("T33", "full again after the slowness", made.full_after_s(time.monotonic()), 3, "s")


def flooded(report: Report, directory: Path) -> None:
    """T34: a short queue, filled by another client."""
    with triton_server(directory / "flood") as triton:
        small = build_small_release(directory / "flood" / "releases", items=600)
        release = MappedRelease.open(small.path)
        publish(release, triton.repository)
        config = triton.repository / RANKER / "config.pbtxt"
        config.write_text(config.read_text().replace("max_queue_size: 256", f"max_queue_size: {FLOOD_QUEUE}"))
        client = TritonClient(triton)
        client.models.ensure(release)
        refusals_ms = _flood(triton, release)
        report.at_most("T34", "answers while flooded that are no refusal", float(not refusals_ms), 0, "")
        if refusals_ms:
            report.at_most("T34", "refusal by a full queue, median", float(np.median(refusals_ms)), 10, "ms")
        client.channel.close()


def _flood(triton: TritonServer, release: MappedRelease) -> list[float]:
    """Asks from many threads, each with a channel of its own; returns how long each refusal took, in ms."""
    case = scoring_case(release, 500)
    refusals_ms: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        client = TritonClient(triton)
        while not stop.is_set():
            started_s = time.monotonic()
            try:
                client.scorer.probe(release, case.tower_input, case.rows, case.cross, 5.0)
            except ModelServerUnavailable as error:
                if "queue" in error.message:
                    refusals_ms.append((time.monotonic() - started_s) * 1e3)
        client.channel.close()

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(FLOOD_THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(3)
    stop.set()
    for thread in threads:
        thread.join(10)
    return refusals_ms


def lied_to(report: Report, directory: Path) -> None:
    """T36: replies of every wrong form; none of their scores may come through."""
    release = MappedRelease.open(build_small_release(directory / "lies").path)
    believed = 0
    for lie in LIES:
        with fake_triton(lie) as address:
            client = TritonClient(address)
            client.scorer.ready = frozenset([release.repository_version])
            case = scoring_case(release, 100)
            for _ in range(20):
                try:
                    client.scorer.score(release, case.tower_input, case.rows, case.cross, 5.0)
                    believed += 1
                except ModelServerUnavailable:
                    continue
            client.channel.close()
    report.at_most("T36", f"replies believed, of {len(LIES)} kinds of lie", believed, 0, "")


Request = service_pb2.ModelInferRequest


def _with_scored(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Request], bytes]:
    def answer(request: Request) -> bytes:
        reply = right_answer(request)
        scored = np.frombuffer(reply.raw_output_contents[0], np.float32).reshape(reply.outputs[0].shape)
        content: bytes = reply_of(request, change(scored.copy())).SerializeToString()
        return content

    return answer


def _extra_output(request: Request) -> bytes:
    reply = right_answer(request)
    reply.outputs.add(name="more", datatype="FP32", shape=[1])
    reply.raw_output_contents.append(b"\0" * 4)
    content: bytes = reply.SerializeToString()
    return content


LIES: tuple[Callable[[Request], bytes], ...] = (
    _with_scored(lambda scored: scored[:, :-1]),
    _with_scored(lambda scored: scored[:, ::-1]),
    _with_scored(lambda scored: scored * np.float32(np.nan)),
    _extra_output,
    lambda request: right_answer(request).SerializeToString() + b"\xff" * 64,
    lambda request: b"\0" * (64 << 20),
)


def degraded(calls: list[Call]) -> float:
    """Returns the share of answers that say they are less than the best."""
    return share(calls, lambda call: call.degraded)


if __name__ == "__main__":
    run_alone(run)
