"""The twin of the walk through a graph of vectors: one list of hits, kept in order."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
Codes = NDArray[np.int8]

QUERY_UNIT = 32767
CODE_UNIT = 127


def search_graph(
    vector: Floats,
    codes: Codes,
    links: Rows,
    upper_rows: Rows,
    upper_links: Rows,
    upper_down: Rows,
    effort: int,
    count: int,
) -> tuple[Rows, Floats]:
    """Returns the (rows, similarities) of about the count rows nearest the vector, best first: int32[k], float32[k].

    The walk of HNSW (Malkov & Yashunin 2016, algorithm 5) through layers that others have linked. Similarity is the inner
    product of the vector's direction with the codes, int8[N, V], unit vectors times CODE_UNIT. A vector without a direction
    finds nothing.

    links: int32[N, D], the rows that each row of the base layer leads to, -1 behind the last. upper_rows: int32[A], one entry
    a row and layer above the base, the top layer first; the walk begins at the first. upper_links: int32[A, D2], entries of
    the same layer, -1 behind the last. upper_down: int32[A], the same row's entry one layer below; -1 = the base layer.
    effort: hits that the walk keeps and follows the links of; at least count are.
    """
    _check(vector, codes, links, upper_rows, upper_links, upper_down)
    if effort < 1 or count < 0:
        raise ValueError("effort must be positive, count not negative")
    query = _quantized(vector)
    if query is None or count == 0 or not len(upper_rows):
        return np.empty(0, np.int32), np.empty(0, np.float32)
    start = _descend(query, codes, upper_rows, upper_links, upper_down)
    hits = _walk(query, codes, links, start, min(max(effort, count), len(codes)))[:count]
    scale = 1 / (np.sqrt((query.astype(np.float64) ** 2).sum()) * CODE_UNIT)
    found = np.array([row for _, row in hits], np.int32)
    return found, np.array([-far * scale for far, _ in hits], np.float64).astype(np.float32)


def _quantized(vector: Floats) -> NDArray[np.int64] | None:
    """Returns the vector's direction as whole numbers; None where it has none."""
    with np.errstate(over="ignore", invalid="ignore"):
        square = float((vector.astype(np.float64) ** 2).sum())
    if not 0 < square < 1e300:
        return None
    whole: NDArray[np.int64] = np.rint(vector.astype(np.float64) * (QUERY_UNIT / np.sqrt(square))).astype(
        np.int64
    )
    return whole


def _near(query: NDArray[np.int64], codes: Codes, rows: Rows) -> list[int]:
    near: list[int] = (codes[rows].astype(np.int64) @ query).tolist()
    return near


def _until_last(links: Rows, stop: int) -> Rows:
    """Returns the links before the first that is none."""
    ends = np.flatnonzero((links < 0) | (links >= stop))
    return links[: ends[0]] if len(ends) else links


def _descend(
    query: NDArray[np.int64], codes: Codes, upper_rows: Rows, upper_links: Rows, upper_down: Rows
) -> int:
    at = 0
    [nearest] = _near(query, codes, upper_rows[:1])
    while True:
        entries = _until_last(upper_links[at], len(upper_rows))
        best = at
        for entry, near in zip(entries.tolist(), _near(query, codes, upper_rows[entries]), strict=True):
            if near > nearest:
                nearest, best = near, entry
        if best != at:
            at = best
        elif at < upper_down[at] < len(upper_rows):
            at = int(upper_down[at])
        else:
            return int(upper_rows[at])


def _walk(
    query: NDArray[np.int64], codes: Codes, links: Rows, start: int, effort: int
) -> list[tuple[int, int]]:
    """Returns (distance, row), the nearest first; those equally near in the order in which they were met."""
    hits = [(-_near(query, codes, np.array([start], np.int32))[0], start)]
    seen, followed = {start}, set[int]()
    while (row := next((row for _, row in hits if row not in followed), None)) is not None:
        followed.add(row)
        fresh = [other for other in _until_last(links[row], len(links)).tolist() if other not in seen]
        fresh = list(dict.fromkeys(fresh))
        seen.update(fresh)
        for other, near in zip(fresh, _near(query, codes, np.array(fresh, np.int32)), strict=True):
            hits.insert(bisect_right(hits, -near, key=lambda hit: hit[0]), (-near, other))
            del hits[effort:]
    return hits


def _check(
    vector: Floats, codes: Codes, links: Rows, upper_rows: Rows, upper_links: Rows, upper_down: Rows
) -> None:
    if len(vector) == 0 or codes.shape[1] != len(vector):
        raise ValueError("vector and codes differ in width")
    if len(codes) != len(links) or links.shape[1] == 0:
        raise ValueError("codes and links must have a row an item, links at least one place")
    if not len(upper_rows) == len(upper_links) == len(upper_down):
        raise ValueError("the upper layers' arrays differ in length")
    if len(upper_rows) and not 0 <= upper_rows[0] < len(codes):
        raise IndexError("the walk begins at a row that is none")
