"""`shortlist backup` and `shortlist restore`: all that a server keeps, copied while it serves, and the way back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.options import Config, DataDir, fail, load_settings, told_errors
from server.settings import Settings

if TYPE_CHECKING:
    from server.stores.backup import BackupSummary


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("backup", rich_help_panel="Look after")(backup)
    app.command("restore", rich_help_panel="Look after")(restore)


def backup(
    target: Annotated[Path, typer.Argument(help="A new directory, or a new file that ends in .tar.")],
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Copies store, event log, catalogue and releases, each consistent, while a server runs on them."""
    from server.storage import open_event_log, open_store
    from server.stores.backup import back_up

    settings = load_settings(config, data_dir)
    _refuse_redis(settings)
    with told_errors():
        store = open_store(settings)
        try:
            summary = back_up(settings.data_dir, target, store, open_event_log(settings), progress=_tell)
        finally:
            store.close()
    typer.echo(f"{target} holds {_size(summary)}")


def restore(
    source: Annotated[Path, typer.Argument(help="What `shortlist backup` wrote.", exists=True)],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Puts a backup into the data directory; no server may run on it."""
    from server.running_server import sole_server
    from server.stores.backup import restore as put_back
    from server.stores.open_store import store_directory

    settings = load_settings(config, data_dir)
    _refuse_redis(settings)
    with told_errors(), sole_server(settings.data_dir):
        store_dir = store_directory(settings.store.url, settings.data_dir / "store")
        summary = put_back(source, settings.data_dir, store_dir=store_dir, force=force, progress=_tell)
    typer.echo(f"{settings.data_dir} holds {_size(summary)}. Next: shortlist doctor, shortlist serve")


def _refuse_redis(settings: Settings) -> None:
    """A copy without the store would look whole and not be."""
    from server.stores.open_store import on_redis

    if on_redis(settings.store.url):
        fail(
            "the store is on Redis, which backs itself up: `redis-cli BGSAVE`, then copy its dump file, and the rest of "
            "data_dir (events/, catalog/, releases/) with any tool, Redis first (docs/stores.md)",
            code=1,
        )


def _tell(part: str) -> None:
    typer.echo(f"copying {part}", err=True)


def _size(summary: BackupSummary) -> str:
    made = datetime.fromtimestamp(summary.created_time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{summary.files:,} files, {summary.size_bytes / 1e6:,.1f} MB, as of {made}"
