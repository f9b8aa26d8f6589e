"""From the engine's columns to the reply: ids, reasons, and the funnel where it is to be explained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ext import find_because
from server.engine import RANK_KINDS, RECOMMEND_KINDS, served_by
from server.features.declarations import CROSS_FEATURES
from server.handlers.messages import ReasonKind, RecommendReply, SourceKind, StageReport
from server.handlers.reply_items import ReplyItems
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

_RELATING = frozenset({ReasonKind.SIMILAR_TO_CONTEXT, ReasonKind.SIMILAR_TO_HISTORY})
"""Reasons that name the item that led to this one; their sources say which it is."""

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
    caller = bool(query.caller_item_ids)
    kinds = RANK_KINDS if caller else RECOMMEND_KINDS
    origins = [_origin(bits, kinds) for bits in batch.nominated.tolist()]
    reasons = np.array([0 if caller else reason for _, reason in origins], np.uint8)
    related, categories = _reason_texts(query, batch, reasons)
    source_scores, features = _explained(batch, kinds) if query.explain else ((), ())
    return ReplyItems(
        query.release.item_ids(batch.rows),
        batch.score,
        np.array([bits for bits, _ in origins], np.uint32),
        _refined(query, reasons),
        related,
        categories,
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


@lru_cache(maxsize=1024)
def _origin(nominated: int, kinds: tuple[SourceKind, ...]) -> tuple[int, int]:
    """Returns a candidate's source bits and its reason's kind, by the pipeline's numbers of its sources.

    The number after the last is the backfill, which is popularity too.
    """
    found = {kind for number, kind in enumerate(kinds) if nominated >> number & 1}
    if nominated >> len(kinds):
        found.add(SourceKind.POPULARITY)
    reason = next((reason for source, reason in _REASONS if source in found), ReasonKind.POPULAR)
    return sum(1 << kind for kind in found), int(reason)


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


def _reason_texts(
    query: RecommendQuery, batch: CandidateBatch, reasons: NDArray[np.uint8]
) -> tuple[list[str], list[str]]:
    """Returns the related items' ids and the categories that the reasons name, "" where they name none."""
    kinds = reasons.tolist()
    related, categories = [""] * len(kinds), [""] * len(kinds)
    for source, kind in _REASONS:
        if kind not in _RELATING or kind not in kinds:
            continue
        because = _because(query, source, batch)
        places = [at for at, own in enumerate(kinds) if own == kind and because[at] >= 0]
        ids = query.release.item_ids(because[places])
        for at, item_id in zip(places, ids, strict=True):
            related[at] = item_id
    if ReasonKind.POPULAR in kinds:
        codes = query.release.arrays.category[batch.rows].tolist()
        for at, kind in enumerate(kinds):
            if kind == ReasonKind.POPULAR and codes[at] >= 0:
                categories[at] = query.release.categories[codes[at]]
    return related, categories


def _because(query: RecommendQuery, source: SourceKind, batch: CandidateBatch) -> NDArray[np.int32]:
    """Returns the row that explains each candidate to a source; -1 where it did not propose the candidate."""
    number = RECOMMEND_KINDS.index(source)
    found = query.retrieved[number] if number < len(query.retrieved) else None
    if found is None or found.because is None:
        return np.full(len(batch), -1, np.int32)
    return find_because(batch.rows, found.rows, found.because)


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
