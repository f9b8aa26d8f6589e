"""The real Triton scores a release as the model in this process does."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from server.releases.mapped_release import MappedRelease
from tests.support.scoring_cases import scoring_case
from tests.support.triton_server import TritonClient


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
