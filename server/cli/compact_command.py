"""`shortlist compact`: moves queued events into the Parquet log now."""

from __future__ import annotations

import typer

from server.cli.options import Config, DataDir, load_settings, told_errors


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("compact", rich_help_panel="Look after")(compact)


def compact(config: Config = None, data_dir: DataDir = None) -> None:
    """Moves queued events into the Parquet event log, which a running server does by itself every minute.

    Also removes what has expired and merges small files. Safe while a server runs.
    """
    from server.storage import compact as move
    from server.storage import open_event_log, open_store

    settings = load_settings(config, data_dir)
    with told_errors():
        store, event_log = open_store(settings), open_event_log(settings)
        try:
            moved = move(store, event_log)
            merged = event_log.merge_files()
        finally:
            store.close()
    typer.echo(
        f"{moved.events:,} events, {moved.links:,} session links and {moved.erasures:,} erasures moved; "
        f"{merged:,} days merged; the log holds {event_log.row_count():,} events"
    )
