"""`shortlist build`: features, candidate lists, training set and user records, from what was imported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from server.cli.neighbour_knobs import neighbour_knobs
from server.cli.options import Config, DataDir, console, load_settings, told_errors
from server.settings import Settings

if TYPE_CHECKING:
    from offline.build import BuildOptions, BuildSummary
    from offline.candidates.neighbour_choice import NeighbourChoice
    from server.stores.store import Store

AsOf = Annotated[
    int | None,
    typer.Option(
        "--as-of",
        help="Epoch second that counts as now; later events are left out. [default: after the newest event]",
        show_default=False,
    ),
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads. [default: one a core]")]
RequestsMax = Annotated[
    int, typer.Option("--training-requests-max", min=1_000, help="Moments that training may sample from.")
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("build", rich_help_panel="Learn")(build)


def build(
    as_of: AsOf = None,
    threads: Threads = None,
    training_requests_max: RequestsMax = 400_000,
    records_only: Annotated[
        bool, typer.Option("--records-only", help="Only bring the store's user records up to date.")
    ] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Builds features, candidate lists and user records from what was imported. Next: train."""
    from offline.build import BuildOptions
    from offline.features.training_set import TrainingSetOptions

    settings = load_settings(config, data_dir)
    with told_errors():
        training_set = TrainingSetOptions(requests_max=training_requests_max)
        options = BuildOptions(as_of, threads, training_set, *neighbour_knobs(settings))
        if records_only:
            count = load_records_with_progress(settings, options)
            console().print(f"{count:,} user records brought up to date")
        else:
            print_summary(build_with_progress(settings, options), settings.data_dir)


def build_with_progress(settings: Settings, options: BuildOptions) -> BuildSummary:
    """Runs a build under a progress bar for each step.

    Events that wait in the store are moved into the log first; user records go into the store.
    """
    from offline.build import run_build

    with _progress() as progress, _compacted_store(settings) as store:
        return run_build(settings.data_dir, store.merge_histories, options, _steps(progress))


def load_records_with_progress(settings: Settings, options: BuildOptions) -> int:
    """Brings the store's user records up to date under a progress bar; returns how many changed."""
    from offline.build import load_records

    with _progress() as progress, _compacted_store(settings) as store:
        return load_records(settings.data_dir, store.merge_histories, options, _steps(progress))


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console())


@contextmanager
def _compacted_store(settings: Settings) -> Iterator[Store]:
    """Opens the store and moves the events that wait in it into the log."""
    from server.storage import compact, open_event_log, open_store

    store = open_store(settings)
    try:
        compact(store, open_event_log(settings))
        yield store
    finally:
        store.close()


def _steps(progress: Progress) -> Callable[[str, int, int], None]:
    """Returns what takes (step, done, of) and shows a bar for each step."""
    tasks: dict[str, TaskID] = {}

    def advance(step: str, done: int, of: int) -> None:
        if step not in tasks:
            tasks[step] = progress.add_task(f"Building {step}", total=of)
        progress.update(tasks[step], completed=done, total=of)

    return advance


def print_summary(summary: BuildSummary, data_dir: Path) -> None:
    """Prints what was built."""
    as_of = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(summary.as_of_s))
    table = Table(title=f"Build as of {as_of}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, count in (
        ("events", summary.events),
        ("items", summary.items),
        ("users", summary.users),
        ("user records brought up to date", summary.records),
        ("moments to train on", summary.training_set.requests),
        ("examples in them", summary.training_set.examples),
        ("neighbours", summary.candidates.neighbours),
        ("popularity lists", summary.candidates.lists),
    ):
        table.add_row(name, f"{count:,}")
    out = console()
    out.print(table)
    print_neighbour_choice(summary.candidates.choice)
    out.print(f"Everything is in {data_dir / 'work'}. Next: shortlist train")


def print_neighbour_choice(choice: NeighbourChoice) -> None:
    """Prints which tables of neighbours were tried, and which one is used."""
    if not choice.trials:
        console().print(f"Neighbours: {choice.options.method}; too few users come back to choose by them")
        return
    table = Table(
        title=f"Neighbours, judged by {choice.users:,} held-out users; each kept one is the next ones' start",
        title_justify="left",
    )
    table.add_column("tried")
    table.add_column("recall@20 and NDCG@20, mean", justify="right")
    table.add_column("kept")
    for trial in choice.trials:
        table.add_row(trial.name, f"{trial.quality:.4f}", "yes" if trial.kept else "")
    console().print(table)
