"""What every stage of a kind must hold. A concrete stage's test inherits its kind's suite and gives it a stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.errors import ContractBroken
from server.handlers.messages import RecommendCommand
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.degradation import DegradedReason, StageFailed
from server.query import RecommendQuery
from tests.support.recommending import Shop

SOURCES = 5


def batch_of(rows: list[int] | np.ndarray, sources: int = SOURCES) -> CandidateBatch:
    """Returns a batch of rows that all sources nominated, blended score falling from 1."""
    n = len(rows)
    falling = (1 - np.arange(n) / max(n, 1)).astype(np.float32)
    return CandidateBatch(
        np.array(rows, np.int32),
        falling,
        np.full(n, (1 << sources) - 1, np.uint32),
        np.repeat(falling[:, np.newaxis], sources, axis=1),
    )


class StageContract:
    """Holds for every stage."""

    hook = ""

    def stage(self, shop: Shop) -> Any:
        """Returns the stage under test."""
        raise NotImplementedError

    def query(self, shop: Shop) -> RecommendQuery:
        """Returns a query for which the stage is enabled."""
        return shop.hydrated(RecommendCommand(user_id="ann"))

    def run(self, stage: Any, query: RecommendQuery, shop: Shop) -> Any:
        """Runs the stage as the executor does."""
        raise NotImplementedError

    def failing(self, shop: Shop, error: Exception) -> Any:
        """Returns the stage with a hook that raises."""
        stage = self.stage(shop)

        def fail(self: Any, *args: Any) -> Any:
            raise error

        broken = type(type(stage).__name__, (type(stage),), {self.hook: fail})
        copy = object.__new__(broken)
        copy.__dict__.update(stage.__dict__)
        return copy

    def test_run_cannot_be_replaced(self, shop: Shop) -> None:
        with pytest.raises(TypeError, match="final"):
            type("Replaced", (type(self.stage(shop)),), {"run": lambda self, *args: None})

    def test_is_named_after_its_class_and_its_module(self, shop: Shop) -> None:
        stage = type(self.stage(shop))
        words = "".join(part.title() for part in stage.__module__.rsplit(".", 1)[1].split("_"))
        assert stage.name == stage.__name__ == words

    def test_failure_is_recorded_and_follows_the_policy(self, shop: Shop) -> None:
        stage, query = self.failing(shop, OSError("gone")), self.query(shop)
        if stage.policy.essential:
            with pytest.raises(StageFailed):
                self.run(stage, query, shop)
        else:
            self.run(stage, query, shop)
            assert query.degraded == [stage.policy.fail_open]
        assert isinstance(query.records[-1].error, OSError)

    def test_broken_contract_is_never_failed_open(self, shop: Shop) -> None:
        with pytest.raises(ContractBroken):
            self.run(self.failing(shop, ContractBroken("bad")), self.query(shop), shop)

    def test_late_stage_is_dropped_unless_it_is_essential(self, shop: Shop) -> None:
        stage, query = self.stage(shop), self.query(shop)
        query.budget.group_ends_s = query.budget.work_ends_s = shop.clock.now_s
        self.run(stage, query, shop)
        assert query.records[-1].late is not stage.policy.essential
        assert query.degraded == ([] if stage.policy.essential else [DegradedReason.DEADLINE])

    def test_records_what_it_did(self, shop: Shop) -> None:
        query = self.query(shop)
        self.run(self.stage(shop), query, shop)
        record = query.records[-1]
        assert (record.stage, record.error, record.late) == (type(self.stage(shop)).__name__, None, False)


class HydratorContract(StageContract):
    """Holds for every query hydrator."""

    hook = "hydrate"

    def run(self, stage: Any, query: RecommendQuery, shop: Shop) -> None:
        setattr(query, stage.produces, None)
        stage.run(query)

    def test_sets_its_own_field_and_no_other(self, shop: Shop) -> None:
        query, stage = self.query(shop), self.stage(shop)
        fields = ("items", "record", "history", "context", "user", "user_vector")
        before = {name: getattr(query, name) for name in fields}
        self.run(stage, query, shop)
        assert getattr(query, stage.produces) is not None
        assert all(getattr(query, name) is before[name] for name in fields if name != stage.produces)


class SourceContract(StageContract):
    """Holds for every source. limit: how many wanted items the stage under test may give."""

    hook = "retrieve"
    limit = 30

    def run(self, stage: Any, query: RecommendQuery, shop: Shop) -> Any:
        return stage.run(query)

    def test_list_is_distinct_best_first_and_limited(self, shop: Shop) -> None:
        query = self.query(shop)
        found = self.stage(shop).run(query)
        rows = found.rows.tolist()
        assert 0 < np.count_nonzero(~np.isin(rows, query.unwanted_rows)) <= self.limit
        assert len(set(rows)) == len(rows)
        assert 0 <= min(rows) <= max(rows) < shop.release.capacity
        assert (np.diff(found.scores) <= 0).all()

    def test_explains_with_rows_of_the_release_or_not_at_all(self, shop: Shop) -> None:
        found = self.stage(shop).run(self.query(shop))
        if found.because is not None:
            assert ((found.because >= -1) & (found.because < shop.release.capacity)).all()

    def test_same_query_gets_the_same_list(self, shop: Shop) -> None:
        stage = self.stage(shop)
        first, second = stage.run(self.query(shop)), stage.run(self.query(shop))
        np.testing.assert_array_equal(first.rows, second.rows)
        np.testing.assert_array_equal(first.scores, second.scores)

    def test_failed_source_gives_nothing(self, shop: Shop) -> None:
        stage = self.failing(shop, OSError())
        if not stage.policy.essential:
            assert len(stage.run(self.query(shop)).rows) == 0


class FilterContract(StageContract):
    """Holds for every filter. dropped(): the items that the stage must drop, of all that there are."""

    hook = "keep"

    def dropped(self, shop: Shop) -> set[str]:
        """Returns ids of the items that may not stay."""
        raise NotImplementedError

    def run(self, stage: Any, query: RecommendQuery, shop: Shop) -> np.ndarray:
        kept = np.ones(shop.release.item_count, np.bool_)
        stage.run(query, batch_of(np.arange(shop.release.item_count)), kept)
        return kept

    def test_drops_exactly_what_it_must(self, shop: Shop) -> None:
        query = self.query(shop)
        kept = self.run(self.stage(shop), query, shop)
        assert set(shop.release.item_ids(np.flatnonzero(~kept))) == self.dropped(shop)
        record = query.records[-1]
        assert record.candidates_in - record.candidates_out == len(self.dropped(shop)) > 0

    def test_keeps_out_what_an_earlier_filter_dropped(self, shop: Shop) -> None:
        kept = np.zeros(shop.release.item_count, np.bool_)
        self.stage(shop).run(self.query(shop), batch_of(np.arange(shop.release.item_count)), kept)
        assert not kept.any()

    def test_takes_an_empty_batch(self, shop: Shop) -> None:
        self.stage(shop).run(self.query(shop), batch_of([]), np.ones(0, np.bool_))

    def test_is_essential(self, shop: Shop) -> None:
        assert self.stage(shop).policy.essential


class RerankerContract(StageContract):
    """Holds for every re-ranker. raised(): items whose priority it must raise, and by what."""

    hook = "multipliers"

    def raised(self, shop: Shop) -> dict[str, float]:
        """Returns the multiplier of each item that is not left as it was."""
        raise NotImplementedError

    def batch(self, shop: Shop) -> CandidateBatch:
        """Returns all items, with score .5 each."""
        batch = batch_of(np.arange(shop.release.item_count))
        return batch.with_score(np.full(len(batch), 0.5, np.float32))

    def run(self, stage: Any, query: RecommendQuery, shop: Shop) -> CandidateBatch:
        return stage.run(query, self.batch(shop))

    def test_raises_priorities_and_leaves_scores(self, shop: Shop) -> None:
        batch = self.run(self.stage(shop), self.query(shop), shop)
        assert (batch.score == 0.5).all()
        changed = np.flatnonzero(batch.priority != 0.5)
        raised = dict(
            zip(shop.release.item_ids(changed), (batch.priority[changed] / 0.5).tolist(), strict=True)
        )
        assert raised == pytest.approx(self.raised(shop))

    def test_failing_it_leaves_the_batch_as_it_was(self, shop: Shop) -> None:
        batch = self.batch(shop)
        assert self.failing(shop, OSError()).run(self.query(shop), batch) is batch


class SelectorContract(StageContract):
    """Holds for every selector. limit: the most that it may choose."""

    hook = "select"
    limit = 0

    def batch(self, shop: Shop) -> CandidateBatch:
        """Returns all items, scored at random."""
        batch = batch_of(np.arange(shop.release.item_count))
        return batch.with_score(np.random.default_rng(0).random(len(batch), np.float32))

    def run(self, stage: Any, query: RecommendQuery, shop: Shop) -> CandidateBatch | None:
        return stage.run(query, self.batch(shop))

    def test_chooses_distinct_candidates_up_to_its_limit(self, shop: Shop) -> None:
        chosen = self.run(self.stage(shop), self.query(shop), shop)
        assert chosen is not None
        assert len(chosen) == self.limit == len(set(chosen.rows.tolist()))

    def test_best_candidate_comes_first(self, shop: Shop) -> None:
        chosen = self.run(self.stage(shop), self.query(shop), shop)
        assert chosen is not None
        assert chosen.score[0] == self.batch(shop).score.max()

    def test_takes_an_empty_batch(self, shop: Shop) -> None:
        chosen = self.stage(shop).run(self.query(shop), batch_of([]))
        assert len(chosen) == 0

    def test_failing_it_chooses_nothing(self, shop: Shop) -> None:
        assert self.failing(shop, OSError()).run(self.query(shop), self.batch(shop)) is None
