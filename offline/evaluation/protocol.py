"""What is measured against what: the split, who is a test user, and what is relevant to whom.

Rows are those of the train file's items in ascending id order, so that ties by row are ties by item id. A test pair
whose item is not in train is dropped, and so is a test user who has no train event. With seen items masked, pairs
that the user already had in train are dropped too. Then users with nothing left are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.candidates.interactions import Interactions, distinct_pairs
from offline.evaluation.event_files import read_events
from offline.evaluation.metrics import Metrics, ranking_metrics, user_blocks
from server.errors import FieldViolation, InvalidRequest
from server.features.event_types import HISTORY_EVENT_TYPES

BLOCK_USERS_MAX = 256
BLOCK_SCORES_MAX = 8_000_000

Method = Callable[[NDArray[np.int32]], NDArray[np.int32]]
"""Ranks for users (codes of the split): i32[users, k] item rows, best first, -1 where a list is short."""

MethodProgress = Callable[[str, int], None]
"""Called with a method's name and how many more users it has ranked."""


@dataclass(frozen=True, slots=True)
class Split:
    """A train and a test period over the same users and items.

    train: its history events; codes and rows stand for user_ids and item_ids. now_s: the end of train.
    seen: bool-like csr (all users x items), the train pairs. test_users i32[n]: codes, ascending.
    relevant: csr (n x items), what each test user should be shown. masked: whether seen items are left out.
    """

    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    train: Interactions
    now_s: int
    seen: sp.csr_matrix
    test_users: NDArray[np.int32]
    relevant: sp.csr_matrix
    masked: bool


def read_split(train_path: Path, test_path: Path, *, allow_repeats: bool = False) -> Split:
    """Reads both event files. Raises InvalidRequest where no test user is left."""
    return make_split(read_events(train_path), read_events(test_path), allow_repeats=allow_repeats)


def make_split(train: pa.Table, test: pa.Table, *, allow_repeats: bool = False) -> Split:
    """Returns the split of two tables as event_files.read_events gives them."""
    train, test = positive_events(train), positive_events(test)
    user_ids = sorted(train.column("user_id").unique().to_pylist())
    item_ids = sorted(train.column("item_id").unique().to_pylist())
    events = _interactions(train, user_ids, item_ids)
    pairs = distinct_pairs(events)
    shape = (len(user_ids), len(item_ids))
    seen = sp.csr_matrix((np.ones(pairs.users.size), (pairs.users, pairs.item_rows)), shape=shape)
    relevant = _relevant_pairs(test, user_ids, item_ids)
    if not allow_repeats:
        relevant = relevant - relevant.multiply(seen)
        relevant.eliminate_zeros()
    test_users = np.flatnonzero(np.diff(relevant.indptr)).astype(np.int32)
    if not test_users.size:
        raise InvalidRequest(
            [
                FieldViolation(
                    "test",
                    "NO_TEST_USERS",
                    "has no pair of a user and an item of train that is new to the user",
                )
            ]
        )
    now_s = int(events.times_s.max()) + 1
    return Split(
        tuple(user_ids),
        tuple(item_ids),
        events,
        now_s,
        seen,
        test_users,
        relevant[test_users],
        masked=not allow_repeats,
    )


def evaluate_methods(
    split: Split, methods: Mapping[str, Method], progress: MethodProgress | None = None
) -> dict[str, Metrics]:
    """Returns each method's metrics over all test users."""
    lists = rank_methods(split, methods, progress)
    return {name: ranking_metrics(ranked, split.relevant) for name, ranked in lists.items()}


def rank_methods(
    split: Split, methods: Mapping[str, Method], progress: MethodProgress | None = None
) -> dict[str, NDArray[np.int32]]:
    """Returns each method's lists for all test users, i32[test users, k]."""
    lists = {}
    block_users = min(BLOCK_USERS_MAX, max(1, BLOCK_SCORES_MAX // len(split.item_ids)))
    for name, method in methods.items():
        ranked = []
        for block in user_blocks(split.test_users.size, block_users):
            users = split.test_users[block]
            ranked.append(method(users))
            if progress is not None:
                progress(name, users.size)
        lists[name] = np.concatenate(ranked)
    return lists


def positive_events(events: pa.Table) -> pa.Table:
    """Returns the events that say something positive about taste."""
    positive = pa.array(sorted(HISTORY_EVENT_TYPES), pa.uint8())
    return events.filter(pc.is_in(events.column("event_type"), value_set=positive)).combine_chunks()


def _interactions(events: pa.Table, user_ids: list[str], item_ids: list[str]) -> Interactions:
    return Interactions(
        _codes(events.column("user_id"), user_ids),
        _codes(events.column("item_id"), item_ids),
        events.column("event_time_s").to_numpy(),
        events.column("event_type").to_numpy(),
        np.zeros(len(events), np.uint8),
        len(user_ids),
        len(item_ids),
    )


def _relevant_pairs(test: pa.Table, user_ids: list[str], item_ids: list[str]) -> sp.csr_matrix:
    users, items = _codes(test.column("user_id"), user_ids), _codes(test.column("item_id"), item_ids)
    known = (users >= 0) & (items >= 0)
    matrix = sp.csr_matrix(
        (np.ones(np.count_nonzero(known)), (users[known], items[known])), shape=(len(user_ids), len(item_ids))
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _codes(column: pa.ChunkedArray, values: list[str]) -> NDArray[np.int32]:
    codes = pc.index_in(column, value_set=pa.array(values, pa.string()))
    return np.asarray(pc.fill_null(codes, -1).to_numpy().astype(np.int32))
