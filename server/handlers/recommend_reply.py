"""From the engine's columns to the reply: ids, reasons, and the funnel where it is to be explained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from server.engine import RANK_KINDS, RECOMMEND_KINDS, served_by
from server.features.declarations import CROSS_FEATURES
from server.handlers.messages import (
    Reason,
    ReasonKind,
    RecommendedItem,
    RecommendReply,
    SourceKind,
    StageReport,
)
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.query import StageRecord
from server.query import RecommendQuery

_REASONS = (
    (SourceKind.CONTEXT_NEIGHBOURS, ReasonKind.SIMILAR_TO_CONTEXT),
    (SourceKind.REPEAT, ReasonKind.BUY_AGAIN),
    (SourceKind.FRESH, ReasonKind.NEW),
    (SourceKind.COLLABORATIVE, ReasonKind.SIMILAR_TO_HISTORY),
    (SourceKind.EMBEDDING, ReasonKind.MATCHES_TASTE),
    (SourceKind.TRENDING, ReasonKind.TRENDING),
)
"""Why an item is shown is said by the first of these sources that proposed it; popularity where none did."""

_DISLIKED = frozenset({"ExcludedFilter", "BoughtFilter", "HiddenByUserFilter", "ContextItemFilter"})


def build_reply(query: RecommendQuery, batch: CandidateBatch, recommendation_id: str) -> RecommendReply:
    """Returns the reply with the batch's candidates in their order.

    Unknown items of a caller's own list follow at the end in the caller's order, with score 0.
    """
    items = _items(query, batch)
    missing = () if query.items is None else query.items.missing_item_ids
    if query.caller_item_ids:
        items += [
            RecommendedItem(item_id, 0.0, position, (), None)
            for position, item_id in enumerate(missing, start=len(items))
        ]
    return RecommendReply(
        recommendation_id=recommendation_id,
        items=items,
        served_by=served_by(query),
        release_version=query.release.version,
        model_version=query.release.model_version,
        scenario=query.scenario_name,
        degraded_reasons=tuple(query.degraded),
        missing_item_ids=missing,
        short_reason=_short_reason(query, len(items)),
        stages=tuple(_report(record) for record in query.records) if query.explain else (),
        latency_ms=query.budget.elapsed_ms(),
    )


def _items(query: RecommendQuery, batch: CandidateBatch) -> list[RecommendedItem]:
    ids = query.release.item_ids(batch.rows.tolist())
    kinds = RANK_KINDS if query.caller_item_ids else RECOMMEND_KINDS
    sources = [_kinds_of(bits, kinds) for bits in batch.nominated.tolist()]
    reasons = _reasons(query, batch, sources)
    scores = batch.score.tolist()
    if not query.explain:
        return [
            RecommendedItem(*item)
            for item in zip(ids, scores, range(len(ids)), sources, reasons, strict=True)
        ]
    source_scores, features = _explained(batch, kinds)
    return [
        RecommendedItem(*item)
        for item in zip(ids, scores, range(len(ids)), sources, reasons, source_scores, features, strict=True)
    ]


@lru_cache(maxsize=1024)
def _kinds_of(bits: int, kinds: tuple[SourceKind, ...]) -> tuple[SourceKind, ...]:
    """Returns the sources behind a candidate's bits; the number after the last is the backfill, popularity too."""
    found = {kind for number, kind in enumerate(kinds) if bits >> number & 1}
    if bits >> len(kinds):
        found.add(SourceKind.POPULARITY)
    return tuple(sorted(found))


def _explained(
    batch: CandidateBatch, kinds: Sequence[SourceKind]
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Returns each item's source scores and feature values by name."""
    names = [kind.name.lower() for kind in kinds]
    source_scores = [dict(zip(names, row, strict=True)) for row in batch.source_scores.tolist()]
    if batch.features is None:
        return source_scores, [{} for _ in source_scores]
    return source_scores, [dict(zip(CROSS_FEATURES, row, strict=True)) for row in batch.features.tolist()]


def _reasons(
    query: RecommendQuery, batch: CandidateBatch, sources: Sequence[Sequence[SourceKind]]
) -> Sequence[Reason | None]:
    if query.caller_item_ids:
        return [None] * len(batch)
    context = _because(query, SourceKind.CONTEXT_NEIGHBOURS, batch)
    history = _because(query, SourceKind.COLLABORATIVE, batch)
    codes = query.release.arrays.category[batch.rows].tolist()
    reasons = []
    for at, kinds in enumerate(sources):
        kind = _reason_kind(kinds)
        if kind is None:
            reasons.append(_popular(query, codes[at]))
        elif kind is ReasonKind.SIMILAR_TO_CONTEXT:
            reasons.append(_similar(query, kind, context[at]))
        elif kind is ReasonKind.SIMILAR_TO_HISTORY:
            reasons.append(_similar(query, kind, history[at]))
        else:
            reasons.append(Reason(kind))
    return reasons


@lru_cache(maxsize=1024)
def _reason_kind(kinds: Sequence[SourceKind]) -> ReasonKind | None:
    """Returns the reason of an item by its sources; None where it is in the list for being popular."""
    return next((kind for source, kind in _REASONS if source in kinds), None)


def _similar(query: RecommendQuery, kind: ReasonKind, row: int) -> Reason:
    return Reason(kind, query.release.item_id(row) if row >= 0 else "")


def _popular(query: RecommendQuery, category: int) -> Reason:
    kind = ReasonKind.POPULAR_IN_CATEGORY if query.restricted else ReasonKind.POPULAR
    return Reason(kind, "", query.release.categories[category] if category >= 0 else "")


def _because(query: RecommendQuery, source: SourceKind, batch: CandidateBatch) -> list[int]:
    """Returns the row that explains each candidate to a source; -1 where it did not propose the candidate."""
    number = RECOMMEND_KINDS.index(source)
    found = query.retrieved[number] if number < len(query.retrieved) else None
    if found is None or found.because is None or not len(found.rows):
        return [-1] * len(batch)
    same = batch.rows[:, np.newaxis] == found.rows
    rows: list[int] = np.where(same.any(axis=1), found.because[same.argmax(axis=1)], -1).tolist()
    return rows


def _short_reason(query: RecommendQuery, count: int) -> str:
    """Returns why the list is short. The backfill looks at all that there is, so it is never for want of looking."""
    if count >= query.num_items or query.caller_item_ids:
        return ""
    if query.restricted:
        return "CATEGORY_EXHAUSTED" if len(query.category_codes) else "CATEGORY_UNKNOWN"
    taken = any(
        record.stage in _DISLIKED and record.candidates_out < record.candidates_in for record in query.records
    )
    return "EXCLUSIONS" if taken else "CATALOG_EXHAUSTED"


def _report(record: StageRecord) -> StageReport:
    error = "LATE" if record.late else type(record.error).__name__ if record.error is not None else ""
    return StageReport(
        stage=record.stage,
        kind=record.kind,
        duration_us=(record.ended_s - record.started_s) * 1e6,
        candidates_in=record.candidates_in,
        candidates_out=record.candidates_out,
        error=error,
    )
