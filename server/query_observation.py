"""The engine's hook into telemetry: what a served query leaves with the call that it was served for."""

from __future__ import annotations

from server.engine import served_by
from server.query import RecommendQuery
from server.telemetry.call import Answer, note_answer


def observe_query(query: RecommendQuery, items: int) -> None:
    """Notes the query's stamps, and references to nothing else of it: it holds arrays and a release."""
    budget = query.budget
    ends_s = budget.work_ends_s + budget.values.reserve_ms / 1e3
    note_answer(
        Answer(
            query.records,
            served_by(query).name,
            [reason.name for reason in query.degraded] if query.degraded else (),
            query.release.version,
            query.release.model_version,
            items,
            query.num_items,
            query.fallback_from,
            (ends_s - budget.clock()) * 1e3,
        )
    )
