"""What the page shows, measured and ready to be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.evaluation.assessment import Assessment
from offline.evaluation.bootstrap import Interval
from offline.evaluation.breakdowns import SEGMENTS, user_segments
from offline.evaluation.item_facts import ItemFacts
from offline.evaluation.metrics import hit_matrix
from offline.evaluation.protocol import Split

EXAMPLES_PER_SEGMENT = 2
HISTORY_SHOWN = 12
LIST_SHOWN = 10
MIX_CATEGORIES = 6


@dataclass(frozen=True, slots=True)
class TradeOffPoint:
    """The served list at one weight of similarity (MMR). is_default: the weight of the settings."""

    weight: float
    is_default: bool
    ndcg: float
    diversity: float
    novelty: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does to NDCG, user by user; below zero is worse."""

    name: str
    ndcg: Interval


@dataclass(frozen=True, slots=True)
class Example:
    """One user, as names. history: latest first, history_items of them in all. lists: (name, whether it was a hit)."""

    user_id: str
    segment: str
    history_items: int
    history: tuple[str, ...]
    lists: Mapping[str, tuple[tuple[str, bool], ...]]


@dataclass(frozen=True, slots=True)
class CategoryMix:
    """The share of a category among the users' histories, and among each method's lists."""

    name: str
    history: float
    shown: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """Everything on the page. studied_users: of trade-off, sources and inputs. What is empty was not studied."""

    split: Split
    assessment: Assessment
    k: int
    version: str
    studied_users: int = 0
    mixes: Sequence[CategoryMix] = ()
    examples: Sequence[Example] = ()
    trade_off: Sequence[TradeOffPoint] = ()
    sources: Sequence[Effect] = ()
    features: Sequence[Effect] = ()
    inputs: Sequence[Effect] = ()


def examples(
    split: Split, facts: ItemFacts, lists: Mapping[str, NDArray[np.int32]], seed: int
) -> list[Example]:
    """Returns users drawn at random from each segment, so that nobody picks the flattering ones."""
    segments = user_segments(np.diff(split.seen[split.test_users].indptr))
    random = np.random.default_rng(seed)
    hits = {name: hit_matrix(ranked, split.relevant) for name, ranked in lists.items()}
    drawn = []
    for code, segment in enumerate(SEGMENTS):
        inside = np.flatnonzero(segments == code)
        for place in np.sort(random.permutation(inside)[:EXAMPLES_PER_SEGMENT]):
            shown = {
                name: tuple(
                    (facts.names[row], bool(hit))
                    for row, hit in zip(ranked[place][:LIST_SHOWN], hits[name][place], strict=False)
                    if row >= 0
                )
                for name, ranked in lists.items()
            }
            drawn.append(_example(split, facts, int(split.test_users[place]), segment, shown))
    return drawn


def _example(
    split: Split, facts: ItemFacts, user: int, segment: str, lists: Mapping[str, tuple[tuple[str, bool], ...]]
) -> Example:
    events = split.train.where(split.train.users == user)
    latest = events.item_rows[np.argsort(-events.times_s, kind="stable")]
    _, first = np.unique(latest, return_index=True)
    rows = latest[np.sort(first)]
    names = tuple(facts.names[row] for row in rows[:HISTORY_SHOWN])
    return Example(split.user_ids[user], segment, rows.size, names, lists)


def category_mixes(
    split: Split, facts: ItemFacts, lists: Mapping[str, NDArray[np.int32]]
) -> list[CategoryMix]:
    """Returns the mixes of the MIX_CATEGORIES categories that the test users' histories hold most of."""
    history = _shares(facts, split.seen[split.test_users].indices)
    shown = {name: _shares(facts, ranked[ranked >= 0]) for name, ranked in lists.items()}
    top = np.argsort(-history, kind="stable")[:MIX_CATEGORIES]
    return [
        CategoryMix(
            facts.category_names[code],
            float(history[code]),
            {name: float(shares[code]) for name, shares in shown.items()},
        )
        for code in top
    ]


def _shares(facts: ItemFacts, rows: NDArray[np.int32]) -> NDArray[np.float64]:
    codes = facts.categories[rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(facts.category_names))
    return np.asarray(counts / max(1, counts.sum()))
