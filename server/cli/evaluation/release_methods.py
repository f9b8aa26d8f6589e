"""The methods that ask a release, through the code that serves it.

embedding  the user tower's vector against all item vectors, exactly
blend      the candidates in the order before the ranker
ranked     the list that would be served on the home page at the given settings
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from offline.evaluation.methods import by_scores
from offline.evaluation.protocol import Method, Split
from server.cli.evaluation.train_users import TrainUsers
from server.engine import Engine, EngineParts, EngineValues
from server.errors import ContractBroken
from server.features.declarations import VECTOR_DIMS
from server.features.event_types import PageType
from server.handlers.messages import RecommendCommand, RecommendedItem
from server.handlers.recommend import RecommendHandler
from server.handlers.recommend_query import recommend_query
from server.inference.local_model import LocalScorer, LocalUserTower
from server.inference.protocols import CandidateScorer, UserTower
from server.query import RecommendQuery, ScenarioValues
from server.releases.mapped_release import MappedRelease

Floats = NDArray[np.float32]

STANDING_S = 0.0
"""The time on the engine's clock: an evaluation has no deadline, and must not measure a loaded machine."""


@dataclass(frozen=True, slots=True)
class _OneRelease:
    """Always the same release."""

    release: MappedRelease

    def current(self) -> MappedRelease:
        """Returns it."""
        return self.release


class ReleaseMethods:
    """The three methods over one release, asked as of the end of the split's train period.

    values: the engine's knobs, from the settings. k: length of the lists. tower, scorer: in the place of the local
    ones.
    """

    def __init__(
        self,
        split: Split,
        release: MappedRelease,
        values: EngineValues,
        k: int,
        tower: UserTower | None = None,
        scorer: CandidateScorer | None = None,
    ) -> None:
        self._split = split
        self._release = release
        self._k = k
        users = TrainUsers(split.train, split.user_ids, split.item_ids)
        if not split.masked:
            values = replace(values, scenarios=_with_repeats(values))
        parts = EngineParts(
            users=users,
            clock=lambda: STANDING_S,
            tower=tower or LocalUserTower(),
            scorer=scorer or LocalScorer(),
        )
        self._engine = Engine(values, parts)
        self._handler = RecommendHandler(self._engine, _OneRelease(release), now_s=lambda: split.now_s)
        self._item_rows = release.rows_of(split.item_ids)
        if self._item_rows.min() < 0:
            raise ContractBroken("the release was made from another train file: it lacks items")
        self._row_of_id = {item_id: row for row, item_id in enumerate(split.item_ids)}

    def all(self) -> dict[str, Method]:
        """Returns the methods by name."""
        return {
            "embedding": by_scores(self._split, self._k, self._score_by_vectors),
            "blend": self._each_user(self._handler.blend),
            "ranked": self._each_user(self._served),
        }

    def _served(self, command: RecommendCommand) -> list[str]:
        reply = self._handler.recommend(command)
        if reply.degraded_reasons:
            reasons = ", ".join(reason.name for reason in reply.degraded_reasons)
            raise ContractBroken(f"an evaluation must not measure a degraded answer: {reasons}")
        return _ids(reply.items)

    def _each_user(self, ids_for: Callable[[RecommendCommand], Sequence[str]]) -> Method:
        def rank(users: NDArray[np.int32]) -> NDArray[np.int32]:
            ranked = np.full((users.size, self._k), -1, np.int32)
            for place, user in enumerate(users):
                rows = self._rows(ids_for(self._command(int(user))))[: self._k]
                ranked[place, : len(rows)] = rows
            return ranked

        return rank

    def _score_by_vectors(self, users: NDArray[np.int32]) -> Floats:
        """Returns float32[users, items of the split]; all zero for a user without a vector."""
        vectors = self._release.arrays.item_vectors[self._item_rows]
        if self._release.model.ann_metric == "cos":
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        user_vectors = np.stack([self._user_vector(int(user)) for user in users])
        return np.asarray(user_vectors @ vectors.T)

    def _user_vector(self, user: int) -> Floats:
        query = self._query(user)
        self._engine.hydrate(query)
        return np.zeros(VECTOR_DIMS, np.float32) if query.user_vector is None else query.user_vector

    def _query(self, user: int) -> RecommendQuery:
        return recommend_query(self._engine, self._release, self._command(user), self._split.now_s)

    def _command(self, user: int) -> RecommendCommand:
        """Returns a visit to the home page. Masked are all seen items, not only the bought ones."""
        seen = self._split.seen[user].indices if self._split.masked else ()
        return RecommendCommand(
            user_id=self._split.user_ids[user],
            page_type=PageType.HOME,
            num_items=self._k,
            excluded_item_ids=[self._split.item_ids[row] for row in seen],
        )

    def _rows(self, item_ids: Sequence[str]) -> list[int]:
        return [self._row_of_id[item_id] for item_id in item_ids if item_id in self._row_of_id]


def _with_repeats(values: EngineValues) -> dict[str, ScenarioValues]:
    home = values.scenarios.get(PageType.HOME.name, ScenarioValues(page_type=PageType.HOME.name))
    return {**values.scenarios, PageType.HOME.name: replace(home, exclude_bought=False)}


def _ids(items: Sequence[RecommendedItem]) -> list[str]:
    return [item.item_id for item in items]
