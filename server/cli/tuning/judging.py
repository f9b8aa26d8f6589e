"""How good knobs are: the lists that the serving code makes with them, against what users then took."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from offline.evaluation.metrics import ranking_metrics
from offline.evaluation.protocol import Split
from server.cli.evaluation.release_methods import ReleaseMethods
from server.cli.tuning.knobs import Knobs
from server.cli.tuning.search import Judge, Quality
from server.engine import EngineValues
from server.errors import Refused
from server.releases.mapped_release import MappedRelease

USERS_MIN = 20
"""Of each half: with fewer, the best knobs are those of luck."""


def halves(split: Split, users_max: int, seed: int) -> tuple[Split, Split]:
    """Returns the split with at most users_max test users drawn at random, and with as many others.

    Raises Refused where there are too few.
    """
    count = len(split.test_users)
    each = min(users_max, count // 2)
    if each < USERS_MIN:
        raise Refused(
            f"only {count} users come back in the validation period; tuning needs {2 * USERS_MIN}",
            reason="TOO_FEW_USERS",
        )
    order = np.random.default_rng(seed).permutation(count)
    first, second = (np.sort(order[start : start + each]) for start in (0, each))
    return _of(split, first), _of(split, second)


def judge(split: Split, release: MappedRelease, values: EngineValues, k: int) -> Judge:
    """Returns what serves each of the split's test users one list and measures them."""

    def quality(knobs: Knobs) -> Quality:
        served = ReleaseMethods(split, release, knobs.applied_to(values), k).all()["ranked"]
        metrics = ranking_metrics(served(split.test_users), split.relevant)
        return Quality(metrics.recall, metrics.ndcg)

    return quality


def _of(split: Split, places: np.ndarray) -> Split:
    return replace(split, test_users=split.test_users[places], relevant=split.relevant[places])
