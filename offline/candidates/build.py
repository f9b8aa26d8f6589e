"""Writes a release's neighbours and popularity lists into the work directory.

    work/candidates/
      neighbour_offsets.npy neighbour_rows.npy neighbour_codes.npy neighbour_scales.npy
      popularity_offsets.npy popularity_rows.npy popularity_scores.npy
      lists.json                 the lists' names, in order
      neighbours.json            how the neighbours were chosen

Arrays have the names, types and row order of server/releases/format.py, so publishing copies them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offline.candidates.collaborative import NeighbourTable, Progress
from offline.candidates.history_reader import read_history
from offline.candidates.neighbour_choice import NeighbourChoice, NeighbourSearch, choose_neighbours
from offline.candidates.neighbour_file import write_choice
from offline.candidates.neighbours import NeighbourOptions, make_neighbours
from offline.candidates.popularity import PopularityLists, PopularityOptions, popularity_lists
from offline.candidates.weight_codes import encode_weights
from server.stores.event_log import EventLog

ITEMS_FILE = "items.parquet"
CANDIDATES_DIR = "candidates"
LISTS_FILE = "lists.json"


@dataclass(frozen=True, slots=True)
class CandidatesSummary:
    """What was built: counts for the command line."""

    items: int
    users: int
    events: int
    neighbours: int
    lists: int
    choice: NeighbourChoice


def build_candidates(
    work_dir: Path,
    event_log: EventLog,
    as_of_s: float,
    *,
    neighbours: NeighbourOptions | None = None,
    search: NeighbourSearch | None = None,
    popularity: PopularityOptions | None = None,
    progress: Progress | None = None,
) -> CandidatesSummary:
    """Computes both from events before as_of_s for the rows of work/items.parquet and saves them.

    neighbours, search: None = the defaults; what the events themselves speak for is chosen among them.
    """
    items = pq.read_table(
        work_dir / ITEMS_FILE, columns=["item_id", "category", "hidden", "expire_time_s"]
    ).combine_chunks()
    events = read_history(event_log, items.column("item_id").to_pylist(), as_of_s)
    choice = choose_neighbours(events, neighbours, search)
    table = make_neighbours(events, as_of_s, choice.options, progress)
    codes, names = category_codes(items.column("category"))
    eligible = eligible_items(items, as_of_s)
    lists = popularity_lists(events, as_of_s, eligible, codes, names, popularity)
    save_candidates(work_dir / CANDIDATES_DIR, table, lists)
    write_choice(work_dir / CANDIDATES_DIR, choice)
    return CandidatesSummary(
        events.item_count, events.user_count, len(events), table.rows.size, len(lists.names), choice
    )


def save_candidates(directory: Path, table: NeighbourTable, lists: PopularityLists) -> None:
    """Writes the files of the module's docstring, replacing what is there."""
    directory.mkdir(parents=True, exist_ok=True)
    codes, scales = encode_weights(table.offsets, table.weights)
    arrays: dict[str, NDArray[np.generic]] = {
        "neighbour_offsets": table.offsets,
        "neighbour_rows": table.rows,
        "neighbour_codes": codes,
        "neighbour_scales": scales,
        "popularity_offsets": lists.offsets,
        "popularity_rows": lists.rows,
        "popularity_scores": lists.scores,
    }
    for name, array in arrays.items():
        np.save(directory / f"{name}.npy", array)
    (directory / LISTS_FILE).write_text(json.dumps(list(lists.names)), encoding="utf-8")


def category_codes(categories: pa.ChunkedArray) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Returns i32[I] codes (-1 = none) and the names by code, in ascending string order."""
    present = pc.fill_null(categories, "").combine_chunks()
    names = tuple(sorted(set(present.unique().to_pylist()) - {""}))
    codes = pc.fill_null(pc.index_in(present, value_set=pa.array(names, pa.string())), -1)
    return codes.to_numpy().astype(np.int32), names


def eligible_items(items: pa.Table, as_of_s: float) -> NDArray[np.bool_]:
    """Returns bool[I]: neither hidden nor expired. Stock is left to the request, for it changes by the minute."""
    hidden = pc.fill_null(items.column("hidden"), False).to_numpy()
    expire_time_s = pc.fill_null(items.column("expire_time_s"), 0).to_numpy()
    return np.asarray(~hidden & ((expire_time_s == 0) | (expire_time_s > as_of_s)))
