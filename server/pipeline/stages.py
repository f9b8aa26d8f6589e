"""The kinds of stage. An author derives from one, writes its hook and nothing else.

kind            hook            gives                                          if it fails
QueryHydrator   hydrate         a value for one field of the query             FEATURES_MISSING
Source          retrieve        rows and scores, best first                    SOURCE_FAILED
Merger          merge           the batch of candidates                        essential
Filter          keep            a mask, true where a candidate may stay        essential
FeatureAssembler  assemble      float32[n, C]                                  SCORER_UNAVAILABLE
Scorer          score           float32[n] in [0, 1]                           SCORER_UNAVAILABLE
Reranker        multipliers     float32[n], not negative                       INTERNAL
Selector        select          positions in the batch, in the order wanted    INTERNAL

The one length rule: an array that stands for candidates has one entry for each candidate of the batch that
was given, in its order. Only a filter's mask and a selector's positions may drop one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from server.errors import ContractBroken
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.degradation import DegradedReason, FailurePolicy, UnusableValue
from server.pipeline.query import NOTHING_RETRIEVED, Retrieved
from server.pipeline.stage import QueryT, Stage

_FieldT = TypeVar("_FieldT", covariant=True)


def _no_candidates(_: object) -> int:
    return 0


class QueryHydrator(Stage[QueryT], Generic[QueryT, _FieldT], kind="query_hydrator"):
    """Adds to the query. Owns exactly one field of it, named by `produces`, which stays as it was on failure."""

    produces: ClassVar[str] = ""
    policy = FailurePolicy(DegradedReason.FEATURES_MISSING)

    def hydrate(self, query: QueryT) -> _FieldT:
        """Returns the value of the field; does not write to the query."""
        raise NotImplementedError

    @final
    def run(self, query: QueryT) -> None:
        """Sets the field."""
        if self.enabled(query):
            value = self._call(query, 0, self.hydrate, (), _no_candidates)
            if value is not None:
                setattr(query, self.produces, value)


class Source(Stage[QueryT], kind="source"):
    """Proposes candidates."""

    costly = True
    policy = FailurePolicy(DegradedReason.SOURCE_FAILED)

    def retrieve(self, query: QueryT) -> Retrieved:
        """Returns rows, each once, and their scores, best first."""
        raise NotImplementedError

    @final
    def run(self, query: QueryT) -> Retrieved:
        """Returns the list; an empty one where the source is off, late or failed."""
        if not self.enabled(query):
            return NOTHING_RETRIEVED
        return self._call(query, 0, self.retrieve, (), self._check) or NOTHING_RETRIEVED

    def _check(self, found: Retrieved) -> int:
        self._check_array(found.rows, "rows", np.int32, (-1,))
        self._check_array(found.scores, "scores", np.float32, (len(found.rows),))
        if found.because is not None:
            self._check_array(found.because, "because", np.int32, (len(found.rows),))
        return len(found.rows)


class Merger(Stage[QueryT], kind="merger"):
    """Makes one batch of the sources' lists."""

    def merge(self, query: QueryT, lists: Sequence[Retrieved]) -> CandidateBatch:
        """Returns the candidates, each row once."""
        raise NotImplementedError

    @final
    def run(self, query: QueryT, lists: Sequence[Retrieved]) -> CandidateBatch:
        """Returns the batch."""
        proposed = sum(len(found.rows) for found in lists)
        batch = self._call(query, proposed, self.merge, (lists,), len)
        if batch is None:
            raise ContractBroken(f"{self.name}: a merger is essential")
        return batch


class Filter(Stage[QueryT], kind="filter"):
    """Drops candidates that may not be shown."""

    def keep(self, query: QueryT, batch: CandidateBatch) -> NDArray[np.bool_]:
        """Returns a mask over the batch: true where the candidate may stay."""
        raise NotImplementedError

    @final
    def run(self, query: QueryT, batch: CandidateBatch, kept: NDArray[np.bool_]) -> None:
        """Narrows `kept`, the mask that the filters before it have left."""
        if self.enabled(query):
            before = int(np.count_nonzero(kept))
            self._call(query, before, self.keep, (batch,), self._narrow, kept)

    def _narrow(self, mask: NDArray[np.bool_], kept: NDArray[np.bool_]) -> int:
        self._check_array(mask, "mask", np.bool_, kept.shape)
        np.logical_and(kept, mask, out=kept)
        return int(np.count_nonzero(kept))


