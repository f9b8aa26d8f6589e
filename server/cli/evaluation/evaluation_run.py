"""One evaluation: the files read, the release made, every method's lists, and what is said of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from offline.evaluation.assessment import Assessment, assess
from offline.evaluation.event_files import read_events, read_items
from offline.evaluation.item_facts import ItemFacts, item_facts
from offline.evaluation.methods import collaborative_method, popularity_method
from offline.evaluation.protocol import Method, Split, make_split, rank_methods
from server.app.values import engine_values
from server.cli.evaluation.built_release import release_from_train
from server.cli.evaluation.evaluation_options import RELEASE_METHODS, EvaluationOptions
from server.cli.evaluation.release_methods import ReleaseMethods
from server.cli.neighbour_knobs import neighbour_knobs
from server.cli.options import console, fail
from server.engine import EngineValues
from server.releases.mapped_release import MappedRelease
from server.settings import Settings

Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, and from what. release: None where no method asked for one. expected: popularity's lists."""

    options: EvaluationOptions
    split: Split
    events: pa.Table
    items: pa.Table | None
    facts: ItemFacts
    release: MappedRelease | None
    values: EngineValues
    expected: Rows
    assessment: Assessment


@contextmanager
def evaluation(options: EvaluationOptions, settings: Settings) -> Iterator[Evaluation]:
    """Yields the evaluation; its release may go away with the context. Raises ShortlistError for what is wrong."""
    split, events, items = _read(options)
    facts, values = item_facts(split.item_ids, items), engine_values(settings)
    with _work_dir(options.work) as data_dir:
        methods, release = _offline_methods(split, options.names, options.k, settings), None
        if set(options.names) & set(RELEASE_METHODS):
            release = release_from_train(data_dir, events, items, seed=options.seed)
            methods |= ReleaseMethods(split, release, values, options.k).all()
        lists = ranked_lists(split, {name: methods[name] for name in options.names})
        expected = lists.get("popularity")
        if expected is None:
            expected = rank_methods(split, {"popularity": popularity_method(split, options.k)})["popularity"]
        assessment = assess(split, facts, lists, expected, resamples=options.resamples, seed=options.seed)
        yield Evaluation(options, split, events, items, facts, release, values, expected, assessment)


def ranked_lists(split: Split, methods: Mapping[str, Method]) -> dict[str, Rows]:
    """Returns each method's lists for the split's test users, and shows how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console()) as progress:
        users = split.test_users.size
        tasks = {name: progress.add_task(f"Ranking: {name}", total=users) for name in methods}
        return rank_methods(split, methods, lambda name, done: progress.advance(tasks[name], done))


def _read(options: EvaluationOptions) -> tuple[Split, pa.Table, pa.Table | None]:
    for path in (options.train, options.test, options.items):
        if path is not None and not path.is_file():
            fail(f"there is no file {path}")
    events = read_events(options.train)
    split = make_split(events, read_events(options.test), allow_repeats=options.allow_repeats)
    return split, events, None if options.items is None else read_items(options.items)


def _offline_methods(split: Split, names: Sequence[str], k: int, settings: Settings) -> dict[str, Method]:
    makers: dict[str, Callable[[Split, int], Method]] = {
        "popularity": popularity_method,
        "collaborative": lambda split, k: collaborative_method(split, k, *neighbour_knobs(settings)),
    }
    return {name: make(split, k) for name, make in makers.items() if name in names}


@contextmanager
def _work_dir(given: Path | None) -> Iterator[Path]:
    """Yields the given folder, which must be empty, or one that goes away."""
    if given is None:
        with tempfile.TemporaryDirectory(prefix="shortlist-evaluate-") as name:
            yield Path(name)
        return
    if given.exists() and any(given.iterdir()):
        fail(f"{given} is not empty; a release is evaluated on a train file alone")
    given.mkdir(parents=True, exist_ok=True)
    yield given
