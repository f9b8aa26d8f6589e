"""The use cases of recommendation: a list for a user, items like an item, the caller's own list, many users."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from server.engine import Engine
from server.errors import InvalidRequest, NotFound
from server.handlers.messages import RankCommand, RecommendCommand, RecommendReply
from server.handlers.recommend_query import rank_query, recommend_query, similar_query
from server.handlers.recommend_reply import build_reply
from server.handlers.reply_items import columns_of
from server.pipeline.candidate_batch import CandidateBatch
from server.query import RecommendQuery
from server.releases.mapped_release import MappedRelease
from server.stores.protocols import LoggedRecommendation

SubmitServed = Callable[[Callable[[], LoggedRecommendation]], object]
"""Takes what makes a log entry, to be called after the reply; SideEffectRunner.submit."""


class CurrentRelease(Protocol):
    """Where the release to serve from is found."""

    def current(self) -> MappedRelease:
        """Returns it, with every item change so far. Raises NotReady where there is none."""
        ...


class RecommendHandler:
    """Answers with what the engine makes of the current release and the user's record.

    submit: takes each reply's log entry; None = nothing is logged. now_s: epoch seconds.
    """

    def __init__(
        self,
        engine: Engine,
        releases: CurrentRelease,
        submit: SubmitServed | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._releases = releases
        self._submit = submit
        self._now_s = now_s

    def recommend(self, command: RecommendCommand) -> RecommendReply:
        """Returns a list for a user. Unknown users are served what is popular.

        Raises NotReady without a release, InvalidRequest for an unknown scenario.
        """
        now_s = self._now_s()
        query = recommend_query(self._engine, self._releases.current(), command, int(now_s))
        return self._reply(query, self._engine.recommend, command, now_s)

    def similar(self, item_id: str, command: RecommendCommand) -> RecommendReply:
        """Returns items like an item. Raises NotFound for an item that the release does not know."""
        now_s = self._now_s()
        release = self._releases.current()
        if release.rows_of([item_id])[0] < 0:
            raise NotFound("item", item_id, reason="ITEM_NOT_FOUND")
        query = similar_query(self._engine, release, item_id, command, int(now_s))
        return self._reply(query, self._engine.recommend, command, now_s)

    def rank(self, command: RankCommand) -> RecommendReply:
        """Returns the caller's items in order, each id once; those that the release does not know come last."""
        now_s = self._now_s()
        query = rank_query(self._engine, self._releases.current(), command, int(now_s))
        return self._reply(query, self._engine.rank, command, now_s)

    def batch(self, commands: Sequence[RecommendCommand]) -> list[RecommendReply]:
        """Returns recommend() of each command, in order; those past the deadline get what is popular.

        Raises InvalidRequest, naming ``requests[i]``, before any of them is answered.
        """
        for index, command in enumerate(commands):
            try:
                self._engine.scenario(command.scenario, command.page_type)
            except InvalidRequest as error:
                raise error.inside(f"requests[{index}]") from None
        return [self.recommend(command) for command in commands]

    def blend(self, command: RecommendCommand) -> list[str]:
        """Returns the ids of all candidates in the order before the ranker; for evaluations.

        Raises StageFailed where recommend() would fall back.
        """
        query = recommend_query(self._engine, self._releases.current(), command, int(self._now_s()))
        return query.release.item_ids(self._engine.blend(query).rows)

    def _reply(
        self,
        query: RecommendQuery,
        answer: Callable[[RecommendQuery], CandidateBatch],
        command: RecommendCommand | RankCommand,
        now_s: float,
    ) -> RecommendReply:
        query.recommendation_id = new_recommendation_id(now_s)
        batch = answer(query)
        reply = build_reply(query, batch)
        if self._submit is not None:
            propensities = _propensities(query, batch)
            self._submit(partial(_log_entry, reply, command, query.page_type, int(now_s * 1e6), propensities))
        return reply


def new_recommendation_id(now_s: float) -> str:
    """Returns 32 hexadecimal digits, unique, that sort by time: 48 bits of milliseconds, 80 random bits."""
    return f"{int(now_s * 1e3):012x}{os.urandom(10).hex()}"


def _propensities(query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.float32] | None:
    """Returns the shown items' propensities; None where chance had no part in this very list, such as a fallback."""
    explored = query.exploration
    if explored is None or not np.array_equal(explored.rows, batch.rows):
        return None
    return explored.propensities


def _log_entry(
    reply: RecommendReply,
    command: RecommendCommand | RankCommand,
    page_type: int,
    time_us: int,
    propensities: NDArray[np.float32] | None,
) -> LoggedRecommendation:
    items = columns_of(reply.items)
    return LoggedRecommendation(
        recommendation_id=reply.recommendation_id,
        user_id=command.user_id,
        session_id=command.session_id,
        page_type=int(page_type),
        scenario=reply.scenario,
        time_us=time_us,
        item_ids=items.item_ids,
        scores=items.scores.tolist(),
        source_bits=items.source_bits.tolist(),
        served_by=int(reply.served_by),
        degraded=bool(reply.degraded_reasons),
        release_version=reply.release_version,
        model_version=reply.model_version,
        latency_ms=reply.latency_ms,
        propensities=() if propensities is None else propensities.tolist(),
    )
