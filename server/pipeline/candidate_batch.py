"""The candidates of one request as columns."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.errors import ContractBroken

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Positions = NDArray[np.int32]


class CandidateBatch:
    """n candidates. Columns are never written after construction: each change gives a new batch that shares the rest.

    rows          int32[n]    item rows, each once
    blend         float32[n]  the merged retrieval score
    nominated     uint32[n]   bit s is set where source number s of the pipeline proposed the row
    source_scores float32[n, S]  normalised per source, 0 where it did not propose the row
    score         float32[n]  what orders the candidates, in [0, 1]
    priority      float32[n]  score after the re-rankers' multipliers
    features      float32[n, C] or None
    """

    __slots__ = ("blend", "features", "nominated", "priority", "rows", "score", "source_scores")

    def __init__(
        self,
        rows: Rows,
        blend: Floats,
        nominated: NDArray[np.uint32],
        source_scores: Floats,
        *,
        score: Floats | None = None,
        priority: Floats | None = None,
        features: Floats | None = None,
    ) -> None:
        self.rows = rows
        self.blend = blend
        self.nominated = nominated
        self.source_scores = source_scores
        self.score = blend if score is None else score
        self.priority = self.score if priority is None else priority
        self.features = features

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def empty(cls, sources: int) -> Self:
        """Returns a batch of no candidates."""
        return cls(
            np.empty(0, np.int32),
            np.empty(0, np.float32),
            np.empty(0, np.uint32),
            np.empty((0, sources), np.float32),
        )

    def keep(self, mask: Mask) -> Self:
        """Returns the candidates where the mask is true, in the same order."""
        return self._gather(np.flatnonzero(mask))

    def take(self, positions: NDArray[np.integer]) -> Self:
        """Returns the candidates at the positions, in the positions' order."""
        return self._gather(positions)

    def _gather(self, at: NDArray[np.integer]) -> Self:
        score = None if self.score is self.blend else self.score.take(at)
        priority = None if self.priority is self.score else self.priority.take(at)
        return type(self)(
            self.rows.take(at),
            self.blend.take(at),
            self.nominated.take(at),
            self.source_scores.take(at, axis=0),
            score=score,
            priority=priority,
            features=None if self.features is None else self.features.take(at, axis=0),
        )

    def with_features(self, features: Floats) -> Self:
        """Returns the same candidates with their features."""
        return self._replace(self.score, self.priority, features)

    def with_score(self, score: Floats) -> Self:
        """Returns the same candidates, ordered by another score from now on."""
        return self._replace(score, score, self.features)

    def scored_only(self) -> Self:
        """Returns the candidates with their score, which is also their blend, and without what it was made of."""
        return type(self)(self.rows, self.score, self.nominated, np.empty((len(self.rows), 0), np.float32))

    def first(self, count: int) -> Self:
        """Returns the first candidates of a batch that is not scored: views of its columns."""
        return type(self)(
            self.rows[:count], self.blend[:count], self.nominated[:count], self.source_scores[:count]
        )

    def with_multiplier(self, multiplier: Floats) -> Self:
        """Returns the same candidates with their priority multiplied."""
        return self._replace(self.score, self.priority * multiplier, self.features)

    def _replace(self, score: Floats, priority: Floats, features: Floats | None) -> Self:
        return type(self)(
            self.rows,
            self.blend,
            self.nominated,
            self.source_scores,
            score=score,
            priority=priority,
            features=features,
        )

    def join(self, other: Self) -> Self:
        """Returns these candidates followed by the other batch's. Neither may be scored yet; raises ContractBroken."""
        if self.score is not self.blend or other.score is not other.blend:
            raise ContractBroken("batches are joined before they are scored")
        return type(self)(
            np.concatenate((self.rows, other.rows)),
            np.concatenate((self.blend, other.blend)),
            np.concatenate((self.nominated, other.nominated)),
            np.concatenate((self.source_scores, other.source_scores)),
        )
