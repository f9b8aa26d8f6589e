"""Runs the parts of a pipeline in their fixed order.

hydrators > sources > merge > filters (> backfill) > features > scorers > shortlist > re-rankers > selection

Where an earlier request was made of the same, what it remembered takes the place of all but the first hydrators, the filters
and what follows the scorers.

What follows the reply is side_effect_runner.py's. Products list parts; the order is not theirs to change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ext import keep_not_in, top_k
from server.errors import ContractBroken
from server.pipeline.budget import StageGroup
from server.pipeline.candidate_batch import CandidateBatch, Mask
from server.pipeline.degradation import DegradedReason, StageFailed
from server.pipeline.query import NOTHING_RETRIEVED, Query, StageRecord
from server.pipeline.remembered import RememberedRanking
from server.pipeline.stages import (
    FeatureAssembler,
    Filter,
    Merger,
    QueryHydrator,
    Reranker,
    Scorer,
    Selector,
    Source,
)

QueryT = TypeVar("QueryT", bound=Query)

REMEMBERED = "Remembered"
"""Name of the record that stands for all sources, whose candidates are an earlier request's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineParts(Generic[QueryT]):
    """The parts of one pipeline, each kind in the order in which it runs.

    backfill: asked only when fewer candidates than wanted pass the filters; its rows pass them too, count as
    nominated by the source number after the last, and are cut to backfill_max.
    fallback: numbers of the sources that can answer alone, from what this process holds. fallback_fields: fields
    of the query whose hydrators need nothing else either.
    scorers: a ladder; the first that answers ends it. shortlist: chooses what the re-rankers see.
    remembered_fields: hydrated fields that stages after the scorers, and filters, read. They are remembered with a
    ranking, where a hydrator that owns the field `remembered` gives it a place: after that one, hydrators are left out.
    """

    hydrators: tuple[QueryHydrator[QueryT, object], ...]
    sources: tuple[Source[QueryT], ...]
    merger: Merger[QueryT]
    filters: tuple[Filter[QueryT], ...] = ()
    backfill: Source[QueryT] | None = None
    backfill_max: int = 500
    fallback: frozenset[int] = frozenset()
    fallback_fields: frozenset[str] = frozenset()
    remembered_fields: tuple[str, ...] = ()
    features: FeatureAssembler[QueryT] | None = None
    scorers: tuple[Scorer[QueryT], ...] = ()
    shortlist: Selector[QueryT] | None = None
    rerankers: tuple[Reranker[QueryT], ...] = ()
    selector: Selector[QueryT] | None = None

    def __post_init__(self) -> None:
        fields = [hydrator.produces for hydrator in self.hydrators]
        if "" in fields or len(set(fields)) != len(fields):
            raise ContractBroken(f"each hydrator owns one field of the query: {fields}")
        for stage in (self.merger, *self.filters):
            if not stage.policy.essential:
                raise ContractBroken(f"{stage.name}: a {stage.kind} may not fail open")


