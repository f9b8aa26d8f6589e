"""From the engine's columns to the reply: ids, reasons, and the funnel where it is to be explained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ext import find_reasons
from server.engine import RANK_KINDS, RECOMMEND_KINDS, served_by
from server.features.declarations import CROSS_FEATURES
from server.handlers.messages import ReasonKind, RecommendReply, SourceKind, StageReport
from server.handlers.reply_items import ReplyItems
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.query import StageRecord
from server.query import NO_ROWS, RecommendQuery, Rows

_REASONS = (
    (SourceKind.CONTEXT_NEIGHBOURS, ReasonKind.SIMILAR_TO_CONTEXT),
    (SourceKind.REPEAT, ReasonKind.BUY_AGAIN),
    (SourceKind.FRESH, ReasonKind.NEW),
    (SourceKind.COLLABORATIVE, ReasonKind.SIMILAR_TO_HISTORY),
    (SourceKind.EMBEDDING, ReasonKind.MATCHES_TASTE),
    (SourceKind.TRENDING, ReasonKind.TRENDING),
)
"""Why an item is shown is said by the first of these sources that proposed it; popularity where none did."""

_CONTEXT = RECOMMEND_KINDS.index(SourceKind.CONTEXT_NEIGHBOURS)
_HISTORY = RECOMMEND_KINDS.index(SourceKind.COLLABORATIVE)
"""Numbers of the sources whose reasons name the item that led to this one; their lists say which it is."""

_DISLIKED = frozenset({"ExcludedFilter", "BoughtFilter", "HiddenByUserFilter", "ContextItemFilter"})


def build_reply(query: RecommendQuery, batch: CandidateBatch) -> RecommendReply:
    """Returns the reply with the batch's candidates in their order.

    Unknown items of a caller's own list follow at the end in the caller's order, with score 0.
    """
    items = _items(query, batch)
    missing = () if query.items is None else query.items.missing_item_ids
    if query.caller_item_ids and missing:
        items = _with_missing(items, missing)
    return RecommendReply(
        recommendation_id=query.recommendation_id,
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


def _items(query: RecommendQuery, batch: CandidateBatch) -> ReplyItems:
    kinds = RANK_KINDS if query.caller_item_ids else RECOMMEND_KINDS
    sources_of, reason_of = _patterns(kinds)
    release = query.release
    source_bits, reasons, related, categories = find_reasons(
        batch.rows,
        batch.nominated,
        sources_of,
        reason_of,
        _relating(query, _CONTEXT, ReasonKind.SIMILAR_TO_CONTEXT),
        _relating(query, _HISTORY, ReasonKind.SIMILAR_TO_HISTORY),
        int(ReasonKind.POPULAR),
        release.arrays.category,
    )
    names = release.categories
    source_scores, features = _explained(batch, kinds) if query.explain else ((), ())
    return ReplyItems(
        release.item_ids(batch.rows),
        batch.score,
        source_bits,
        _refined(query, reasons),
        release.item_ids(related),
        [names[code] if code >= 0 else "" for code in categories.tolist()],
        source_scores,
        features,
    )


def _with_missing(items: ReplyItems, missing: Sequence[str]) -> ReplyItems:
    count = len(missing)
    return ReplyItems(
        [*items.item_ids, *missing],
        np.append(items.scores, np.zeros(count, np.float32)),
        np.append(items.source_bits, np.zeros(count, np.uint32)),
        np.append(items.reason_kinds, np.zeros(count, np.uint8)),
        items.related_item_ids + [""] * count,
        items.category_ids + [""] * count,
        items.source_scores,
        items.features,
    )


@cache
def _patterns(kinds: tuple[SourceKind, ...]) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Returns the source bits and the reason's kind for each pattern of the pipeline's sources that may propose an item.

    The number after the last is the backfill, which is popularity too. A caller's own items are there for no reason.
    """
    found = [
        {kind for number, kind in enumerate((*kinds, SourceKind.POPULARITY)) if pattern >> number & 1}
        for pattern in range(2 << len(kinds))
    ]
    first = (
        next((reason for source, reason in _REASONS if source in sources), ReasonKind.POPULAR)
        for sources in found
    )
    reasons = [0] * len(found) if kinds is RANK_KINDS else [int(reason) for reason in first]
    bits = [sum(1 << kind for kind in sources) for sources in found]
    return np.array(bits, np.uint32), np.array(reasons, np.uint8)


def _relating(query: RecommendQuery, source: int, kind: ReasonKind) -> tuple[int, Rows, Rows]:
    """Returns the reason's kind, and the rows of a source's list with what led to each."""
    found = query.retrieved[source] if source < len(query.retrieved) else None
    if found is None or found.because is None:
        return int(kind), NO_ROWS, NO_ROWS
    return int(kind), found.rows, found.because


def _explained(
    batch: CandidateBatch, kinds: Sequence[SourceKind]
) -> tuple[Sequence[dict[str, float]], Sequence[dict[str, float]]]:
    """Returns each item's source scores and feature values by name."""
    names = [kind.name.lower() for kind in kinds]
    source_scores = [dict(zip(names, row, strict=True)) for row in batch.source_scores.tolist()]
    if batch.features is None:
        return source_scores, [{} for _ in source_scores]
    return source_scores, [dict(zip(CROSS_FEATURES, row, strict=True)) for row in batch.features.tolist()]


def _refined(query: RecommendQuery, reasons: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the reasons; what is popular is popular in its category where the request is restricted to some."""
    if not query.restricted:
        return reasons
    return np.where(reasons == ReasonKind.POPULAR, np.uint8(ReasonKind.POPULAR_IN_CATEGORY), reasons)


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