class FeatureAssembler(Stage[QueryT], kind="feature_assembler"):
    """Gives candidates the features that scorers read. width: columns of the matrix."""

    costly = True
    policy = FailurePolicy(DegradedReason.SCORER_UNAVAILABLE)
    width: ClassVar[int] = 0

    def assemble(self, query: QueryT, batch: CandidateBatch) -> NDArray[np.float32]:
        """Returns the feature matrix, float32[n, width]."""
        raise NotImplementedError

    @final
    def run(self, query: QueryT, batch: CandidateBatch) -> CandidateBatch:
        """Returns the batch with its features; unchanged where the stage is off, late or failed."""
        if not self.enabled(query) or not len(batch):
            return batch
        features = self._call(query, len(batch), self.assemble, (batch,), self._check, len(batch))
        return batch if features is None else batch.with_features(features)

    def _check(self, features: NDArray[np.float32], candidates: int) -> int:
        self._check_array(features, "features", np.float32, (candidates, self.width))
        return candidates


class Scorer(Stage[QueryT], kind="scorer"):
    """Gives candidates the score that orders them."""

    costly = True
    policy = FailurePolicy(DegradedReason.SCORER_UNAVAILABLE)

    def score(self, query: QueryT, batch: CandidateBatch) -> NDArray[np.float32]:
        """Returns the scores, float32[n] in [0, 1]."""
        raise NotImplementedError

    @final
    def run(self, query: QueryT, batch: CandidateBatch) -> CandidateBatch:
        """Returns the batch with its scores, and names itself in the query; unchanged where it did not score."""
        if not self.enabled(query) or not len(batch):
            return batch
        scores = self._call(query, len(batch), self.score, (batch,), self._check, len(batch))
        if scores is None:
            return batch
        query.scored_by = self.name
        return batch.with_score(scores)

    def _check(self, scores: NDArray[np.float32], candidates: int) -> int:
        self._check_array(scores, "scores", np.float32, (candidates,))
        # min() and max() of a list with a NaN are NaN, for which both comparisons are false.
        if not (scores.min() >= 0 and scores.max() <= 1):
            raise UnusableValue(f"{self.name}: scores are not all in [0, 1]")
        return candidates


class Reranker(Stage[QueryT], kind="reranker"):
    """Raises or lowers some of the best candidates."""

    policy = FailurePolicy(DegradedReason.INTERNAL)

    def multipliers(self, query: QueryT, batch: CandidateBatch) -> NDArray[np.float32] | None:
        """Returns what to multiply each candidate's priority by, float32[n], not negative; None = nothing changes."""
        raise NotImplementedError

    @final
    def run(self, query: QueryT, batch: CandidateBatch) -> CandidateBatch:
        """Returns the batch with its new priorities; unchanged where the stage is off, late or failed."""
        if not self.enabled(query) or not len(batch):
            return batch
        factors = self._call(query, len(batch), self.multipliers, (batch,), self._check, len(batch))
        return batch if factors is None else batch.with_multiplier(factors)

    def _check(self, factors: NDArray[np.float32] | None, candidates: int) -> int:
        if factors is None:
            return candidates
        self._check_array(factors, "multipliers", np.float32, (candidates,))
        if not (factors.min() >= 0 and factors.max() < np.inf):
            raise UnusableValue(f"{self.name}: multipliers are negative or not finite")
        return candidates


class Selector(Stage[QueryT], kind="selector"):
    """Chooses candidates and puts them in order."""

    policy = FailurePolicy(DegradedReason.INTERNAL)

    def select(self, query: QueryT, batch: CandidateBatch) -> NDArray[np.int32]:
        """Returns positions in the batch, int32, each at most once, in the order wanted."""
        raise NotImplementedError

    @final
    def run(self, query: QueryT, batch: CandidateBatch) -> CandidateBatch | None:
        """Returns the chosen candidates in order; None where the stage is off, late or failed."""
        if not self.enabled(query):
            return None
        chosen = self._call(query, len(batch), self.select, (batch,), self._check, len(batch))
        return None if chosen is None else batch.take(chosen)

    def _check(self, positions: NDArray[np.int32], candidates: int) -> int:
        self._check_array(positions, "positions", np.int32, (-1,))
        distinct = set(positions.tolist())
        if len(distinct) != len(positions) or (
            distinct and not 0 <= min(distinct) <= max(distinct) < candidates
        ):
            raise ContractBroken(f"{self.name}: positions repeat or lie outside the batch")
        return len(positions)
