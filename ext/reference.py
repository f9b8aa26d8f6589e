"""The NumPy twin of every kernel: short, obviously right, and the specification that the kernels are held to.

Common rules. Rows are int32, -1 is an unknown item. Lists come out best first: score descending, then row
ascending; NaN is never selected. Rows that serve as an index must be rows of the columns given,
else IndexError.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ext.graph_reference import search_graph
from ext.history_reference import (
    Halves,
    encode_user_input,
    find_rows,
    from_halves,
    summarize_history,
    weigh_items,
)
from ext.masks_reference import (
    check_rows,
    count_until_wanted,
    keep_codes,
    keep_flags,
    keep_not_expired,
    keep_not_in,
)
from ext.reply_reference import decode_ids, encode_items, find_reasons, read_plain_request
from ext.tensors_reference import encode_candidates, take_scores

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
Longs = NDArray[np.int64]

__all__ = [
    "accumulate_neighbours",
    "assemble_cross_features",
    "blend_candidates",
    "count_until_wanted",
    "decode_ids",
    "encode_candidates",
    "encode_items",
    "encode_user_input",
    "exact_search",
    "find_reasons",
    "find_rows",
    "keep_codes",
    "keep_flags",
    "keep_not_expired",
    "keep_not_in",
    "mmr_select",
    "read_plain_request",
    "score_candidates",
    "search_graph",
    "summarize_history",
    "take_scores",
    "top_k",
    "tower_forward",
    "weigh_items",
]


def top_k(scores: Floats, k: int) -> Rows:
    """Returns the positions of the k largest scores, best first, ties by position; NaN is left out."""
    if k < 0:
        raise ValueError("k must not be negative")
    order = np.argsort(-scores, kind="stable")
    return order[~np.isnan(scores[order])][:k].astype(np.int32)


def accumulate_neighbours(
    history_rows: Rows,
    history_weights: Floats,
    offsets: Longs,
    rows: Rows,
    codes: NDArray[np.uint8],
    scales: Floats,
    k: int,
) -> tuple[Rows, Floats, Rows]:
    """Returns the k best neighbours of a history: rows, scores, and the index of the history entry that gave most.

    score(c) = sum over h of history_weights[h] * weight(h -> c), where the weight is codes[entry] * scales[h's row].
    History rows outside the table are skipped.
    """
    total: dict[int, np.float32] = {}
    largest: dict[int, tuple[np.float32, int]] = {}
    for index, (row, weight) in enumerate(zip(history_rows.tolist(), history_weights, strict=True)):
        if not 0 <= row < len(offsets) - 1:
            continue
        scaled = np.float32(weight * scales[row])
        for entry in range(int(offsets[row]), int(offsets[row + 1])):
            candidate, gain = int(rows[entry]), np.float32(scaled * np.float32(codes[entry]))
            total[candidate] = np.float32(total.get(candidate, np.float32(0)) + gain)
            if candidate not in largest or gain > largest[candidate][0]:
                largest[candidate] = (gain, index)
    found = np.array(sorted(total), np.int32)
    scores = np.array([total[row] for row in found.tolist()], np.float32)
    best = top_k(scores, k)
    because = np.array([largest[row][1] for row in found[best].tolist()], np.int32)
    return found[best], scores[best], because


def blend_candidates(
    rows: Rows,
    scores: Floats,
    offsets: Rows,
    weights: Floats,
    quotas: Rows,
    limit: int,
) -> tuple[Rows, Floats, NDArray[np.uint32], Floats]:
    """Merges the sources' lists into at most `limit` candidates, each row once.

    Source s's list, best first, is [offsets[s], offsets[s + 1]). Each source in turn has its first quotas[s] rows
    accepted that no source before it had; then the rest of the lists fills up, source by source. A source's score is
    normalised to (score - lowest) / (largest - lowest) of its whole list, 1 where they are equal, and 0 where it did
    not nominate the row; the blend is the weighted sum. An entry whose score is NaN counts as absent.

    Returns rows int32[m], blend float32[m], nominated uint32[m] (bit s: source s has it), source_scores
    float32[m, S]; ordered by blend descending, then row.
    """
    check_rows(rows, np.iinfo(np.int32).max)
    lists = [_listed(rows[start:stop], scores[start:stop]) for start, stop in pairwise(offsets.tolist())]
    accepted: dict[int, None] = {}
    for most in (quotas.tolist(), [limit] * len(lists)):
        for listed, quota in zip(lists, most, strict=True):
            fresh = [row for row in listed if row not in accepted]
            accepted.update(dict.fromkeys(fresh[: max(0, min(quota, limit - len(accepted)))]))
    chosen = np.array(sorted(accepted), np.int32)
    nominated = np.zeros(len(chosen), np.uint32)
    source_scores = np.zeros((len(chosen), len(lists)), np.float32)
    blend = np.zeros(len(chosen), np.float32)
    for s, listed in enumerate(lists):
        for at, row in enumerate(chosen.tolist()):
            if row in listed:
                nominated[at] |= np.uint32(1 << s)
                source_scores[at, s] = listed[row]
        blend += weights[s] * source_scores[:, s]
    order = np.argsort(-blend, kind="stable")
    return chosen[order], blend[order], nominated[order], source_scores[order]


def _listed(rows: Rows, scores: Floats) -> dict[int, float]:
    """Returns a list's normalised score by row, in order; an entry without a score is none, a row's first one counts."""
    valid = ~np.isnan(scores)
    listed: dict[int, float] = {}
    for row, score in zip(rows[valid].tolist(), _normalise(scores[valid]).tolist(), strict=True):
        listed.setdefault(row, score)
    return listed


def _normalise(scores: Floats) -> Floats:
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    return np.asarray((scores - low) / (high - low), np.float32) if high > low else np.ones_like(scores)


def assemble_cross_features(
    rows: Rows,
    source_scores: Floats,
    source_count: Floats,
    viewed_categories: Rows,
    bought_brands: Rows,
    price_low: float,
    price_high: float,
    user_embedding: Floats,
    category: Rows,
    brand: Rows,
    price: Floats,
    title_embeddings: Halves,
    view_count_7d: Floats,
    purchase_count_7d: Floats,
) -> Floats:
    """Returns the cross features of n candidates, float32[n, 10], columns as declarations.CROSS_FEATURES.

    source_scores: float32[n, 3], collaborative, embedding, popularity. price_low < 0: the user has no range.
    title_embeddings: the bits of float16[N, T], as uint16.
    """
    check_rows(rows, len(category))
    out = np.empty((len(rows), 10), np.float32)
    out[:, 0] = np.isin(category[rows], viewed_categories)
    out[:, 1] = np.isin(brand[rows], bought_brands)
    out[:, 2] = _price_in_range(price[rows], price_low, price_high)
    out[:, 3] = _cosines(from_halves(title_embeddings[rows]), user_embedding)
    out[:, 4] = np.log1p(view_count_7d[rows])
    out[:, 5] = purchase_count_7d[rows] / np.maximum(view_count_7d[rows], 1)
    out[:, 6:9] = source_scores
    out[:, 9] = source_count
    return out


def _price_in_range(price: Floats, low: float, high: float) -> Floats:
    if low < 0:
        return np.full(len(price), 0.5, np.float32)
    below = np.maximum(0, 1 - (low - price) / max(low, 1e-9))
    above = np.maximum(0, 1 - (price - high) / max(high, 1e-9))
    fit = np.where(price < low, below, np.where(price > high, above, 1)).astype(np.float32)
    return np.where(price < 0, np.float32(0.5), fit)


def _cosines(vectors: Floats, user: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(user)
    dots = vectors @ user
    return np.asarray(np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0), np.float32)


def tower_forward(
    x: Floats, w1: Floats, b1: Floats, w2: Floats, b2: Floats, w3: Floats, b3: Floats
) -> Floats:
    """Returns Linear-ReLU-Linear-ReLU-Linear of float32[B, W]; weights are [inputs, outputs]."""
    hidden = np.maximum(x @ w1 + b1, 0)
    hidden = np.maximum(hidden @ w2 + b2, 0)
    return np.asarray(hidden @ w3 + b3, np.float32)


def exact_search(user_vector: Floats, vectors: Floats, rows: Rows) -> Floats:
    """Returns the inner products of the given rows of float32[N, V] with the user's vector, float32[n]."""
    check_rows(rows, len(vectors))
    return np.asarray(vectors[rows] @ user_vector, np.float32)


def score_candidates(
    rows: Rows,
    user_vector: Floats,
    item_vectors: Floats,
    cross: Floats,
    head_w1: Floats,
    head_b1: Floats,
    head_w2: Floats,
    head_b2: Floats,
    dot_scale: float,
    score_bias: float,
) -> Floats:
    """Returns logistic(dot * dot_scale + relu(cross head_w1 + head_b1) head_w2 + head_b2 + score_bias), float32[n].

    The head has 16 hidden units. A NaN among the inputs comes out as NaN.
    """
    head = np.maximum(cross @ head_w1 + head_b1, 0) @ head_w2 + head_b2[0]
    logits = (
        exact_search(user_vector, item_vectors, rows) * np.float32(dot_scale) + head + np.float32(score_bias)
    )
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))), np.float32)


