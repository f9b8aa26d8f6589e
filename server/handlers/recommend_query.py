"""From a command to the query that the engine serves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from server.engine import Engine
from server.features.event_types import PageType
from server.features.identity import item_key, storage_key
from server.handlers.messages import RankCommand, RecommendCommand, RequestContext, SessionEvent
from server.pipeline.budget import RequestBudget
from server.query import NO_SESSION, LocalContext, RecommendQuery, SessionColumns
from server.releases.mapped_release import MappedRelease


def recommend_query(
    engine: Engine, release: MappedRelease, command: RecommendCommand, now_s: int
) -> RecommendQuery:
    """Returns the query of a command. Raises InvalidRequest for a scenario that is not set up."""
    name, scenario = engine.scenario(command.scenario, command.page_type)
    return RecommendQuery(
        num_items=command.num_items,
        budget=RequestBudget(engine.values.budget, command.deadline_s, engine.clock),
        release=release,
        now_s=now_s,
        user_key=_user_key(command.user_id, command.session_id),
        scenario_name=name,
        scenario=scenario,
        page_type=command.page_type,
        session=_session_columns(command.session_events),
        context_item_ids=command.context_item_ids,
        excluded_item_ids=command.excluded_item_ids,
        category_ids=command.category_ids,
        local=_local_context(command.context),
        explain=command.explain,
        quality=engine.quality(),
    )


def similar_query(
    engine: Engine, release: MappedRelease, item_id: str, command: RecommendCommand, now_s: int
) -> RecommendQuery:
    """Returns the query for items like one item: the page is about it, and the user's taste counts for nothing.

    The user's record still keeps out what is bought or hidden.
    """
    query = recommend_query(engine, release, command, now_s)
    query.context_item_ids = (item_id,)
    query.own_history = False
    if not command.scenario:
        query.page_type = PageType.ITEM_DETAIL
        query.scenario_name, query.scenario = engine.scenario("", PageType.ITEM_DETAIL)
    return query


def rank_query(engine: Engine, release: MappedRelease, command: RankCommand, now_s: int) -> RecommendQuery:
    """Returns the query that puts the caller's items in order."""
    name, scenario = engine.scenario("", command.page_type)
    return RecommendQuery(
        num_items=len(command.item_ids),
        budget=RequestBudget(engine.values.budget, command.deadline_s, engine.clock),
        release=release,
        now_s=now_s,
        user_key=_user_key(command.user_id, command.session_id),
        scenario_name=name,
        scenario=scenario,
        page_type=command.page_type,
        session=_session_columns(command.session_events),
        caller_item_ids=command.item_ids,
        local=_local_context(command.context),
        explain=command.explain,
    )


def _user_key(user_id: str, session_id: str) -> str:
    return storage_key(user_id, session_id) if user_id or session_id else ""


def _session_columns(events: Sequence[SessionEvent]) -> SessionColumns:
    if not events:
        return NO_SESSION
    return SessionColumns(
        np.array([item_key(event.item_id) for event in events], np.uint64),
        np.array([event.event_time_s for event in events], np.int64),
        np.array([event.event_type for event in events], np.uint8),
    )


def _local_context(context: RequestContext) -> LocalContext:
    return LocalContext(context.device_type, context.local_hour, context.local_weekday)
