"""What the framework holds of any stage, on small stages of its own."""

from __future__ import annotations

import numpy as np
import pytest

from server.errors import ContractBroken
from server.pipeline.budget import RequestBudget
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.degradation import DegradedReason, FailurePolicy, StageFailed
from server.pipeline.query import Query, Retrieved
from server.pipeline.stage import Stage
from server.pipeline.stages import Filter, Merger, Reranker, Selector, Source
from tests.support.recommending import BUDGET, StandingClock
from tests.support.stage_contracts import batch_of


def new_query() -> Query:
    return Query(num_items=3, budget=RequestBudget(BUDGET, float("inf"), StandingClock()))


class GivenSource(Source[Query]):
    def __init__(self, found: Retrieved) -> None:
        self.found = found

    def retrieve(self, query: Query) -> Retrieved:
        return self.found


class GivenFilter(Filter[Query]):
    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask

    def keep(self, query: Query, batch: CandidateBatch) -> np.ndarray:
        return self.mask


class GivenReranker(Reranker[Query]):
    def __init__(self, factors: np.ndarray) -> None:
        self.factors = factors

    def multipliers(self, query: Query, batch: CandidateBatch) -> np.ndarray:
        return self.factors


class GivenSelector(Selector[Query]):
    def __init__(self, positions: np.ndarray) -> None:
        self.positions = positions

    def select(self, query: Query, batch: CandidateBatch) -> np.ndarray:
        return self.positions


def test_stage_must_be_of_a_kind() -> None:
    with pytest.raises(TypeError, match="stage kinds"):
        type("Loose", (Stage,), {})


def test_mixin_cannot_replace_run_either() -> None:
    class OwnRun:
        def run(self, *args: object) -> None:
            return None

    with pytest.raises(TypeError, match="final"):
        type("Sneaky", (OwnRun, GivenFilter), {})


def test_kind_and_name_come_from_the_classes() -> None:
    assert (GivenFilter.kind, GivenFilter.name) == ("filter", "GivenFilter")
    assert (GivenSource.kind, GivenSource.name) == ("source", "GivenSource")


@pytest.mark.parametrize(
    "mask", [np.ones(2, np.bool_), np.ones(3, np.uint8), np.ones((3, 1), np.bool_), [True, True, True]]
)
def test_mask_of_a_wrong_length_or_type_is_a_broken_contract(mask: np.ndarray) -> None:
    with pytest.raises(ContractBroken, match="GivenFilter: mask"):
        GivenFilter(mask).run(new_query(), batch_of([1, 2, 3]), np.ones(3, np.bool_))


def test_masks_of_all_filters_are_combined_and_counted() -> None:
    query, kept, batch = new_query(), np.ones(3, np.bool_), batch_of([1, 2, 3])
    GivenFilter(np.array([True, False, True])).run(query, batch, kept)
    GivenFilter(np.array([False, False, True])).run(query, batch, kept)
    assert kept.tolist() == [False, False, True]
    assert [(record.candidates_in, record.candidates_out) for record in query.records] == [(3, 2), (2, 1)]


@pytest.mark.parametrize(
    ("rows", "scores", "because"),
    [
        (np.zeros(2, np.int64), np.zeros(2, np.float32), None),
        (np.zeros(2, np.int32), np.zeros(3, np.float32), None),
        (np.zeros(2, np.int32), np.zeros(2), None),
        (np.zeros(2, np.int32), np.zeros(2, np.float32), np.zeros(1, np.int32)),
    ],
)
def test_list_whose_columns_disagree_is_a_broken_contract(
    rows: np.ndarray, scores: np.ndarray, because: np.ndarray | None
) -> None:
    with pytest.raises(ContractBroken, match="GivenSource"):
        GivenSource(Retrieved(rows, scores, because)).run(new_query())


@pytest.mark.parametrize("positions", [[0, 0], [3], [-1]])
def test_positions_that_repeat_or_lie_outside_are_a_broken_contract(positions: list[int]) -> None:
    with pytest.raises(ContractBroken, match="positions"):
        GivenSelector(np.array(positions, np.int32)).run(new_query(), batch_of([1, 2, 3]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1])
def test_unusable_multipliers_are_dropped_and_degrade(bad: float) -> None:
    query, batch = new_query(), batch_of([1, 2])
    assert GivenReranker(np.array([1, bad], np.float32)).run(query, batch) is batch
    assert query.degraded == [DegradedReason.INTERNAL]


def test_reason_is_named_once_however_often_it_arises() -> None:
    query = new_query()
    query.degrade(DegradedReason.DEADLINE)
    query.degrade(DegradedReason.DEADLINE)
    assert query.degraded == [DegradedReason.DEADLINE]


def test_stage_that_is_off_leaves_no_trace() -> None:
    class OffSource(GivenSource):
        def enabled(self, query: Query) -> bool:
            return False

    query = new_query()
    assert len(OffSource(Retrieved(np.zeros(1, np.int32), np.zeros(1, np.float32))).run(query).rows) == 0
    assert query.records == []


def test_merger_that_is_made_optional_is_a_broken_contract() -> None:
    class OptionalMerger(Merger[Query]):
        policy = FailurePolicy(DegradedReason.INTERNAL)

        def merge(self, query: Query, lists: object) -> CandidateBatch:
            raise OSError

    with pytest.raises(ContractBroken, match="essential"):
        OptionalMerger().run(new_query(), [])


def test_essential_failure_names_its_stage_and_keeps_its_cause() -> None:
    class BrokenFilter(GivenFilter):
        def keep(self, query: Query, batch: CandidateBatch) -> np.ndarray:
            raise OSError("gone")

    with pytest.raises(StageFailed, match="BrokenFilter") as failed:
        BrokenFilter(np.ones(1, np.bool_)).run(new_query(), batch_of([1]), np.ones(1, np.bool_))
    assert isinstance(failed.value.__cause__, OSError)
