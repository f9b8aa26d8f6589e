"""`shortlist evaluate`: how good are the lists, from popularity to what would be served?"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from server.cli.options import Config, console, fail, load_settings, told_errors

if TYPE_CHECKING:
    import pyarrow as pa

    from offline.evaluation.metrics import Metrics
    from offline.evaluation.protocol import Method, Split
    from server.settings import Settings

OFFLINE_METHODS = ("popularity", "collaborative")
RELEASE_METHODS = ("embedding", "blend", "ranked")
ALL_METHODS = (*OFFLINE_METHODS, *RELEASE_METHODS)
COLUMNS = {"recall": "recall", "ndcg": "NDCG", "precision": "precision", "map": "MAP", "hit_rate": "hit rate"}

Train = Annotated[
    Path, typer.Option(help="Events to learn from: user_id, item_id[, event_type, event_time].")
]
Test = Annotated[Path, typer.Option(help="Events to be foretold, of the same form, from later on.")]
Items = Annotated[
    Path | None,
    typer.Option(help="item_id[, title, category, brand, price, image_embedding].", show_default=False),
]
MethodNames = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        help=f"Any of {', '.join(ALL_METHODS)}; may be repeated. [default: all]",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("evaluate", rich_help_panel="Learn")(evaluate)


def evaluate(
    train: Train,
    test: Test,
    items: Items = None,
    k: Annotated[int, typer.Option(min=1, max=200, help="Length of the lists.")] = 20,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Where the numbers go.", show_default=False)
    ] = None,
    allow_repeats: Annotated[
        bool, typer.Option("--allow-repeats", help="Keep items that the user has seen in the lists.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the training.")] = 0,
    method: MethodNames = None,
    work: Annotated[
        Path | None,
        typer.Option(help="An empty folder in which the release is made and stays.", show_default=False),
    ] = None,
    config: Config = None,
) -> None:
    """Trains on one file of events and measures the lists against another.

    All items of train are ranked for each user whom both files know. Popularity and collaborative filtering come
    straight from the events; embedding, blend and ranked from a release made for the purpose, through the code
    that serves. Files are CSV, JSONL or Parquet, plain or .gz; without times the order of lines counts.
    """
    settings = load_settings(config)
    names = _method_names(method)
    with told_errors():
        split, events, catalogue = _read(train, test, items, allow_repeats=allow_repeats)
        with _work_dir(work) as data_dir:
            methods = _offline_methods(split, names, k, settings)
            if set(names) & set(RELEASE_METHODS):
                methods |= _release_methods(split, events, catalogue, data_dir, settings, k, seed)
            results = _measure(split, {name: methods[name] for name in names})
        _write(split, results, k, json_path)


def _method_names(given: Sequence[str] | None) -> tuple[str, ...]:
    unknown = sorted(set(given or ()) - set(ALL_METHODS))
    if unknown:
        fail(f"there is no method {unknown[0]}; there are {', '.join(ALL_METHODS)}")
    return tuple(name for name in ALL_METHODS if not given or name in given)


def _read(
    train: Path, test: Path, items: Path | None, *, allow_repeats: bool
) -> tuple[Split, pa.Table, pa.Table | None]:
    from offline.evaluation.event_files import read_events, read_items
    from offline.evaluation.protocol import make_split

    for path in (train, test, items):
        if path is not None and not path.is_file():
            fail(f"there is no file {path}")
    events = read_events(train)
    split = make_split(events, read_events(test), allow_repeats=allow_repeats)
    return split, events, None if items is None else read_items(items)


def _offline_methods(split: Split, names: Sequence[str], k: int, settings: Settings) -> dict[str, Method]:
    from offline.evaluation.methods import collaborative_method, popularity_method
    from server.cli.neighbour_knobs import neighbour_knobs

    makers: dict[str, Callable[[Split, int], Method]] = {
        "popularity": popularity_method,
        "collaborative": lambda split, k: collaborative_method(split, k, *neighbour_knobs(settings)),
    }
    return {name: make(split, k) for name, make in makers.items() if name in names}


def _release_methods(
    split: Split,
    events: pa.Table,
    items: pa.Table | None,
    data_dir: Path,
    settings: Settings,
    k: int,
    seed: int,
) -> dict[str, Method]:
    from server.app.values import engine_values
    from server.cli.evaluation.built_release import release_from_train
    from server.cli.evaluation.release_methods import ReleaseMethods

    release = release_from_train(data_dir, events, items, seed=seed)
    return ReleaseMethods(split, release, engine_values(settings), k).all()


def _measure(split: Split, methods: dict[str, Method]) -> dict[str, Metrics]:
    from offline.evaluation.protocol import evaluate_methods

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console()) as progress:
        users = split.test_users.size
        tasks = {name: progress.add_task(f"Ranking: {name}", total=users) for name in methods}
        return evaluate_methods(split, methods, lambda name, done: progress.advance(tasks[name], done))


def _write(split: Split, results: dict[str, Metrics], k: int, json_path: Path | None) -> None:
    from offline.evaluation.protocol import report

    seen = "seen items masked" if split.masked else "repeats allowed"
    users, items = split.test_users.size, len(split.item_ids)
    table = Table(
        title=f"{users:,} users, {items:,} items ranked, {seen}", title_justify="left", caption_justify="left"
    )
    table.add_column("method")
    for title in COLUMNS.values():
        table.add_column(f"{title}@{k}", justify="right")
    table.add_column("coverage", justify="right")
    for name, metrics in results.items():
        values = [*(getattr(metrics, field) for field in COLUMNS), metrics.coverage]
        table.add_row(name, *(f"{value:.4f}" for value in values))
    console().print(table)
    if json_path is not None:
        json_path.write_text(json.dumps(report(split, results, k), indent=2) + "\n", encoding="utf-8")


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
