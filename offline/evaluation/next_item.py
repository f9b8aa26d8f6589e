"""How well the neighbours of an anonymous session's own events foretell its next item.

    python -m offline.evaluation.next_item events.csv.gz [--session user_session] [--item product_id]

The file's latest sessions (--share of all, by their first event) are replayed against tables made from those before
them: after each event the next item that is new to the session is looked for among the best k. Items that are not in
train count as misses. What a session's items weigh is what the server gives them. Printed: recall@k and MRR@k over all
such moments, of what is popular, of the last item's neighbours, and of the whole session's by each kind of table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from offline.candidates.interactions import Interactions
from offline.candidates.neighbour_choice import NeighbourSearch, choose_neighbours
from offline.candidates.neighbours import NeighbourMethod, NeighbourOptions, make_neighbours
from offline.candidates.popularity import popular_scores
from offline.evaluation.event_files import epoch_seconds, read_table
from server.features.event_types import EventType
from server.features.history_weights import weigh_items

HISTORY_HALF_LIFE_DAYS = 365.0
"""The default of the setting retrieval.history_half_life_days."""

EVENT_NAMES = {
    "view": EventType.VIEW,
    "click": EventType.CLICK,
    "cart": EventType.ADD_TO_CART,
    "add_to_cart": EventType.ADD_TO_CART,
    "purchase": EventType.PURCHASE,
}

Floats = NDArray[np.float32]
Session = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8]]
"""Rows, times and types of a session's events, oldest first."""

Score = Callable[[Session], Floats]
"""Takes what a session has done so far, gives a score for every item."""


@dataclass(frozen=True, slots=True)
class NextItem:
    """Means over moments: a session after an event, before a next item that is new to it."""

    recall: float
    mrr: float
    moments: int


def read_sessions(path: Path, session: str, item: str) -> Interactions:
    """Returns the file's history events with a session in place of the user. Raises InvalidRequest."""
    table = read_table(path, (session, item), (session, item, "event_type", "event_time"))
    table = table.filter(pc.is_in(table.column("event_type"), value_set=pa.array(list(EVENT_NAMES))))
    sessions, items = (table.column(name).combine_chunks().dictionary_encode() for name in (session, item))
    types = [EVENT_NAMES[name] for name in table.column("event_type").to_pylist()]
    return Interactions(
        sessions.indices.to_numpy().astype(np.int32),
        items.indices.to_numpy().astype(np.int32),
        epoch_seconds(table.column("event_time")),
        np.array(types, np.uint8),
        np.zeros(len(table), np.uint8),
        len(sessions.dictionary),
        len(items.dictionary),
    )


def split_sessions(events: Interactions, share: float) -> tuple[Interactions, Interactions]:
    """Returns the events before the first of the latest sessions, and those sessions' events."""
    first_s = np.full(events.user_count, np.iinfo(np.int64).max)
    np.minimum.at(first_s, events.users, events.times_s)
    cut_s = np.quantile(first_s[np.unique(events.users)], 1 - share)
    return events.where(events.times_s < cut_s), events.where(first_s[events.users] >= cut_s)


def measure(sessions: Interactions, score: Score, k: int) -> NextItem:
    """Replays the sessions."""
    order = np.lexsort((np.arange(len(sessions)), sessions.times_s, sessions.users))
    ordered = sessions.take(order)
    starts = np.flatnonzero(np.diff(ordered.users, prepend=-1))
    places: list[float] = []
    for start, stop in zip(starts, [*starts[1:], len(ordered)], strict=True):
        rows = ordered.item_rows[start:stop]
        for done in range(1, len(rows)):
            if rows[done] in rows[:done]:
                continue
            inside = slice(start, start + done)
            so_far = (rows[:done], ordered.times_s[inside], ordered.types[inside])
            places.append(_place(score(so_far), rows[:done], int(rows[done])))
    found = np.array(places, np.float64)
    hit = found < k
    return NextItem(
        float(hit.mean()) if len(found) else 0.0,
        float((hit / (found + 1)).mean()) if len(found) else 0.0,
        len(found),
    )


def methods(train: Interactions) -> Mapping[str, Score]:
    """Returns the methods by name."""
    now_s = float(train.times_s.max()) + 1
    popular = popular_scores(train, now_s, None).astype(np.float32)
    tables = {
        method: make_neighbours(
            train, now_s, choose_neighbours(train, search=NeighbourSearch(methods=(method,))).options
        ).matrix()
        for method in NeighbourMethod
    }
    plain = make_neighbours(train, now_s, NeighbourOptions()).matrix()

    def last(session: Session) -> Floats:
        return np.asarray(plain[session[0][-1]].toarray()[0])

    def whole(table: NeighbourMethod) -> Score:
        def score(session: Session) -> Floats:
            rows, weights = weigh_items(*session, HISTORY_HALF_LIFE_DAYS)
            return np.asarray(weights @ tables[table][rows])

        return score

    return {
        "popular": lambda session: popular,
        "last item's neighbours": last,
        **{f"session, {method}": whole(method) for method in NeighbourMethod},
    }


def _place(scores: Floats, seen: NDArray[np.int32], wanted: int) -> float:
    """Returns how many unseen items stand before the wanted one, ties by row; infinity where it has no score."""
    if scores[wanted] <= 0:
        return np.inf
    before = (scores > scores[wanted]) | ((scores == scores[wanted]) & (np.arange(len(scores)) < wanted))
    before[seen] = False
    return float(np.count_nonzero(before))


def main() -> None:
    """Reads the command line and prints a line a method."""
    parser = argparse.ArgumentParser(description="Recall of the next item of anonymous sessions.")
    parser.add_argument("events", type=Path)
    parser.add_argument("--session", default="user_session")
    parser.add_argument("--item", default="product_id")
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--k", type=int, default=20)
    options = parser.parse_args()
    train, later = split_sessions(read_sessions(options.events, options.session, options.item), options.share)
    for name, score in methods(train).items():
        found = measure(later, score, options.k)
        print(
            f"{name:24} recall@{options.k} {found.recall:.4f}  MRR {found.mrr:.4f}  {found.moments:,} moments"
        )


if __name__ == "__main__":
    main()
