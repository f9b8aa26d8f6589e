"""The graph of a usearch index as a release holds it: plain arrays by item row, which ext.search_graph walks through.

A file of usearch (format 2, written by 2.26): the vectors, a row each; a header of 64 bytes; five numbers (entries, links a
node above the base layer and in it, the highest level, the entry node); each node's level; the nodes. A node is its
key, its level, and for each of its layers a count and as many places for links.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ext import search_graph
from ext.graph_reference import CODE_UNIT

Rows = NDArray[np.int32]
Bytes = NDArray[np.uint8]

_MAGIC = b"usearch"
_SHAPE_BYTES = 8
_HEADER_BYTES = 64
_NUMBERS = 5
_KEY_BYTES, _LEVEL_BYTES, _LINK_BYTES = 8, 2, 4
_CHUNK_NODES = 1 << 16
_NONE = -1
_TINY = 1e-12
_LINKS_TO_LOST = 3
_CANDIDATES = 200
"""As many as a server asks for."""


@dataclass(frozen=True, slots=True)
class AnnGraph:
    """See ext.search_graph. codes: int8[I, V]; links: int32[I, D]; upper_rows, upper_down: int32[A];
    upper_links: int32[A, D2]. An item that the index lacks has no links."""

    codes: NDArray[np.int8]
    links: Rows
    upper_rows: Rows
    upper_links: Rows
    upper_down: Rows

    def nearest(self, vector: NDArray[np.float32], count: int, effort: int) -> Rows:
        """Returns the rows that a server's walk finds, about the count nearest, best first. vector: float32[V]."""
        rows, _ = search_graph(
            np.ascontiguousarray(vector, np.float32),
            self.codes,
            self.links,
            self.upper_rows,
            self.upper_links,
            self.upper_down,
            effort,
            count,
        )
        return rows

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Returns the arrays by their file's stem in a release."""
        return {
            "ann_codes": self.codes,
            "ann_links": self.links,
            "upper_rows": self.upper_rows,
            "upper_links": self.upper_links,
            "upper_down": self.upper_down,
        }


@dataclass(frozen=True, slots=True)
class _Nodes:
    """The nodes of a file. keys: item rows, by node; offsets: where each begins in content."""

    content: Bytes
    levels: NDArray[np.int64]
    offsets: NDArray[np.int64]
    keys: NDArray[np.int64]
    base_links: int
    upper_links: int

    def links(self, nodes: NDArray[np.int64], level: int) -> NDArray[np.int64]:
        """Returns the nodes' links on a level, int64[n, links], _NONE behind the last."""
        places = self.base_links if level == 0 else self.upper_links
        before = (
            0 if level == 0 else _list_bytes(self.base_links) + (level - 1) * _list_bytes(self.upper_links)
        )
        starts = self.offsets[nodes] + _KEY_BYTES + _LEVEL_BYTES + before
        found = self.content[starts[:, None] + np.arange(_list_bytes(places))]
        numbers = np.ascontiguousarray(found).view("<u4").astype(np.int64)
        counts, links = numbers[:, :1], numbers[:, 1:]
        links[np.arange(places) >= counts] = _NONE
        return links


def read_graph(path: Path, vectors: NDArray[np.float32]) -> AnnGraph:
    """Returns the graph of an index that was saved to a file; see graph_of()."""
    return graph_of(np.memmap(path, np.uint8, "r").view(np.ndarray), vectors)


def graph_of(content: Bytes, vectors: NDArray[np.float32]) -> AnnGraph:
    """Returns the graph of a saved index whose keys are rows of vectors, float32[I, V]. content: uint8[n], the file's bytes.

    Its codes are those of the vectors, rounded, where the index cuts off what is behind the point. Raises ValueError where it
    is no such index, or keys have been removed from it for good.
    """
    items = len(vectors)
    rows, width = np.frombuffer(content[:_SHAPE_BYTES].tobytes(), "<u4").astype(int)
    at = _SHAPE_BYTES + rows * width
    if content[at : at + len(_MAGIC)].tobytes() != _MAGIC:
        raise ValueError("not an index of usearch with its vectors in front")
    nodes, entry = _read_nodes(content, at + _HEADER_BYTES)
    if len(nodes.keys) != rows or (len(nodes.keys) and nodes.keys.max() >= items):
        raise ValueError("the index holds keys that are no rows, or removed ones")
    links = np.full((items, nodes.base_links), _NONE, np.int32)
    rows_of_nodes = np.append(nodes.keys, _NONE).astype(np.int32)  # the last stands for no link
    for start in range(0, rows, _CHUNK_NODES):
        part = np.arange(start, min(start + _CHUNK_NODES, rows))
        links[nodes.keys[part]] = rows_of_nodes[nodes.links(part, 0)]
    return AnnGraph(_codes(vectors), links, *_upper_layers(nodes, entry))


