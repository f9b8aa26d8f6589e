"""Inputs of one request over a large release: a million rows, 500 candidates, a history of 50, 100 neighbours each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ROWS = 1_000_000
HISTORY = 50
NEIGHBOURS = 100
CANDIDATES = 500
DIMS = 64
VARIANTS = 128
BATCHED = 8
SHOWN = 20
LINKS = 32
CLUSTER_ROWS = 1_000
USER_STARTS = np.cumsum([0, 8, 4, 16, 5, 32, 3, 32, 4, 7, DIMS, DIMS]).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Case:
    """One kernel's calls. size: what a person calls these inputs. calls: arguments, used in turn.

    Kernels that gather rows have VARIANTS calls, each with other candidates: a request's rows are never in the
    processor's cache, and timing the same 500 rows again and again would flatter whoever reads them.
    """

    kernel: str
    size: str
    calls: tuple[tuple[object, ...], ...]


def make_cases(seed: int = 7, rows: int = ROWS) -> list[Case]:
    """Returns a case for each kernel, all over the same columns."""
    rng = np.random.default_rng(seed)
    columns = {
        "category": rng.integers(-1, 500, rows, np.int32),
        "brand": rng.integers(-1, 2_000, rows, np.int32),
        "price": rng.uniform(1, 100, rows).astype(np.float32),
        "vectors": rng.standard_normal((rows, DIMS), np.float32),
        "halves": rng.standard_normal((rows, DIMS), np.float32).astype(np.float16).view(np.uint16),
        "views": rng.integers(0, 1_000, rows).astype(np.float32),
        "purchases": rng.integers(0, 50, rows).astype(np.float32),
        "flags": rng.integers(0, 8, rows).astype(np.uint8),
        "expire": np.zeros(rows, np.int64),
    }
    makers: list[Callable[[np.random.Generator, dict[str, np.ndarray]], list[Case]]] = [
        _retrieval,
        _filters,
        _user,
        _ranking,
        _model_server,
        _reply,
    ]
    return [case for make in makers for case in make(rng, columns)]


def _distinct(rng: np.random.Generator, rows: int, n: int) -> np.ndarray:
    return rng.choice(rows, n, replace=False).astype(np.int32)


def _candidates(rng: np.random.Generator, rows: int) -> list[np.ndarray]:
    return [rng.integers(0, rows, CANDIDATES, np.int32) for _ in range(VARIANTS)]


def _retrieval(rng: np.random.Generator, columns: dict[str, np.ndarray]) -> list[Case]:
    rows = len(columns["price"])
    # Neighbour lists of a history overlap: half of the entries come from a pool that all lists share.
    pool = _distinct(rng, rows, 1_000)
    offsets = np.minimum(np.arange(rows + 1, dtype=np.int64) * NEIGHBOURS, HISTORY * NEIGHBOURS)
    lists = [
        np.concatenate(
            [rng.choice(pool, NEIGHBOURS // 2, replace=False), _distinct(rng, rows, NEIGHBOURS // 2)]
        )
        for _ in range(HISTORY)
    ]
    accumulate = (
        np.arange(HISTORY, dtype=np.int32),
        rng.random(HISTORY, np.float32),
        offsets,
        np.concatenate(lists).astype(np.int32),
        rng.integers(1, 256, HISTORY * NEIGHBOURS, np.uint8),
        np.full(rows, 1 / 255, np.float32),
        200,
    )
    sizes = (200, 200, 100)
    found = [_distinct(rng, rows, n) for n in sizes]
    blend = (
        np.concatenate(found),
        np.concatenate([np.sort(rng.random(n, np.float32))[::-1] for n in sizes]),
        np.cumsum((0, *sizes)).astype(np.int32),
        np.array([0.4, 0.4, 0.2], np.float32),
        np.array(sizes, np.int32),
        CANDIDATES,
    )
    return [
        Case("accumulate_neighbours", f"{HISTORY} x {NEIGHBOURS} -> 200", (accumulate,)),
        Case("blend_candidates", "200 + 200 + 100 -> 500", (blend,)),
        Case("top_k", "500 -> 40", ((rng.random(CANDIDATES, np.float32), 40),)),
        Case("search_graph", f"{rows:,} -> 200", _searches(rng, rows)),
    ]


def _searches(rng: np.random.Generator, rows: int) -> tuple[tuple[object, ...], ...]:
    """A graph without meaning but of the right size: clusters of 1,000 rows, whose nodes lead to others of the cluster."""
    cluster = np.arange(rows)[:, None] // CLUSTER_ROWS * CLUSTER_ROWS
    links = (cluster + rng.integers(0, min(rows, CLUSTER_ROWS), (rows, LINKS))).clip(0, rows - 1)
    codes = rng.integers(-30, 31, (rows, DIMS), np.int8)
    entries = rng.choice(rows, VARIANTS).astype(np.int32)
    none = np.full((1, LINKS // 2), -1, np.int32)
    down = np.full(1, -1, np.int32)
    links = links.astype(np.int32)
    return tuple(
        (rng.standard_normal(DIMS, np.float32), codes, links, entry[None], none, down, 64, 200)
        for entry in entries
    )


def _filters(rng: np.random.Generator, columns: dict[str, np.ndarray]) -> list[Case]:
    chosen = _candidates(rng, len(columns["price"]))
    excluded = np.sort(_distinct(rng, len(columns["price"]), 200))
    allowed = np.arange(5, dtype=np.int32)
    return [
        Case("keep_flags", "500", tuple((rows, columns["flags"], 1, 12) for rows in chosen)),
        Case("keep_not_in", "500 against 200", tuple((rows, excluded) for rows in chosen)),
        Case(
            "count_until_wanted",
            "200 of 250 against 200",
            tuple((rows[:250], excluded, 200) for rows in chosen),
        ),
        Case("keep_codes", "500 against 5", tuple((rows, columns["category"], allowed) for rows in chosen)),
        Case("keep_not_expired", "500", tuple((rows, columns["expire"], 1_000) for rows in chosen)),
    ]


def _user(rng: np.random.Generator, columns: dict[str, np.ndarray]) -> list[Case]:
    now_s = 1_700_000_000
    times = np.sort(now_s - rng.integers(1, 60 * 86_400, HISTORY))
    types = rng.choice([2, 3, 4, 5], HISTORY).astype(np.uint8)
    history = (_distinct(rng, len(columns["price"]), HISTORY), times, types, now_s)
    item = (columns["category"], columns["brand"], columns["price"], columns["halves"], columns["halves"])
    x = (rng.random((1, 239)) * (rng.random((1, 239)) < 0.6)).astype(np.float32)
    layers = [
        rng.standard_normal(s, np.float32) / 10 for s in ((239, 128), 128, (128, 64), 64, (64, DIMS), DIMS)
    ]
    encoded = (
        USER_STARTS, 3, 1, 12, np.array([9, 2, 300, 4], np.float32), np.array([3, 1, -1], np.int32),
        rng.integers(0, 32, 500, np.int32), np.array([7, 2, 5], np.int32), rng.integers(0, 32, 2_000, np.int32),
        np.array([1, 1 / 2, 1 / 3], np.float32), np.array([3, 90], np.float32), 0.0, 0.5, 0.5, 1.0, 2,
        rng.random(DIMS, np.float32), rng.random(DIMS, np.float32),
    )  # fmt: skip
    keys = np.sort(rng.integers(0, 2**64, len(columns["price"]), np.uint64))
    row_of_key = rng.permutation(len(keys)).astype(np.int32)
    viewed = [rng.choice(keys, HISTORY) for _ in range(VARIANTS)]
    weights = np.ones(16, np.float32)
    return [
        Case("find_rows", f"{HISTORY} keys", tuple((keys, row_of_key, wanted) for wanted in viewed)),
        Case("weigh_items", f"{HISTORY} events", ((*history[:3], weights, 60.0),)),
        Case("summarize_history", f"{HISTORY} events", ((*history, np.ones(16, np.float32), *item),)),
        Case("encode_user_input", f"1 user, {USER_STARTS[-1]}", (encoded,)),
        Case("tower_forward", "1 user, 239-128-64-64", ((x, *layers),)),
    ]


def _ranking(rng: np.random.Generator, columns: dict[str, np.ndarray]) -> list[Case]:
    chosen = _candidates(rng, len(columns["price"]))
    user = rng.standard_normal(DIMS, np.float32)
    cross = (
        rng.random((CANDIDATES, 3), np.float32),
        np.ones(CANDIDATES, np.float32),
        np.arange(0, 40, 4, dtype=np.int32),
        np.arange(0, 30, 3, dtype=np.int32),
        10.0,
        40.0,
        user,
        columns["category"],
        columns["brand"],
        columns["price"],
        columns["halves"],
        columns["views"],
        columns["purchases"],
    )
    head = [rng.standard_normal(s, np.float32) for s in ((10, 16), 16, 16, 1)]
    matrix = rng.random((CANDIDATES, 10), np.float32)
    model = (user, columns["vectors"], matrix, *head, 1.0, 0.0)
    order = (rng.random(40, np.float32), rng.integers(0, 8, 40, np.int32), rng.integers(0, 20, 40, np.int32))
    return [
        Case("assemble_cross_features", "500 x 10", tuple((rows, *cross) for rows in chosen)),
        Case("score_candidates", "500 x 64", tuple((rows, *model) for rows in chosen)),
        Case("exact_search", "500 x 64", tuple((user, columns["vectors"], rows) for rows in chosen)),
        Case("mmr_select", "40 -> 20", ((*order, 20, 0.3, 5),)),
    ]


def _model_server(rng: np.random.Generator, columns: dict[str, np.ndarray]) -> list[Case]:
    chosen = _candidates(rng, len(columns["price"]))
    features = rng.random((1, 239), np.float32)
    cross = rng.random((CANDIDATES, 10), np.float32)
    scored = rng.random((CANDIDATES, 2), np.float32)
    batches = [
        [(features, rows, cross, columns["vectors"], 7) for rows in chosen[at : at + BATCHED]]
        for at in range(0, VARIANTS, BATCHED)
    ]
    return [
        Case(
            "encode_candidates",
            f"{BATCHED} x {CANDIDATES}",
            tuple((b"header", users, 512) for users in batches),
        ),
        Case("take_scores", f"{CANDIDATES}", ((scored, chosen[0], 7),)),
    ]


def _reply(rng: np.random.Generator, columns: dict[str, np.ndarray]) -> list[Case]:
    rows = len(columns["price"])
    digits = 13
    text = rng.integers(ord("0"), ord("9") + 1, rows * digits, np.uint8)
    offsets = np.arange(rows + 1, dtype=np.int64) * digits
    shown = [_distinct(rng, rows, SHOWN) for _ in range(VARIANTS)]
    found = _distinct(rng, rows, 200)
    reasons = (
        found[:SHOWN].copy(),
        rng.integers(0, 8, SHOWN).astype(np.uint32),
        np.arange(8, dtype=np.uint32),
        np.array([0, 1, 2, 2, 3, 2, 2, 2], np.uint8),
        (1, found[:0].copy(), found[:0].copy()),
        (2, found, found[::-1].copy()),
        3,
        columns["category"],
    )
    items = (
        [f"item-{number:08d}" for number in range(SHOWN)],
        rng.random(SHOWN, np.float32),
        rng.integers(0, 64, SHOWN).astype(np.uint32) << np.uint32(1),
        rng.integers(0, 8, SHOWN).astype(np.uint8),
        [f"item-{number:08d}" if number % 2 else "" for number in range(SHOWN)],
        ["" if number % 2 else "category-00001" for number in range(SHOWN)],
    )
    return [
        Case("decode_ids", f"{SHOWN}", tuple((chosen, text, offsets) for chosen in shown)),
        Case("find_reasons", f"{SHOWN} in 200", (reasons,)),
        Case("encode_items", f"{SHOWN}", (items,)),
        Case(
            "read_plain_request", "a user, a page, a number", ((b"\x0a\x0duser-00012345 \x01\x38\x14", 128),)
        ),
    ]
