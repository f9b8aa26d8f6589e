"""`shortlist tune`: which source weights, fusion and diversity suit these users?"""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from server.cli.options import Config, DataDir, console, fail, load_settings, told_errors

if TYPE_CHECKING:
    import pyarrow as pa

    from server.cli.tuning.knobs import Knobs
    from server.cli.tuning.search import Budget, Quality, TuneResult
    from server.settings import Settings

SHOWN_MAX = 15

Events = Annotated[
    Path | None,
    typer.Option(
        "--events",
        help="A file of events as for evaluate. [default: the data directory's log]",
        show_default=False,
    ),
]
Items = Annotated[
    Path | None, typer.Option(help="With --events: item_id[, title, category, ...].", show_default=False)
]
Until = Annotated[
    str | None,
    typer.Option(help="Events from this UTC day on are not looked at (YYYY-MM-DD).", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("tune", rich_help_panel="Learn")(tune)


def tune(
    events: Events = None,
    items: Items = None,
    until: Until = None,
    out: Annotated[Path, typer.Option(help="Where the settings fragment goes.")] = Path("tuned.toml"),
    trials: Annotated[int, typer.Option(min=1, max=10_000, help="Knobs to try at most.")] = 40,
    minutes: Annotated[float, typer.Option(min=0.0, max=1_440.0, help="Time for trials at most.")] = 15.0,
    validation_share: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Share of the events, the latest, to be foretold.")
    ] = 0.1,
    users_max: Annotated[
        int, typer.Option(min=20, max=100_000, help="Users who choose; as many confirm.")
    ] = 400,
    k: Annotated[int, typer.Option(min=1, max=200, help="Length of the lists.")] = 20,
    allow_repeats: Annotated[
        bool, typer.Option("--allow-repeats", help="Lists may hold what the user has seen.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the search and of the training.")] = 0,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Finds source weights, fusion and diversity on the latest part of your events, and writes them as settings.

    A release is made from the events before that part; every trial serves the home page's lists from it, by the
    code that serves. The best knobs are taken only if other users, who had no part in the choice, confirm them.
    """
    from server.cli.tuning.search import Budget

    settings = load_settings(config, data_dir)
    for path in (events, items):
        if path is not None and not path.is_file():
            fail(f"there is no file {path}")
    with told_errors():
        known, later, catalogue = _read(settings, events, items, until, validation_share)
        budget = Budget(trials, minutes * 60)
        result = _search(
            settings, known, later, catalogue, budget, users_max, k, seed, allow_repeats=allow_repeats
        )
    _print(result, k)
    out.write_text(_file_text(result, k), encoding="utf-8")
    console().print(f"Written to {out}. Use it with --config {out}, then build, train and publish again.")


def _read(
    settings: Settings, events: Path | None, items: Path | None, until: str | None, share: float
) -> tuple[pa.Table, pa.Table, pa.Table | None]:
    """Returns the events that are known, those to be foretold, and the catalogue."""
    from offline.evaluation.event_files import read_events, read_items
    from server.cli.tuning.own_events import cut_by_time, logged_events, logged_items

    until_s = None if until is None else _day_start(until)
    if events is None:
        known, later = cut_by_time(logged_events(settings.data_dir), share, until_s)
        return known, later, logged_items(settings.data_dir)
    known, later = cut_by_time(read_events(events), share, until_s)
    return known, later, None if items is None else read_items(items)


def _day_start(day: str) -> int:
    try:
        return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    except ValueError:
        fail(f"--until {day} is no day; write YYYY-MM-DD")


def _search(
    settings: Settings,
    known: pa.Table,
    later: pa.Table,
    catalogue: pa.Table | None,
    budget: Budget,
    users_max: int,
    k: int,
    seed: int,
    *,
    allow_repeats: bool,
) -> TuneResult:
    from offline.evaluation.protocol import make_split
    from server.app.values import engine_values
    from server.cli.evaluation.built_release import release_from_train
    from server.cli.tuning import search
    from server.cli.tuning.judging import halves, judge
    from server.cli.tuning.knobs import Knobs

    split = make_split(known, later, allow_repeats=allow_repeats)
    choosing, confirming = halves(split, users_max, seed)
    values = engine_values(settings)
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(prefix="shortlist-tune-")))
        release = release_from_train(work, known, catalogue, seed=seed)
        progress = stack.enter_context(_progress())
        task = progress.add_task(
            f"Trials, {len(choosing.test_users):,} users each", total=budget.trials, best=""
        )
        best = 0.0

        def report(trial: search.Trial) -> None:
            nonlocal best
            best = max(best, trial.quality.value)
            progress.update(task, advance=1, best=f"best {best:.4f}")

        return search.tune(
            Knobs.of(values),
            judge(choosing, release, values, k),
            judge(confirming, release, values, k),
            budget,
            seed=seed,
            clock=time.monotonic,
            report=report,
            fixed=() if allow_repeats else ("repeat_boost",),
        )


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[best]}"),
    )
    return Progress(*columns, console=console())


def _print(result: TuneResult, k: int) -> None:
    table = Table(title=f"{len(result.trials)} trials, the best first", title_justify="left")
    for title in ("collab.", "embed.", "popular", "fusion", "half-life", "MMR", "cap", "repeat"):
        table.add_column(title, justify="right")
    for title in (f"recall@{k}", f"NDCG@{k}", ""):
        table.add_column(title, justify="right")
    given = result.trials[0]
    ranked = sorted(result.trials, key=lambda trial: -trial.quality.value)
    shown = ranked[:SHOWN_MAX] + [trial for trial in (result.best, given) if trial not in ranked[:SHOWN_MAX]]
    for trial in dict.fromkeys(shown):
        quality = trial.quality
        note = "as set up" if trial is given else "chosen" if trial is result.best else ""
        table.add_row(*_cells(trial.knobs), f"{quality.recall:.4f}", f"{quality.ndcg:.4f}", note)
    out = console()
    out.print(table)
    out.print(
        f"Users who had no part in the choice: {_told(result.before)} as set up, {_told(result.after)} tuned."
    )
    if result.taken == given.knobs:
        out.print("Nothing better was confirmed: the settings stay as they are.")


def _cells(knobs: Knobs) -> tuple[str, ...]:
    numbers = (*knobs.weights, knobs.fusion, f"{knobs.history_half_life_days:g}", f"{knobs.mmr_weight:g}")
    return (*(str(number) for number in numbers), str(knobs.category_cap), f"{knobs.repeat_boost:g}")


def _told(quality: Quality) -> str:
    return f"{quality.recall:.4f} / {quality.ndcg:.4f}"


def _file_text(result: TuneResult, k: int) -> str:
    return (
        f"# shortlist tune: {len(result.trials)} trials. recall@{k} / NDCG@{k} of users who had no part in the choice:\n"
        f"# {_told(result.before)} before, {_told(result.confirmed)} with these.\n"
        f"{result.taken.to_toml()}"
    )