def _codes(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    codes = np.zeros(vectors.shape, np.int8)
    for start in range(0, len(vectors), _CHUNK_NODES):
        part = vectors[start : start + _CHUNK_NODES]
        lengths = np.linalg.norm(part, axis=1, keepdims=True)
        codes[start : start + _CHUNK_NODES] = np.rint(part * (CODE_UNIT / np.maximum(lengths, _TINY)))
    return codes


def link_lost(graph: AnnGraph, vectors: NDArray[np.float32], lost: Rows) -> Rows:
    """Links the rows that a search for their own vector misses from rows near them that have a place left; returns those
    that are missed all the same, ascending.

    Writes to graph.links. vectors: float32[I, V], those of graph_of(). A node's places are half empty, because usearch keeps only
    links that lead into different directions; what nobody leads to is the price, and this takes it back for a few.
    """
    for row in lost.tolist():
        linked = 0
        for other in graph.nearest(vectors[row], _CANDIDATES, _CANDIDATES).tolist():
            free = np.flatnonzero(graph.links[other] == _NONE)
            if other != row and len(free) and linked < _LINKS_TO_LOST:
                graph.links[other, free[0]] = row
                linked += 1
    missed = [
        row for row in lost.tolist() if row not in graph.nearest(vectors[row], _CANDIDATES, _CANDIDATES)
    ]
    return np.array(sorted(missed), np.int32)


def _list_bytes(places: int) -> int:
    return _LINK_BYTES * (1 + places)


def _read_nodes(content: Bytes, at: int) -> tuple[_Nodes, int]:
    """Returns the nodes from the five numbers on, and the one at which a search begins."""
    numbers = np.frombuffer(content[at : at + 8 * _NUMBERS].tobytes(), "<u8").astype(int)
    count, upper_links, base_links, _, entry = (int(number) for number in numbers)
    at += 8 * _NUMBERS
    levels = np.frombuffer(content[at : at + 2 * count].tobytes(), "<i2").astype(np.int64)
    at += 2 * count
    sizes = _KEY_BYTES + _LEVEL_BYTES + _list_bytes(base_links) + levels * _list_bytes(upper_links)
    ends = at + np.cumsum(sizes)
    if count and ends[-1] != len(content):
        raise ValueError("the index is not as long as its nodes")
    offsets = ends - sizes
    keys = np.ascontiguousarray(content[offsets[:, None] + np.arange(_KEY_BYTES)]).view("<i8").reshape(count)
    if count and keys.min() < 0:
        raise ValueError("the index holds keys that are no rows, or removed ones")
    return _Nodes(content, levels, offsets, keys, base_links, upper_links), entry


def _upper_layers(nodes: _Nodes, entry: int) -> tuple[Rows, Rows, Rows]:
    """Returns the entries above the base layer, the entry node's highest first; one at least, where there are nodes."""
    rows, links, down = [], [], []
    first = 0
    members = np.array([entry] if len(nodes.keys) else [], np.int64)
    for level in range(int(nodes.levels.max(initial=0)), 0, -1):
        members = _members(nodes, level, entry)
        below = _members(nodes, level - 1, entry) if level > 1 else members[:0]
        numbers = np.full(len(nodes.keys) + 1, _NONE, np.int64)
        numbers[members] = first + np.arange(len(members))
        links.append(numbers[nodes.links(members, level)])
        numbers[members] = _NONE
        numbers[below] = first + len(members) + np.arange(len(below))
        rows.append(nodes.keys[members])
        down.append(numbers[members])
        first += len(members)
    if not rows:
        rows, down = [nodes.keys[members]], [np.full(len(members), _NONE)]
        links = [np.full((len(members), nodes.upper_links), _NONE)]
    return (
        np.concatenate(rows).astype(np.int32),
        np.concatenate(links).astype(np.int32),
        np.concatenate(down).astype(np.int32),
    )


def _members(nodes: _Nodes, level: int, entry: int) -> NDArray[np.int64]:
    """Returns the nodes of a layer; the entry node is the first."""
    others = np.flatnonzero(nodes.levels >= level)
    return np.concatenate(([entry], others[others != entry]))