def mmr_select(
    scores: Floats, category: Rows, brand: Rows, count: int, mmr_weight: float, category_cap: int
) -> Rows:
    """Returns up to `count` positions in order of selection by maximal marginal relevance (Carbonell & Goldstein 1998).

    Each step takes the largest score - mmr_weight * mean similarity to the selected; similarity is 1 for the same
    category, else .5 for the same brand, else 0; code -1 is similar to nothing and never capped. At most category_cap
    of a category (0 = no cap); when that leaves the list short, the overflow fills it, largest score first.
    """
    left = [p for p in range(len(scores)) if not np.isnan(scores[p])]
    chosen: list[int] = []
    similar = np.zeros(len(scores), np.float32)
    taken: dict[int, int] = {}
    while len(chosen) < count:
        open_positions = [
            p
            for p in left
            if not category_cap or category[p] < 0 or taken.get(int(category[p]), 0) < category_cap
        ]
        if not open_positions:
            break
        seen = np.float32(max(len(chosen), 1))
        value = {p: scores[p] - np.float32(mmr_weight) * (similar[p] / seen) for p in open_positions}
        best = max(open_positions, key=lambda p: (value[p], -p))
        chosen.append(best)
        left.remove(best)
        taken[int(category[best])] = taken.get(int(category[best]), 0) + 1
        same_category = (category == category[best]) & (category >= 0)
        same_brand = (brand == brand[best]) & (brand >= 0) & ~same_category
        similar += same_category.astype(np.float32) + np.float32(0.5) * same_brand
    overflow = sorted(left, key=lambda p: (-scores[p], p))
    return np.array(chosen + overflow[: count - len(chosen)], np.int32)
