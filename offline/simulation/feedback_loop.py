"""A recommender that learns from nothing but what it showed: 30 retrainings, with and without places left to chance.

    python -m offline.simulation.feedback_loop --svg docs/images/feedback_loop.svg

Item CF (offline/candidates/collaborative.py at its defaults, without decay) is fitted on the clicks that its own lists
earned, over one random day to begin with. Quality is the true click probability at the places shown.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.candidates.collaborative import CollaborativeOptions, neighbour_table
from offline.candidates.interactions import Interactions
from offline.evaluation.metrics import top_rows
from offline.simulation.browsing import respond
from offline.simulation.draws import Indexes
from offline.simulation.parameters import load_parameters
from offline.simulation.store import SimulatedStore, StoreShape
from server.features.event_types import EventType, PageType

ROUNDS = 30
LIST_LENGTH = 20
SESSIONS_PER_USER = 4
DAY_S = 86_400
EXPLORATION_SHARES = (0.0, 0.05, 0.15)


@dataclass(frozen=True, slots=True)
class Round:
    """One retraining. coverage: distinct items in the lists as learnt / catalogue, chance left out. quality: mean true
    click probability of the lists as shown, chance included."""

    coverage: float
    quality: float


def run_loop(store: SimulatedStore, exploration_share: float, seed: int, rounds: int = ROUNDS) -> list[Round]:
    """Returns what each of the model's retrainings came to."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(store.shape.users), SESSIONS_PER_USER)
    tastes = store.users(users)
    # The first lists are random: there is nothing to learn from yet.
    lists = learnt = random_lists(store, users.size, rng)
    log: list[NDArray[np.int64]] = []
    found = []
    for day in range(rounds + 1):
        clicked, likely = respond(store, tastes, lists, np.full(users.size, 0.0), rng)
        if day:
            found.append(Round(np.unique(learnt).size / store.shape.items, float(likely.mean())))
        row, place = np.nonzero(clicked)
        log.append(np.stack([users[row], lists[row, place], np.full(row.size, day * DAY_S)], axis=1))
        learnt = learnt_lists(store, np.concatenate(log))[users]
        lists = with_chance(store, learnt, exploration_share, rng)
    return found


def learnt_lists(store: SimulatedStore, log: NDArray[np.int64]) -> Indexes:
    """Returns each user's list, i64[users, LIST_LENGTH], by item CF on the log (user, item, second).

    Users whose clicks lead nowhere get what was clicked most.
    """
    order = np.lexsort((log[:, 2], log[:, 0]))
    user, item, time = log[order].T
    events = Interactions(
        users=user.astype(np.int32),
        item_rows=item.astype(np.int32),
        times_s=time,
        types=np.full(user.size, EventType.CLICK, np.uint8),
        pages=np.full(user.size, PageType.HOME, np.uint8),
        user_count=store.shape.users,
        item_count=store.shape.items,
    )
    options = CollaborativeOptions(half_life_days=None)
    table = neighbour_table(events, float(time.max() + 1), options).matrix()
    history = sp.csr_matrix((np.ones(user.size), (user, item)), shape=(store.shape.users, store.shape.items))
    history.data[:] = 1
    popular = np.bincount(item, minlength=store.shape.items) / user.size
    scores = (history @ table).toarray() + 1e-6 * popular
    return top_rows(scores, None, LIST_LENGTH).astype(np.int64)


def with_chance(store: SimulatedStore, lists: Indexes, share: float, rng: np.random.Generator) -> Indexes:
    """Returns the lists with a share of places given to random items that are not in them."""
    drawn = rng.integers(0, store.shape.items, lists.shape)
    fresh = ~(drawn[:, :, None] == lists[:, None, :]).any(axis=2)
    return np.where((rng.random(lists.shape) < share) & fresh, drawn, lists)


def random_lists(store: SimulatedStore, count: int, rng: np.random.Generator) -> Indexes:
    """Returns i64[count, LIST_LENGTH] of random items, each once a list."""
    keys = rng.random((count, store.shape.items), np.float32)
    return np.argpartition(keys, LIST_LENGTH, axis=1)[:, :LIST_LENGTH].astype(np.int64)


def mean_of(runs: Sequence[Sequence[Round]]) -> list[Round]:
    """Returns the mean of several runs, retraining by retraining."""
    return [
        Round(float(np.mean([r.coverage for r in same])), float(np.mean([r.quality for r in same])))
        for same in zip(*runs, strict=True)
    ]


def svg_of(runs: Mapping[float, Sequence[Round]]) -> str:
    """Returns a plot of coverage and quality by retraining, one line an exploration share."""
    panels = [
        _panel(0, "coverage of the catalogue", {s: [r.coverage for r in run] for s, run in runs.items()}),
        _panel(360, "true click probability", {s: [r.quality for r in run] for s, run in runs.items()}),
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 260" font-family="sans-serif" font-size="12">'
        '<rect width="720" height="260" fill="white"/>' + "".join(panels) + "</svg>\n"
    )


def _panel(left: int, title: str, lines: Mapping[float, Sequence[float]]) -> str:
    width, height, top = 270, 180, 40
    most = max(max(values) for values in lines.values()) * 1.05
    parts = [
        f'<text x="{left + 50}" y="24">{title}</text>',
        f'<path d="M{left + 50} {top}v{height}h{width}" fill="none" stroke="#888"/>',
        f'<text x="{left + 46}" y="{top + 8}" text-anchor="end">{most:.2g}</text>',
        f'<text x="{left + 46}" y="{top + height}" text-anchor="end">0</text>',
        f'<text x="{left + 50 + width}" y="{top + height + 16}" text-anchor="end">retraining</text>',
    ]
    for at, (share, values) in enumerate(lines.items()):
        colour = ("#b3261e", "#1a73b8", "#2e7d32")[at % 3]
        points = " ".join(
            f"{left + 50 + width * place / max(len(values) - 1, 1):.1f},{top + height * (1 - value / most):.1f}"
            for place, value in enumerate(values)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(
            f'<text x="{left + 60 + 100 * at}" y="{top + height + 34}" fill="{colour}">{share:.0%} chance</text>'
        )
    return "".join(parts)


def main() -> None:
    """Runs the loop for some exploration shares, prints the figures and writes the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    store = SimulatedStore(StoreShape(items=1_000, users=500), load_parameters())
    runs = {
        share: [run_loop(store, share, seed) for seed in range(given.seeds)] for share in EXPLORATION_SHARES
    }
    for share, same in runs.items():
        for at in (0, 9, 19, ROUNDS - 1):
            gains = [run[at].quality - plain[at].quality for run, plain in zip(same, runs[0.0], strict=True)]
            one, error = mean_of(same)[at], float(np.std(gains)) / max(len(gains) - 1, 1) ** 0.5
            print(
                f"{share:.0%}, retraining {at + 1}: coverage {one.coverage:.3f}, quality {one.quality:.5f},"
                f" gain {np.mean(gains):+.5f} +- {error:.5f}"
            )
    if given.svg is not None:
        given.svg.write_text(svg_of({share: mean_of(same) for share, same in runs.items()}), encoding="utf-8")


if __name__ == "__main__":
    main()
