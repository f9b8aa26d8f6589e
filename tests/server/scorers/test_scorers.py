"""The feature assembler and the scorer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.errors import ContractBroken
from server.features.declarations import CROSS_FEATURES
from server.handlers.messages import RecommendCommand
from server.inference.local_model import LocalScorer
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.degradation import DegradedReason
from server.query import RecommendQuery
from server.scorers.cross_feature_assembler import CrossFeatureAssembler
from server.scorers.two_tower_scorer import TwoTowerScorer
from tests.support.recommending import Shop
from tests.support.stage_contracts import StageContract, batch_of


class TestCrossFeatureAssembler(StageContract):
    hook = "assemble"

    def stage(self, shop: Shop) -> CrossFeatureAssembler:
        return CrossFeatureAssembler(collaborative=2, embedding=3, popularity=4)

    def run(self, stage: Any, query: RecommendQuery, shop: Shop) -> CandidateBatch:
        return stage.run(query, batch_of(np.arange(10)))

    def column(self, batch: CandidateBatch, name: str) -> np.ndarray:
        assert batch.features is not None
        return batch.features[:, CROSS_FEATURES.index(name)]

    def test_features_stand_in_the_declared_order(self, shop: Shop) -> None:
        items = shop.release.rows_of(["item-0002", "item-0003"])
        batch = batch_of(items)
        batch.source_scores[:] = [[0.1, 0.2, 0.3, 0.4, 0.5], [0, 0, 0, 0, 1]]
        batch.nominated[:] = [0b01101, 0b10000]
        made = self.stage(shop).run(self.query(shop), batch)
        assert self.column(made, "user_viewed_category").tolist() == [1, 0]
        assert self.column(made, "collaborative_score").tolist() == pytest.approx([0.3, 0])
        assert self.column(made, "embedding_score").tolist() == pytest.approx([0.4, 0])
        assert self.column(made, "popularity_score").tolist() == pytest.approx([0.5, 1])

    def test_sources_that_the_model_does_not_know_are_not_counted(self, shop: Shop) -> None:
        batch = batch_of([1, 2])
        batch.nominated[:] = [0b00111, 0b11100]
        made = self.stage(shop).run(self.query(shop), batch)
        assert self.column(made, "source_count").tolist() == [1, 3]

    def test_wrong_width_is_a_broken_contract(self, shop: Shop) -> None:
        class NarrowAssembler(CrossFeatureAssembler):
            def assemble(self, query: RecommendQuery, batch: CandidateBatch) -> np.ndarray:
                return np.zeros((len(batch), 1), np.float32)

        with pytest.raises(ContractBroken, match="NarrowAssembler: features"):
            NarrowAssembler(0, 1, 2).run(self.query(shop), batch_of([1]))


class GivenScores:
    """A model that gives what it was told to."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores

    def score(self, *args: object) -> np.ndarray:
        return self.scores


class TestTwoTowerScorer(StageContract):
    hook = "score"

    def stage(self, shop: Shop) -> TwoTowerScorer:
        return TwoTowerScorer(LocalScorer())

    def batch(self, shop: Shop) -> CandidateBatch:
        rng = np.random.default_rng(0)
        features = rng.random((20, len(CROSS_FEATURES)), np.float32)
        return batch_of(np.arange(0, 200, 10)).with_features(features)

    def run(self, stage: Any, query: RecommendQuery, shop: Shop) -> CandidateBatch:
        return stage.run(query, self.batch(shop))

    def test_score_is_the_documented_formula(self, shop: Shop) -> None:
        query, batch = self.query(shop), self.batch(shop)
        scored = self.stage(shop).run(query, batch)
        w, model = shop.release.weights, shop.release.model
        head = np.maximum(batch.features @ w["head_w1"] + w["head_b1"], 0) @ w["head_w2"] + w["head_b2"]
        dot = shop.release.arrays.item_vectors[batch.rows] @ query.user_vector
        expected = 1 / (1 + np.exp(-(dot * model.dot_scale + head + model.score_bias)))
        np.testing.assert_allclose(scored.score, expected, atol=1e-5)
        assert query.scored_by == "TwoTowerScorer"

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1, 1.1])
    def test_unusable_score_leaves_the_blend_and_degrades(self, shop: Shop, bad: float) -> None:
        scores = np.full(20, 0.5, np.float32)
        scores[7] = bad
        query, batch = self.query(shop), self.batch(shop)
        assert TwoTowerScorer(GivenScores(scores)).run(query, batch) is batch
        assert query.degraded == [DegradedReason.SCORER_UNAVAILABLE]
        assert query.scored_by == ""

    @pytest.mark.parametrize("bad", [np.zeros(19, np.float32), np.zeros(20), np.zeros((20, 1), np.float32)])
    def test_wrong_shape_or_type_is_a_broken_contract(self, shop: Shop, bad: np.ndarray) -> None:
        with pytest.raises(ContractBroken, match="scores"):
            TwoTowerScorer(GivenScores(bad)).run(self.query(shop), self.batch(shop))

    def test_is_off_for_a_user_of_whom_nothing_is_known(self, shop: Shop) -> None:
        assert not self.stage(shop).enabled(shop.hydrated(RecommendCommand(user_id="nobody")))