class Pipeline(Generic[QueryT]):
    """Executes one list of parts. Holds no state of a request, so threads share it."""

    def __init__(self, parts: PipelineParts[QueryT]) -> None:
        self.parts = parts
        fields = [hydrator.produces for hydrator in parts.hydrators]
        first = fields.index("remembered") + 1 if "remembered" in fields else 0
        self._first_hydrators, self._other_hydrators = parts.hydrators[:first], parts.hydrators[first:]

    def run(self, query: QueryT) -> CandidateBatch:
        """Returns the chosen candidates in the order of the reply.

        Raises StageFailed where an essential stage failed or there was no time to begin, ContractBroken where
        a stage breaks its contract.
        """
        self._begin(query)
        batch = self._recall(query)
        if batch is None:
            merged = self._retrieve(query)
            kept = self._kept(query, merged)
            batch = self._score(query, self._backfilled(query, merged, kept))
            self._remember(query, merged, kept, batch)
        query.budget.begin_group(StageGroup.RERANKING)
        return self._select(query, batch)

    def retrieve(self, query: QueryT) -> CandidateBatch:
        """Returns the candidates that may be shown, in blended order: what the ranker is given. Raises as run()."""
        self._begin(query)
        merged = self._retrieve(query)
        return self._backfilled(query, merged, self._kept(query, merged))

    def run_fallback(self, query: QueryT) -> CandidateBatch:
        """Returns the best of the fallback's sources, after the filters, by their own scores.

        For when run() raised StageFailed: takes no heed of time, which is the reserve's, and asks nothing outside
        this process. Filters work with what is hydrated by then. Raises StageFailed where that fails too.
        """
        query.budget.lift()
        query.scored_by = ""
        query.fallback_from = len(query.records)
        ran = {record.stage for record in query.records if not record.late}
        for hydrator in self.parts.hydrators:
            if hydrator.produces in self.parts.fallback_fields and hydrator.name not in ran:
                hydrator.run(query)
        query.retrieved = [
            source.run(query) if number in self.parts.fallback else NOTHING_RETRIEVED
            for number, source in enumerate(self.parts.sources)
        ]
        merged = self.parts.merger.run(query, query.retrieved)
        batch = self._backfilled(query, merged, self._kept(query, merged))
        batch = batch.with_score(scores_of_blend(batch.blend))
        return batch.take(top_k(batch.score, query.num_items))

    def _begin(self, query: QueryT) -> None:
        """Runs the hydrators up to the one that finds the place of what is remembered."""
        if query.budget.is_used_up():
            raise StageFailed(type(self).__name__, DegradedReason.DEADLINE)
        query.budget.begin_group(StageGroup.HYDRATION)
        for hydrator in self._first_hydrators:
            hydrator.run(query)

    def _recall(self, query: QueryT) -> CandidateBatch | None:
        """Returns the remembered candidates that pass the filters now, scored; None where that is not the whole answer."""
        ranking = None if query.remembered is None else query.remembered.ranking
        if ranking is None:
            return None
        records = len(query.records)
        now_s = query.budget.clock()
        query.records.append(StageRecord(REMEMBERED, "source", now_s, now_s, 0, len(ranking.batch)))
        query.retrieved = list(ranking.retrieved)
        for name, value in ranking.values:
            setattr(query, name, value)
        batch = ranking.kept(self._kept(query, ranking.batch))
        if batch is None or (len(batch) < query.num_items and self.parts.backfill is not None):
            del query.records[records:]
            return None
        query.scored_by, query.is_recalled = ranking.scored_by, True
        return batch

    def _remember(self, query: QueryT, merged: CandidateBatch, kept: Mask, scored: CandidateBatch) -> None:
        """Leaves the ranking to later requests, unless something is wrong with it or it was filled up."""
        if query.remembered is None or query.degraded or len(scored) != np.count_nonzero(kept):
            return
        whole = best = scored.scored_only()
        if len(scored) < len(merged):
            whole = best.join(merged.keep(~kept).scored_only())
            best = whole.first(len(scored))
        # Of the lists, what was scored needs no more than what explains its candidates: an entry is to be small.
        retrieved = [
            found if not query.scored_by or found.because is not None else NOTHING_RETRIEVED
            for found in query.retrieved
        ]
        query.remembered.ranking = RememberedRanking(
            tuple((name, getattr(query, name)) for name in self.parts.remembered_fields),
            retrieved,
            whole,
            best,
            query.scored_by,
        )

    def _retrieve(self, query: QueryT) -> CandidateBatch:
        """Returns what the sources propose, merged."""
        for hydrator in self._other_hydrators:
            hydrator.run(query)
        query.budget.begin_group(StageGroup.RETRIEVAL)
        query.retrieved = [source.run(query) for source in self.parts.sources]
        return self.parts.merger.run(query, query.retrieved)

    def _kept(self, query: QueryT, batch: CandidateBatch) -> Mask:
        """Returns which candidates every filter keeps. All filters see the whole batch."""
        kept = np.ones(len(batch), np.bool_)
        for stage in self.parts.filters:
            stage.run(query, batch, kept)
        return kept

    def _backfilled(self, query: QueryT, merged: CandidateBatch, kept: Mask) -> CandidateBatch:
        """Returns the candidates that are kept, filled up where they are fewer than wanted."""
        batch = merged if kept.all() else merged.keep(kept)
        if len(batch) < query.num_items and self.parts.backfill is not None:
            batch = self._backfill(query, batch, self.parts.backfill)
        return batch

    def _backfill(self, query: QueryT, batch: CandidateBatch, backfill: Source[QueryT]) -> CandidateBatch:
        """Appends what the backfill proposes, in its order and below everything that is there."""
        found = backfill.run(query)
        rows = found.rows[keep_not_in(found.rows, np.sort(batch.rows))]
        sources = len(self.parts.sources)
        added = CandidateBatch(
            rows,
            np.zeros(len(rows), np.float32),
            np.full(len(rows), 1 << sources, np.uint32),
            np.zeros((len(rows), sources), np.float32),
        )
        added = added.keep(self._kept(query, added))
        if not len(added):
            return batch
        added = added.take(np.arange(min(len(added), self.parts.backfill_max)))
        floor = batch.blend.min() if len(batch) else np.float32(1)
        added.blend[:] = floor - np.arange(1, len(added) + 1, dtype=np.float32) / len(added)
        return batch.join(added)

    def _score(self, query: QueryT, batch: CandidateBatch) -> CandidateBatch:
        query.budget.begin_group(StageGroup.SCORING)
        if self.parts.features is not None:
            batch = self.parts.features.run(query, batch)
        for scorer in self.parts.scorers:
            batch = scorer.run(query, batch)
            if query.scored_by:
                return batch
        return batch.with_score(scores_of_blend(batch.blend))

    def _select(self, query: QueryT, batch: CandidateBatch) -> CandidateBatch:
        best = None if self.parts.shortlist is None else self.parts.shortlist.run(query, batch)
        if best is None:
            best = batch.take(top_k(batch.score, query.num_items))
        for reranker in self.parts.rerankers:
            best = reranker.run(query, best)
        chosen = None if self.parts.selector is None else self.parts.selector.run(query, best)
        if chosen is None:
            chosen = best.take(top_k(best.priority, query.num_items))
        return chosen


def scores_of_blend(blend: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the blend as scores: the lowest 0, the largest 1; all 1 where they are equal."""
    if not len(blend):
        return blend
    low = blend.min()
    span = blend.max() - low
    return (blend - low) / span if span > 0 else np.ones_like(blend)
