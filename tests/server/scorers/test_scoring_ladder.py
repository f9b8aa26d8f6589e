"""Model server, local model, retrieval scores, popularity: each answer says which of them it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.engine import Engine, EngineParts, EngineValues
from server.errors import ModelServerUnavailable
from server.handlers.messages import RecommendCommand, RecommendReply, ServedBy
from server.handlers.recommend import RecommendHandler
from server.inference.local_model import LocalScorer, LocalUserTower
from server.inference.protocols import CandidateScorer, Floats, RemoteScorer, ScoringRelease
from server.pipeline.degradation import DegradedReason
from tests.support.recommending import BUDGET, NOW_S, RETRIEVAL, FixedRelease, Shop


@dataclass
class Remote:
    """A model server that answers as the local model does, or not at all."""

    error: Exception | None = None
    time_left_s: float = 0.0

    def score(
        self,
        release: ScoringRelease,
        tower_input: Floats,
        rows: NDArray[np.int32],
        cross: Floats,
        time_left_s: float,
    ) -> Floats:
        self.time_left_s = time_left_s
        if self.error is not None:
            raise self.error
        vector = LocalUserTower().user_vector(release, tower_input)
        return LocalScorer().score(release, vector, rows, cross)


class BrokenScorer:
    """A local model that does not answer either."""

    def score(
        self, release: ScoringRelease, user_vector: Floats, rows: NDArray[np.int32], cross: Floats
    ) -> Floats:
        raise ValueError("broken")


def ask(
    shop: Shop, remote: RemoteScorer | None, scorer: CandidateScorer | None = None, user_id: str = "ann"
) -> RecommendReply:
    parts = EngineParts(shop.users, scorer=scorer or LocalScorer(), clock=shop.clock, model_server=remote)
    engine = Engine(EngineValues(BUDGET, RETRIEVAL), parts)
    handler = RecommendHandler(engine, FixedRelease(shop.release), now_s=lambda: NOW_S)
    return handler.recommend(RecommendCommand(user_id=user_id, num_items=10))


def test_the_model_servers_scores_are_served_and_marked(shop: Shop) -> None:
    reply = ask(shop, Remote())
    assert reply.served_by is ServedBy.MODEL_SERVER
    assert reply.degraded_reasons == ()
    local = ask(shop, None)
    assert [item.item_id for item in reply.items] == [item.item_id for item in local.items]


def test_without_a_model_server_the_local_model_is_not_degraded(shop: Shop) -> None:
    reply = ask(shop, None)
    assert (reply.served_by, reply.degraded_reasons) == (ServedBy.LOCAL_MODEL, ())


def test_behind_a_model_server_that_fails_it_is(shop: Shop) -> None:
    reply = ask(shop, Remote(ModelServerUnavailable("down")))
    assert reply.served_by is ServedBy.LOCAL_MODEL
    assert reply.degraded_reasons == (DegradedReason.SCORER_UNAVAILABLE,)
    assert len(reply.items) == 10


def test_behind_both_are_the_retrieval_scores(shop: Shop) -> None:
    reply = ask(shop, Remote(ModelServerUnavailable("down")), BrokenScorer())
    assert reply.served_by is ServedBy.RETRIEVAL_SCORES
    assert reply.degraded_reasons == (DegradedReason.SCORER_UNAVAILABLE,)


def test_for_an_unknown_user_the_model_server_is_not_asked(shop: Shop) -> None:
    remote = Remote(ModelServerUnavailable("down"))
    reply = ask(shop, remote, user_id="nobody")
    assert (reply.served_by, reply.degraded_reasons) == (ServedBy.POPULARITY, ())
    assert remote.time_left_s == 0.0


def test_it_is_given_what_is_left_of_the_time_for_scoring(shop: Shop) -> None:
    remote = Remote()
    ask(shop, remote)
    work_ms = BUDGET.deadline_ms - BUDGET.reserve_ms
    assert 0 < remote.time_left_s * 1e3 <= work_ms
