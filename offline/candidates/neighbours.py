"""The neighbour table that is served: co-occurrence, closed-form weights, or both, compiled to one form.

Where both are mixed, each is divided by the sum of its weights first, so that the share is one of influence. The recency
of a candidate multiplies all of its weights: ((users lately + .1) / (users ever + 1)) ^ exponent. It says which of two
good neighbours is sold now; co-occurrence alone fades an item that sells no more, but not one that has passed its peak.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.candidates.collaborative import (
    CollaborativeOptions,
    NeighbourTable,
    Progress,
    best_entries,
    cosine_by_candidate,
    sorted_table,
)
from offline.candidates.ease import EaseOptions, ease_by_candidate, items_with_events, memory_bytes
from offline.candidates.interactions import Interactions, decay, distinct_pairs

RECENCY_HALF_LIFE_DAYS = 14.0
"""Of a user's latest event with a candidate, in its recency; 7 to 45 days differ little (docs/evaluation.md)."""

_log = logging.getLogger(__name__)


class NeighbourMethod(StrEnum):
    """How the table is made."""

    COSINE = "cosine"
    EASE = "ease"
    MIX = "mix"


@dataclass(frozen=True, slots=True)
class NeighbourOptions:
    """Knobs of the table. ease_share: of EASE where both are mixed. recency_exponent: 0 = recency does not count.

    mixed_neighbours_max: what a candidate keeps where both are mixed, of each of them and of their sum.
    """

    method: NeighbourMethod = NeighbourMethod.COSINE
    collaborative: CollaborativeOptions = field(default_factory=CollaborativeOptions)
    ease: EaseOptions = field(default_factory=EaseOptions)
    ease_share: float = 0.5
    mixed_neighbours_max: int = 200
    recency_exponent: float = 0.0


def make_neighbours(
    events: Interactions, now_s: float, options: NeighbourOptions, progress: Progress | None = None
) -> NeighbourTable:
    """Returns the table as of now_s. A catalogue above ease.items_max has cosine neighbours, and a warning says so."""
    by_candidate = _by_candidate(events, now_s, options, progress)
    return sorted_table(with_recency(by_candidate, events, now_s, options.recency_exponent))


def ease_is_possible(events: Interactions, options: EaseOptions) -> bool:
    """Returns whether the catalogue is small enough; says what it would take where it is not."""
    count = items_with_events(events)
    if count <= options.items_max:
        return True
    _log.warning(
        "%d items have events, more than neighbours.ease_items_max = %d: cosine neighbours are used; "
        "closed-form weights would take %.1f GB of memory",
        count,
        options.items_max,
        memory_bytes(count) / 1e9,
    )
    return False


def mixed(
    cosine: sp.csr_matrix, ease: sp.csr_matrix, ease_share: float, neighbours_max: int
) -> sp.csr_matrix:
    """Returns both as one, f32[candidates, history items], each divided by the sum of its weights."""
    parts = [
        part * (share * part.shape[0] / max(float(part.sum(dtype=np.float64)), 1e-30))
        for part, share in ((cosine, 1 - ease_share), (ease, ease_share))
    ]
    return best_entries(sp.csr_matrix(parts[0] + parts[1], dtype=np.float32), neighbours_max)


def with_recency(
    by_candidate: sp.csr_matrix, events: Interactions, now_s: float, exponent: float
) -> sp.csr_matrix:
    """Returns the weights, each candidate's multiplied by its recency."""
    if not exponent:
        return by_candidate
    factors = candidate_recency(events, now_s) ** np.float32(exponent)
    per_entry = np.repeat(factors, np.diff(by_candidate.indptr))
    return sp.csr_matrix(
        (by_candidate.data * per_entry, by_candidate.indices, by_candidate.indptr), shape=by_candidate.shape
    )


def candidate_recency(events: Interactions, now_s: float) -> NDArray[np.float32]:
    """Returns f32[I], above 0: how much of what an item ever sold it sold lately, largest 1."""
    pairs = distinct_pairs(events)
    weights = decay(pairs.latest_s, now_s, RECENCY_HALF_LIFE_DAYS)
    lately = np.bincount(pairs.item_rows, weights, events.item_count)
    ever = np.bincount(pairs.item_rows, minlength=events.item_count)
    recency = (lately + 0.1) / (ever + 1)
    return np.asarray(recency / recency.max(initial=1e-30), np.float32)


def _by_candidate(
    events: Interactions, now_s: float, options: NeighbourOptions, progress: Progress | None
) -> sp.csr_matrix:
    method, collaborative = options.method, options.collaborative
    if method is not NeighbourMethod.COSINE and not ease_is_possible(events, options.ease):
        method = NeighbourMethod.COSINE
    if method is NeighbourMethod.COSINE:
        return cosine_by_candidate(events, now_s, collaborative, progress)
    ease = ease_by_candidate(events, now_s, collaborative, options.ease)
    if method is NeighbourMethod.EASE:
        return ease
    cosine = cosine_by_candidate(events, now_s, for_mixing(options), progress)
    return mixed(cosine, ease, options.ease_share, options.mixed_neighbours_max)


def for_mixing(options: NeighbourOptions) -> CollaborativeOptions:
    """Returns the knobs of the co-occurrence part of a mix."""
    return replace(options.collaborative, neighbours_max=options.mixed_neighbours_max)
