"""Candidate lists as a server would have made them in the past, with what users then chose from them.

The sources are fitted on events before a cut; the requests are those after it. The lists, their blend and the
cross features come from the kernels that serve requests, so the ranker learns on the inputs it will be given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ext import accumulate_neighbours, assemble_cross_features, blend_candidates, summarize_history, top_k
from offline.candidates.collaborative import NeighbourTable
from offline.candidates.weight_codes import encode_weights
from offline.model.item_snapshots import DAY_S, Catalogue, DailyItemSnapshots
from offline.model.training_data import HistoryEvents
from server.features.declarations import HISTORY_EVENTS_MAX
from server.features.fusion import Fusion, fused_scores
from server.features.history_weights import event_weight_table, weigh_items

Codes = NDArray[np.int32]
Floats = NDArray[np.float32]
Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the three sources need, all from events before the cut.

    popular_rows, popular_scores: the global trending list, best first. user_vectors: [R, V] by request.
    item_vectors: [I, V].
    """

    neighbours: NeighbourTable
    popular_rows: Codes
    popular_scores: Floats
    user_vectors: Floats
    item_vectors: Floats


DEFAULT_WEIGHTS = (0.4, 0.4, 0.2)


@dataclass(frozen=True, slots=True)
class BlendOptions:
    """As the server's retrieval settings: weights and quotas of collaborative, embedding, popularity."""

    weights: tuple[float, float, float] = DEFAULT_WEIGHTS
    quotas: tuple[int, int, int] = (200, 200, 100)
    history_half_life_days: float = 365.0
    fusion: Fusion = "score"

    @staticmethod
    def of(
        weights: tuple[float, float, float],
        candidates_max: int,
        history_half_life_days: float,
        fusion: Fusion = "score",
    ) -> BlendOptions:
        """Returns the options of the server's settings: a source's quota is its share of candidates_max."""
        total = sum(weights)
        first, second, third = (round(candidates_max * weight / total) for weight in weights)
        return BlendOptions(weights, (first, second, third), history_half_life_days, fusion)

    @property
    def limit(self) -> int:
        """Candidates at most."""
        return sum(self.quotas)


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the past: where its history ends in the ordered events, and what the user then chose."""

    history_start: int
    history_stop: int
    time_s: int
    chosen: Longs


@dataclass(frozen=True, slots=True)
class CandidateList:
    """n candidates: rows int32[n], cross float32[n, C], dot float32[n] of the towers, chosen bool[n]."""

    rows: Codes
    cross: Floats
    dot: Floats
    blend: Floats
    chosen: NDArray[np.bool_]


class CandidateListMaker:
    """Makes the list of one request after another."""

    def __init__(
        self,
        events: HistoryEvents,
        catalogue: Catalogue,
        snapshots: DailyItemSnapshots,
        sources: Sources,
        options: BlendOptions,
    ) -> None:
        self._events = events
        self._catalogue = catalogue
        self._snapshots = snapshots
        self._sources = sources
        self._options = options
        count = len(catalogue.price)
        self._no_vectors = np.zeros((count, 1), np.uint16)
        self._title_bits = catalogue.title_embeddings.astype(np.float16).view(np.uint16)
        # As a release holds them, so that the ranker learns from the scores that it will see.
        self._codes, self._scales = encode_weights(sources.neighbours.offsets, sources.neighbours.weights)
        self._event_weights = event_weight_table()

    def make(self, number: int, request: Request) -> CandidateList:
        """Returns the list of request `number` of the sources' user vectors, without what the user has already."""
        inside = slice(
            max(request.history_start, request.history_stop - HISTORY_EVENTS_MAX), request.history_stop
        )
        lists = (
            self._collaborative(inside),
            self._embedding(self._sources.user_vectors[number]),
            (
                self._sources.popular_rows[: self._options.quotas[2]],
                self._sources.popular_scores[: self._options.quotas[2]],
            ),
        )
        offsets = np.cumsum([0, *(len(rows) for rows, _ in lists)]).astype(np.int32)
        scores = np.concatenate([scores for _, scores in lists])
        rows, blend, nominated, source_scores = blend_candidates(
            np.concatenate([rows for rows, _ in lists]),
            fused_scores(scores, offsets, self._options.fusion),
            offsets,
            np.array(self._options.weights, np.float32),
            np.array(self._options.quotas, np.int32),
            self._options.limit,
        )
        known = self._events.rows[request.history_start : request.history_stop]
        new = ~np.isin(rows, known)
        rows = rows[new]
        cross = self._cross_features(inside, request.time_s, rows, source_scores[new], nominated[new])
        dot = self._sources.item_vectors[rows] @ self._sources.user_vectors[number]
        return CandidateList(rows, cross, dot, blend[new], np.isin(rows, request.chosen))

    def _collaborative(self, inside: slice) -> tuple[Codes, Floats]:
        items, weights = weigh_items(
            self._events.rows[inside],
            self._events.times_s[inside],
            self._events.types[inside],
            self._options.history_half_life_days,
        )
        table = self._sources.neighbours
        rows, scores, _ = accumulate_neighbours(
            items,
            weights,
            table.offsets,
            table.rows,
            self._codes,
            self._scales,
            self._options.quotas[0],
        )
        return rows, scores

    def _embedding(self, user_vector: Floats) -> tuple[Codes, Floats]:
        """By cosine, as the index gives it."""
        scores = self._sources.item_vectors @ (user_vector / max(float(np.linalg.norm(user_vector)), 1e-12))
        best = top_k(scores.astype(np.float32), self._options.quotas[1])
        return best, scores[best].astype(np.float32)

    def _cross_features(
        self,
        inside: slice,
        time_s: int,
        rows: Codes,
        source_scores: Floats,
        nominated: NDArray[np.uint32],
    ) -> Floats:
        summary = summarize_history(
            self._events.rows[inside],
            self._events.times_s[inside],
            self._events.types[inside],
            time_s,
            self._event_weights,
            self._catalogue.category,
            self._catalogue.brand,
            self._catalogue.price,
            self._title_bits,
            self._no_vectors,
        )
        values = self._snapshots.values_at(time_s // DAY_S)
        return assemble_cross_features(
            rows,
            np.ascontiguousarray(source_scores),
            np.bitwise_count(nominated).astype(np.float32),
            summary.viewed_categories,
            summary.bought_brands,
            float(summary.price_range[0]),
            float(summary.price_range[1]),
            summary.user_embedding,
            self._catalogue.category,
            self._catalogue.brand,
            self._catalogue.price,
            self._title_bits,
            values["view_count_7d"],
            values["purchase_count_7d"],
        )
