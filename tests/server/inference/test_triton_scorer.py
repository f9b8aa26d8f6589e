"""The real Triton scores a release as the model in this process does."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from perf.gpu.ranker_inputs import ranker_inputs
from perf.gpu.triton_load import triton_load
from server.errors import ModelServerUnavailable
from server.inference.triton_scorer import RANKER
from server.releases.mapped_release import MappedRelease
from tests.support.scoring_cases import scoring_case
from tests.support.triton_server import TritonClient, TritonServer


@pytest.mark.parametrize("candidates", [1, 63, 64, 65, 500])
def test_scores_are_those_of_the_local_scorer(
    client: TritonClient, release: MappedRelease, candidates: int
) -> None:
    case = scoring_case(release, candidates, seed=candidates)
    scores = client.scorer.score(release, case.tower_input, case.rows, case.cross, 20.0)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, case.expected, atol=1e-5)


def test_concurrent_requests_share_inferences_and_each_gets_its_own_scores(
    client: TritonClient, release: MappedRelease
) -> None:
    threads, rounds = 8, 12
    cases = [
        [scoring_case(release, 30 + 40 * t + r, seed=100 * t + r) for r in range(rounds)]
        for t in range(threads)
    ]
    worst = [1.0] * threads
    before = client.scorer.inferences

    def ask(number: int) -> None:
        off = [
            np.abs(client.scorer.score(release, c.tower_input, c.rows, c.cross, 20.0) - c.expected).max()
            for c in cases[number]
        ]
        worst[number] = max(off)

    workers = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert max(worst) <= 1e-5
    assert client.scorer.inferences - before < threads * rounds


def test_the_script_for_a_gpu_measures_a_triton(
    triton: TritonServer, client: TritonClient, release: MappedRelease
) -> None:
    inputs = ranker_inputs(release, users=4, candidates=20)
    timing = triton_load(triton.url, release.repository_version, inputs, seconds=0.05, concurrency=2)
    assert timing.count > 0
    np.testing.assert_allclose(timing.scores, inputs.expected, atol=1e-5)


def test_a_full_queue_refuses_at_once_and_the_caller_is_told(
    triton: TritonServer, client: TritonClient, release: MappedRelease
) -> None:
    """Of many inferences at a time one runs and one may wait; the others are refused, and none is answered wrong."""
    path = triton.repository / RANKER / "config.pbtxt"
    roomy = path.read_text()
    try:
        path.write_text(roomy.replace("max_queue_size: 256", "max_queue_size: 1"))
        unload(client)
        client.models.ensure(release)
        outcomes = flooded(client, release, threads=16, rounds=15)
    finally:
        path.write_text(roomy)
        unload(client)
        client.models.ensure(release)
    refused = [outcome for outcome in outcomes if isinstance(outcome, ModelServerUnavailable)]
    worst = [outcome for outcome in outcomes if not isinstance(outcome, ModelServerUnavailable)]
    assert refused
    assert all("queue" in error.message for error in refused)
    assert max(worst) <= 1e-5


def unload(client: TritonClient) -> None:
    """Has every version unloaded, so that the next load reads the configuration anew."""
    request = service_pb2.RepositoryModelUnloadRequest(model_name=RANKER)
    client.channel._call("RepositoryModelUnload", request, service_pb2.RepositoryModelUnloadResponse, 30.0)
    while client.channel.ready_versions(RANKER):
        time.sleep(0.01)


def flooded(
    client: TritonClient, release: MappedRelease, threads: int, rounds: int
) -> list[float | ModelServerUnavailable]:
    """Asks from many threads, each request an inference of its own; returns the errors and how far scores were off."""
    case = scoring_case(release, 500)
    outcomes: list[float | ModelServerUnavailable] = []

    def ask() -> None:
        for _ in range(rounds):
            try:
                scores = client.scorer.probe(release, case.tower_input, case.rows, case.cross, 20.0)
                outcomes.append(float(np.abs(scores - case.expected).max()))
            except ModelServerUnavailable as error:
                outcomes.append(error)

    callers = [threading.Thread(target=ask, daemon=True) for _ in range(threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    return outcomes
