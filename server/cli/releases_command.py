"""`shortlist releases` and `shortlist rollback`: what is on disk, and going back."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from server.cli.options import Config, DataDir, console, fail, load_settings, told_errors
from server.running_server import control_path, find_running_server

_SWITCH_TIMEOUT_S = 60.0
_POLL_S = 0.05


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("releases", rich_help_panel="Look after")(releases)
    app.command("rollback", rich_help_panel="Look after")(rollback)


def releases(
    verify: Annotated[
        bool, typer.Option("--verify", help="Hash every file of every release; exit 1 where one is damaged.")
    ] = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Lists the releases on disk, oldest first, and which one serves."""
    from server.releases.registry import list_releases

    settings = load_settings(config, data_dir)
    releases_dir = settings.data_dir / "releases"
    table = Table("", "version", "made", "items", "size", "parent", "quality", box=None, header_style="bold")
    damaged = False
    for entry in list_releases(releases_dir):
        mark = "[green]serving[/]" if entry.serving else ""
        manifest = entry.manifest
        reason = entry.refused_reason or (_damage(releases_dir / entry.version) if verify else "")
        if manifest is None or reason:
            damaged = True
            table.add_row(mark, entry.version, "", "", "", "", f"[red]refused:[/] {reason}")
            continue
        made = datetime.fromtimestamp(manifest.created_time_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
        size = f"{manifest.size_bytes / 1e6:,.1f} MB"
        quality = ", ".join(f"{name} {value:.4f}" for name, value in sorted(manifest.metrics.items()))
        table.add_row(mark, entry.version, made, f"{manifest.item_count:,}", size, manifest.parent, quality)
    if not table.row_count:
        fail(f"{settings.data_dir} holds no release yet: `shortlist publish` makes one", code=1)
    console().print(table)
    if verify and damaged:
        raise typer.Exit(1)


def _damage(release_dir: Path) -> str:
    """Returns why a release would be refused, empty where it would not."""
    from server.errors import ReleaseRefused
    from server.releases.verify import verify_release

    try:
        verify_release(release_dir, again=True)
    except ReleaseRefused as error:
        return error.message
    return ""


def rollback(
    version: Annotated[
        str, typer.Argument(help="Release to serve; the one that served before by default.")
    ] = "",
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Makes an earlier release the serving one, verified first; a running server switches without a failed call."""
    from server.releases.registry import activate, previous_version, roll_back
    from server.releases.verify import verify_release

    settings = load_settings(config, data_dir)
    releases_dir = settings.data_dir / "releases"
    with told_errors():
        wanted = version or previous_version(releases_dir)
        if wanted is not None and (releases_dir / wanted).is_dir():
            verify_release(releases_dir / wanted)
        if version:
            activate(releases_dir, version)
        else:
            wanted = roll_back(releases_dir)
    typer.echo(f"{wanted} is the current release")
    if find_running_server(settings.data_dir) is not None:
        typer.echo(await_switch(settings.data_dir, str(wanted), _SWITCH_TIMEOUT_S))


def await_switch(data_dir: Path, version: str, timeout_s: float) -> str:
    """Tells a running server to switch and waits until every worker serves the version; returns what to tell."""
    from server.control_block import ControlBlock

    control = ControlBlock(control_path(data_dir))
    try:
        control.bump_release_generation()
        give_up_s = time.monotonic() + timeout_s
        while time.monotonic() < give_up_s:
            workers = control.workers()
            if all(worker.release_version == version for worker in workers):
                return f"{len(workers)} workers serve it"
            time.sleep(_POLL_S)
    finally:
        control.close()
    fail(f"not every worker serves {version} after {timeout_s:g} s; see the server's log", code=1)
