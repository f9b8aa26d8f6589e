"""`shortlist generate`: the history of a simulated store, as files to import."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from server.cli.options import console, fail


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("generate", rich_help_panel="Simulate")(generate)


def generate(
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("store"),
    items: Annotated[int, typer.Option(min=100, max=100_000_000)] = 5_000,
    users: Annotated[int, typer.Option(min=10, max=100_000_000)] = 2_000,
    days: Annotated[int, typer.Option(min=7, max=3_650, help="Of history.")] = 60,
    future_days: Annotated[
        int, typer.Option(min=0, max=60, help="Items of so many days more are kept for `simulate`.")
    ] = 7,
    sessions: Annotated[
        int, typer.Option(min=0, help="Visits in all. [default: 20 a user]", show_default=False)
    ] = 0,
    end: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The day (UTC) before which it ends. [default: today]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31)] = 7,
) -> None:
    """Writes a store's items, users and events. The same seed makes the same store; 10 million items need no more
    memory than a thousand."""
    from offline.simulation.history import HistoryPlan, midnight_s, write_history
    from offline.simulation.store import StoreShape

    if (out / "store.json").exists():
        fail(f"{out} holds a store already")
    end_s = midnight_s(time.time()) if end is None else int(end.replace(tzinfo=UTC).timestamp())
    plan = HistoryPlan(StoreShape(items, users, days, future_days, seed), sessions or 20 * users, end_s)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    totals = {"items": items, "users": users, "sessions": plan.sessions}
    with Progress(*columns, console=console()) as progress:
        tasks = {name: progress.add_task(name, total=total) for name, total in totals.items()}
        written = write_history(out, plan, lambda name, done: progress.advance(tasks[name], done))
    shell = console()
    shell.print(f"{written['items']:,} items and {written['events']:,} events in {out}. Next:")
    for line in (
        f"shortlist import items {out}/items.parquet",
        f"shortlist import users {out}/users.parquet",
        f"shortlist import events {out}/events.parquet",
        "shortlist build && shortlist train && shortlist publish && shortlist serve",
        f"shortlist simulate --store {out}",
    ):
        shell.print(f"  {line}", soft_wrap=True)
