"""Which features the ranker leans on: its order of each user's candidates with a group of features shuffled.

Permutation importance: Breiman, "Random Forests", Machine Learning 2001; of groups, as in Gregorutti, Michel &
Saint-Pierre, "Grouped variable importance with random forests", CSDA 2015. Cross features and item vectors are
shuffled among the candidates of a user, the user's own features among users. What is measured is the model's order
before re-ranking, of the candidates that the server asked it for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.evaluation.protocol import Split
from offline.report.content import Effect
from server.cli.evaluation.evaluation_run import Evaluation
from server.cli.evaluation.release_methods import ReleaseMethods
from server.cli.evaluation.served_studies import drawn_places, effect, some_users
from server.features.declarations import CROSS_FEATURES
from server.features.encoding import USER_BLOCKS, block_slices
from server.inference.local_model import LocalScorer, LocalUserTower
from server.inference.protocols import Floats, ScoringRelease
from server.releases.mapped_release import MappedRelease

REPEATS = 3

CROSS_GROUPS: Mapping[str, tuple[str, ...]] = {
    "known category, brand": ("user_viewed_category", "user_bought_brand"),
    "price in range": ("price_in_range",),
    "text similarity": ("embedding_similarity",),
    "item's counts": ("item_popularity_score", "item_conversion_rate"),
    "collaborative score": ("collaborative_score",),
    "embedding score": ("embedding_score",),
    "popularity score": ("popularity_score",),
    "number of sources": ("source_count",),
}
USER_GROUPS: Mapping[str, tuple[str, ...]] = {
    "user: profile": ("age_bucket", "gender", "location_cluster"),
    "user: activity": ("counters",),
    "user: preferences": ("preferred_categories", "preferred_price_range", "preferred_brands"),
    "user: history's texts": ("user_embedding",),
    "user: history's items": ("history_vector",),
}
ITEM_GROUP = "item's vector"


@dataclass(frozen=True, slots=True)
class ScoredRequest:
    """What the ranker was asked for one user. relevant: bool of each candidate. ideal: the best DCG there could be."""

    tower_input: Floats
    rows: NDArray[np.int32]
    cross: Floats
    relevant: NDArray[np.bool_]
    ideal: float


class _Recorder:
    """A tower and a scorer that remember what they were asked."""

    def __init__(self) -> None:
        self.tower_input: Floats | None = None
        self.rows: NDArray[np.int32] | None = None
        self.cross: Floats | None = None

    def user_vector(self, release: ScoringRelease, tower_input: Floats) -> Floats:
        self.tower_input = tower_input.copy()
        return LocalUserTower().user_vector(release, tower_input)

    def score(
        self, release: ScoringRelease, user_vector: Floats, rows: NDArray[np.int32], cross: Floats
    ) -> Floats:
        self.rows, self.cross = rows.copy(), cross.copy()
        return LocalScorer().score(release, user_vector, rows, cross)


def feature_importance(found: Evaluation, release: MappedRelease, users_max: int) -> list[Effect]:
    """Returns what each group's shuffling does to NDCG, the most harmful first; empty where no one was scored."""
    places = drawn_places(found.split.test_users.size, users_max, found.options.seed)
    split = some_users(found.split, places)
    requests = list(_requests(split, release, found))
    if not requests:
        return []
    random = np.random.default_rng(found.options.seed)
    usual = np.array([_ndcg(release, r, r.tower_input, r.rows, r.cross, found.options.k) for r in requests])
    effects = []
    for name in (*CROSS_GROUPS, ITEM_GROUP, *USER_GROUPS):
        shuffled = [_shuffled(release, requests, name, random, found.options.k) for _ in range(REPEATS)]
        effects.append(effect(name, np.mean(shuffled, axis=0) - usual, found))
    return sorted(effects, key=lambda each: each.ndcg.mean)


def _requests(split: Split, release: MappedRelease, found: Evaluation) -> Iterator[ScoredRequest]:
    recorder, k = _Recorder(), found.options.k
    served = ReleaseMethods(split, release, found.values, k, tower=recorder, scorer=recorder).all()["ranked"]
    rows_of_items = release.rows_of(split.item_ids)
    for place, user in enumerate(split.test_users):
        recorder.tower_input = recorder.rows = recorder.cross = None
        served(np.array([user], np.int32))
        if recorder.tower_input is None or recorder.rows is None or recorder.cross is None:
            continue
        wanted = rows_of_items[split.relevant[place].indices]
        ideal = float(_discounts(min(k, wanted.size)).sum())
        yield ScoredRequest(
            recorder.tower_input, recorder.rows, recorder.cross, np.isin(recorder.rows, wanted), ideal
        )


def _shuffled(
    release: MappedRelease,
    requests: list[ScoredRequest],
    group: str,
    random: np.random.Generator,
    k: int,
) -> NDArray[np.float64]:
    """Returns f64[requests]: NDCG with one group shuffled."""
    others = random.permutation(len(requests))
    return np.array(
        [
            _ndcg(release, request, *_without(group, request, requests[other], random), k)
            for request, other in zip(requests, others, strict=True)
        ]
    )


def _without(
    group: str, request: ScoredRequest, other: ScoredRequest, random: np.random.Generator
) -> tuple[Floats, NDArray[np.int32], Floats]:
    """Returns the tower's input, the rows and the cross features, with one group taken from elsewhere."""
    tower_input, rows, cross = request.tower_input, request.rows, request.cross
    order = random.permutation(rows.size)
    if group == ITEM_GROUP:
        return tower_input, rows[order], cross
    if group in CROSS_GROUPS:
        cross = cross.copy()
        for name in CROSS_GROUPS[group]:
            column = CROSS_FEATURES.index(name)
            cross[:, column] = cross[order, column]
        return tower_input, rows, cross
    tower_input = tower_input.copy()
    for block in USER_GROUPS[group]:
        inside = block_slices(USER_BLOCKS)[block]
        tower_input[:, inside] = other.tower_input[:, inside]
    return tower_input, rows, cross


def _ndcg(
    release: MappedRelease,
    request: ScoredRequest,
    tower_input: Floats,
    rows: NDArray[np.int32],
    cross: Floats,
    k: int,
) -> float:
    vector = LocalUserTower().user_vector(release, tower_input)
    scores = LocalScorer().score(release, vector, rows, cross)
    hits = request.relevant[np.argsort(-scores, kind="stable")[:k]]
    return float(hits @ _discounts(hits.size)) / request.ideal


def _discounts(count: int) -> NDArray[np.float64]:
    return np.asarray(1.0 / np.log2(np.arange(count) + 2.0))
