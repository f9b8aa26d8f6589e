"""The order of the parts and what happens when they fail, on a pipeline of a few small stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from server.errors import ContractBroken
from server.pipeline.blend_merger import BlendMerger
from server.pipeline.budget import RequestBudget
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.degradation import DegradedReason, FailurePolicy, StageFailed
from server.pipeline.executor import Pipeline, PipelineParts, scores_of_blend
from server.pipeline.query import Query, Retrieved
from server.pipeline.stages import Filter, QueryHydrator, Reranker, Scorer, Selector, Source
from tests.support.recommending import BUDGET, StandingClock


@dataclass(slots=True, kw_only=True)
class NumberQuery(Query):
    """banned: a row that a filter drops; its hydrator owns it."""

    banned: int | None = None
    ran: list[str] = field(default_factory=list)


class BannedHydrator(QueryHydrator[NumberQuery, int]):
    produces = "banned"

    def hydrate(self, query: NumberQuery) -> int:
        query.ran.append("hydrate")
        return 4


class RowsSource(Source[NumberQuery]):
    def __init__(self, rows: list[int]) -> None:
        self.rows = rows

    def retrieve(self, query: NumberQuery) -> Retrieved:
        query.ran.append("retrieve")
        n = len(self.rows)
        return Retrieved(np.array(self.rows, np.int32), np.linspace(1, 0.1, n, dtype=np.float32))


class BrokenSource(Source[NumberQuery]):
    def retrieve(self, query: NumberQuery) -> Retrieved:
        raise OSError


class BannedFilter(Filter[NumberQuery]):
    def keep(self, query: NumberQuery, batch: CandidateBatch) -> np.ndarray:
        query.ran.append("keep")
        return batch.rows != (-1 if query.banned is None else query.banned)


class RowScorer(Scorer[NumberQuery]):
    """Prefers large rows."""

    def score(self, query: NumberQuery, batch: CandidateBatch) -> np.ndarray:
        query.ran.append("score")
        return (batch.rows / 100).astype(np.float32)


class BrokenScorer(Scorer[NumberQuery]):
    def score(self, query: NumberQuery, batch: CandidateBatch) -> np.ndarray:
        raise OSError


class OneReranker(Reranker[NumberQuery]):
    """Puts row 1 on top."""

    def multipliers(self, query: NumberQuery, batch: CandidateBatch) -> np.ndarray:
        query.ran.append("rerank")
        return np.where(batch.rows == 1, 100, 1).astype(np.float32)


class ReversedSelector(Selector[NumberQuery]):
    def select(self, query: NumberQuery, batch: CandidateBatch) -> np.ndarray:
        query.ran.append("select")
        return np.argsort(batch.priority).astype(np.int32)[: query.num_items]


PARTS: PipelineParts[NumberQuery] = PipelineParts(
    hydrators=(BannedHydrator(),),
    sources=(RowsSource([1, 2, 3, 4]), RowsSource([4, 5, 6])),
    merger=BlendMerger((0.5, 0.5), (4, 4), 8),
    filters=(BannedFilter(),),
    fallback=frozenset({1}),
    scorers=(RowScorer(),),
)


def new_query(num_items: int = 3, clock: Callable[[], float] | None = None) -> NumberQuery:
    budget = RequestBudget(BUDGET, float("inf"), clock or StandingClock())
    return NumberQuery(num_items=num_items, budget=budget)


def test_parts_run_in_the_fixed_order() -> None:
    parts = replace(
        PARTS, rerankers=(OneReranker(),), shortlist=ReversedSelector(), selector=ReversedSelector()
    )
    query = new_query()
    Pipeline(parts).run(query)
    assert query.ran == ["hydrate", "retrieve", "retrieve", "keep", "score", "select", "rerank", "select"]


def test_best_scores_are_chosen_and_filtered_rows_never_are() -> None:
    assert Pipeline(PARTS).run(new_query()).rows.tolist() == [6, 5, 3]
    assert 4 not in Pipeline(PARTS).run(new_query(10)).rows


def test_rerankers_see_the_shortlist_and_order_the_list() -> None:
    chosen = Pipeline(replace(PARTS, rerankers=(OneReranker(),))).run(new_query(10))
    assert chosen.rows.tolist() == [1, 6, 5, 3, 2]
    assert chosen.score.tolist() == pytest.approx([0.01, 0.06, 0.05, 0.03, 0.02])


def test_retrieve_gives_the_blended_order_before_the_ranker() -> None:
    query = new_query()
    batch = Pipeline(PARTS).retrieve(query)
    assert batch.rows.tolist() == [1, 2, 5, 3, 6]
    assert "score" not in query.ran


def test_failed_source_leaves_the_others_and_degrades() -> None:
    query = new_query()
    chosen = Pipeline(replace(PARTS, sources=(BrokenSource(), RowsSource([1, 2, 3])))).run(query)
    assert chosen.rows.tolist() == [3, 2, 1]
    assert query.degraded == [DegradedReason.SOURCE_FAILED]


def test_scorers_are_a_ladder() -> None:
    query = new_query()
    assert Pipeline(replace(PARTS, scorers=(BrokenScorer(), RowScorer()))).run(query).rows[0] == 6
    assert query.scored_by == "RowScorer"


def test_blend_orders_where_no_scorer_answers() -> None:
    query = new_query()
    chosen = Pipeline(replace(PARTS, scorers=(BrokenScorer(),))).run(query)
    assert chosen.rows.tolist() == [1, 2, 5]
    assert chosen.score[0] == 1
    assert query.degraded == [DegradedReason.SCORER_UNAVAILABLE]
    assert query.scored_by == ""


def test_backfill_comes_below_everything_in_its_own_order() -> None:
    parts = replace(PARTS, backfill=RowsSource([9, 3, 7, 4]), scorers=())
    query = new_query(8)
    chosen = Pipeline(parts).run(query)
    assert chosen.rows.tolist() == [1, 2, 5, 3, 6, 9, 7]
    assert chosen.nominated[-2:].tolist() == [1 << 2, 1 << 2]


def test_backfill_is_cut_to_its_limit() -> None:
    parts = replace(PARTS, backfill=RowsSource([9, 3, 7, 8]), backfill_max=1, scorers=())
    assert Pipeline(parts).run(new_query(8)).rows.tolist() == [1, 2, 5, 3, 6, 9]


def test_backfill_alone_fills_an_empty_list() -> None:
    parts = replace(PARTS, sources=(RowsSource([]), RowsSource([])), backfill=RowsSource([9, 7, 8]))
    assert sorted(Pipeline(parts).run(new_query(2)).rows.tolist()) == [8, 9]


def test_backfill_is_not_asked_for_a_full_list() -> None:
    parts = replace(PARTS, backfill=BrokenSource())
    query = new_query(5)
    Pipeline(parts).run(query)
    assert query.degraded == []


def test_no_time_at_the_start_is_an_essential_failure() -> None:
    clock = StandingClock()
    query = new_query(clock=clock)
    clock.now_s += 1
    with pytest.raises(StageFailed) as failed:
        Pipeline(PARTS).run(query)
    assert failed.value.reason is DegradedReason.DEADLINE
    assert query.ran == []


def test_time_that_runs_out_drops_what_is_left_and_still_answers() -> None:
    clock = StandingClock()

    class SlowSource(RowsSource):
        def retrieve(self, query: NumberQuery) -> Retrieved:
            clock.now_s += 0.066
            return super().retrieve(query)

    query = new_query(clock=clock)
    parts = replace(PARTS, sources=(SlowSource([1, 2, 3]), RowsSource([5])), rerankers=(OneReranker(),))
    assert Pipeline(parts).run(query).rows.tolist() == [1, 2, 3]
    assert query.degraded == [DegradedReason.DEADLINE]
    assert [record.stage for record in query.records if record.late] == [
        "RowsSource",
        "RowScorer",
        "OneReranker",
    ]


def test_slow_group_leaves_out_its_own_stages_and_not_the_next_ones() -> None:
    clock = StandingClock()

    class SlowSource(RowsSource):
        def retrieve(self, query: NumberQuery) -> Retrieved:
            clock.now_s += 0.022
            return super().retrieve(query)

    query = new_query(clock=clock)
    parts = replace(PARTS, sources=(SlowSource([1, 2, 3]), RowsSource([5])))
    assert Pipeline(parts).run(query).rows.tolist() == [3, 2, 1]
    assert [record.stage for record in query.records if record.late] == ["RowsSource"]
    assert query.scored_by == "RowScorer"


def test_fallback_asks_only_its_sources_and_filters() -> None:
    clock = StandingClock()
    query = new_query(clock=clock)
    clock.now_s += 1
    query.banned = 5
    chosen = Pipeline(PARTS).run_fallback(query)
    assert chosen.rows.tolist() == [4, 6]
    assert query.ran == ["retrieve", "keep"]
    assert query.degraded == []
    assert chosen.score.tolist() == pytest.approx([1, 0])


def test_fallback_hydrates_what_it_may_and_what_has_not_been_tried() -> None:
    pipeline = Pipeline(replace(PARTS, fallback_fields=frozenset({"banned"})))
    query = new_query()
    assert pipeline.run_fallback(query).rows.tolist() == [5, 6]
    pipeline.run_fallback(query)
    assert query.ran.count("hydrate") == 1


def test_two_hydrators_may_not_own_one_field() -> None:
    with pytest.raises(ContractBroken, match="banned"):
        replace(PARTS, hydrators=(BannedHydrator(), BannedHydrator()))


def test_filter_may_not_fail_open() -> None:
    class OpenFilter(BannedFilter):
        policy = FailurePolicy(DegradedReason.INTERNAL)

    with pytest.raises(ContractBroken, match="OpenFilter"):
        replace(PARTS, filters=(OpenFilter(),))


def test_source_without_a_quota_only_adds_to_the_others_scores() -> None:
    merger = BlendMerger((0.5, 0.5), (4, 0), 8, fill=False)
    batch = Pipeline(replace(PARTS, merger=merger, filters=())).retrieve(new_query())
    assert sorted(batch.rows.tolist()) == [1, 2, 3, 4]
    assert batch.nominated[batch.rows == 4].tolist() == [0b11]


@pytest.mark.parametrize(
    ("blend", "scores"), [([], []), ([0.3], [1]), ([0.2, 0.2], [1, 1]), ([0.5, -0.5, 0], [1, 0, 0.5])]
)
def test_blend_as_scores_spans_zero_to_one(blend: list[float], scores: list[float]) -> None:
    assert scores_of_blend(np.array(blend, np.float32)).tolist() == scores
