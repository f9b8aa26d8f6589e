"""`shortlist import events|items|users FILE...`: other people's files into the event log and the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from server.cli.options import Config, DataDir, console, load_settings, told_errors

if TYPE_CHECKING:
    from offline.importing.run import ImportJob, ImportSummary

Files = Annotated[
    list[Path], typer.Argument(help="CSV, JSONL or Parquet files, plain or .gz.", metavar="FILE...")
]
Preset = Annotated[
    str, typer.Option("--preset", help="A mapping that comes with the project: online-retail or rees46.")
]
MappingFile = Annotated[
    Path | None,
    typer.Option("--mapping", help="Your own mapping of columns (TOML).", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Adds the command and its three kinds."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Imports events, items or users from CSV, JSONL or Parquet files.\n\n"
        "Importing a file twice changes nothing. Rows that are wrong go to data/rejects with line and reason. "
        "Without a preset or a mapping, columns are found by the fields' names (docs/importing.md).",
    )
    group.command("events")(import_events)
    group.command("items")(import_items)
    group.command("users")(import_users)
    app.add_typer(group, name="import", rich_help_panel="Learn")


def import_events(
    files: Files,
    preset: Preset = "",
    mapping: MappingFile = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Imports events: who did what with which item, and when."""
    _import("events", files, preset, mapping, data_dir, config)


def import_items(
    files: Files,
    preset: Preset = "",
    mapping: MappingFile = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Imports items: title, category, brand, price, stock. A column that is not there leaves its values as they are."""
    _import("items", files, preset, mapping, data_dir, config)


def import_users(
    files: Files,
    preset: Preset = "",
    mapping: MappingFile = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Imports users' profiles: age, gender, location."""
    _import("users", files, preset, mapping, data_dir, config)


def _import(
    kind: str,
    files: list[Path],
    preset: str,
    mapping: Path | None,
    data_dir: Path | None,
    config: Path | None,
) -> None:
    from offline.importing.run import ImportJob

    settings = load_settings(config, data_dir)
    with told_errors():
        job = ImportJob(kind, files, settings.data_dir, preset, mapping)
        print_summary(run_with_progress(job), settings.data_dir)


def run_with_progress(job: ImportJob) -> ImportSummary:
    """Runs an import under a progress bar for each file."""
    from offline.importing.run import run_import

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console()) as progress:

        def begin_file(path: Path) -> Callable[[int], None]:
            task = progress.add_task(f"Importing {path.name}", total=path.stat().st_size)
            return lambda done: progress.update(task, completed=done)

        return run_import(job, begin_file)


def print_summary(summary: ImportSummary, data_dir: Path) -> None:
    """Prints what came in and what did not, by reason."""
    table = Table(title=f"Import of {summary.kind}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("rows read", f"{summary.rows:,}")
    table.add_row("kept", f"{summary.kept:,}")
    if summary.kind == "events":
        table.add_row("  new events", f"{summary.stored:,}")
        table.add_row("  known already", f"{summary.duplicates:,}")
        table.add_row("items in the catalogue from them", f"{summary.items:,}")
    table.add_row("rejected", f"{summary.rejected.total():,}")
    for reason, count in summary.rejected.most_common():
        table.add_row(f"  {reason}", f"{count:,}")
    out = console()
    out.print(table)
    for path in summary.reject_files:
        out.print(f"Rejected rows, with line and reason: {path}")
    out.print(f"Everything is in {data_dir}. Next: shortlist build")
