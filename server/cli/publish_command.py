"""`shortlist publish`: makes a release of what was built and trained, and serves it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from server.cli.options import Config, DataDir, console, load_settings, told_errors
from server.cli.releases_command import await_switch
from server.running_server import find_running_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.releases.manifest import Manifest
    from server.settings import Settings
    from server.stores.protocols import ItemChange

SWITCH_TIMEOUT_S = 60.0
MODEL_TEMPLATES = Path(__file__).resolve().parents[2] / "model_repo"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("publish", rich_help_panel="Learn")(publish)


def publish(
    activate: Annotated[
        bool, typer.Option(help="Serve the release at once; else it waits for `shortlist rollback VERSION`.")
    ] = True,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Writes a release from what `build` and `train` wrote and the items' latest changes, verifies and activates it.

    A running server switches to it without a failed call.
    """
    settings = load_settings(config, data_dir)
    with told_errors():
        published = publish_release(settings, activate=activate)
    console().print(
        f"Release [bold]{published.version}[/]: {published.items:,} items, "
        f"index recall@200 {published.ann_recall:.3f}, {published.changes:,} item changes taken over, "
        f"{published.changes_left:,} left to the overlay"
    )
    if activate and find_running_server(settings.data_dir) is not None:
        typer.echo(await_switch(settings.data_dir, published.version, SWITCH_TIMEOUT_S))


@dataclass(frozen=True, slots=True)
class Published:
    """What was published. changes_left: item changes that wait for the next build and are served by the overlay."""

    version: str
    items: int
    ann_recall: float
    changes: int
    changes_left: int


def publish_release(settings: Settings, *, activate: bool) -> Published:
    """Writes, verifies and, where told to, activates a release of settings.data_dir/work."""
    from offline.importing.catalog import upsert_items
    from offline.overlay_merge import catalogue_changes, merge_changes
    from offline.release_assembly import ReleaseIdentity, assemble_release, read_built_items
    from server.cli.main import product_version
    from server.releases.registry import activate as activate_release
    from server.releases.registry import current_version
    from server.releases.verify import read_manifest, verify_release
    from server.releases.writer import ReleaseWriter

    work_dir, releases_dir = settings.data_dir / "work", settings.data_dir / "releases"
    items = read_built_items(work_dir)
    parent = current_version(releases_dir)
    sequence = read_manifest(releases_dir / parent).overlay_sequence if parent else 0
    changes = _changes_after(settings, sequence)
    merged = merge_changes(items, changes, sequence)
    created_time_s = int(time.time())
    identity = ReleaseIdentity(
        free_version(releases_dir, created_time_s), created_time_s, parent or "", product_version()
    )
    with Progress(console=console()) as progress:
        task = progress.add_task("Building the index", total=1.0)
        assembled = assemble_release(
            work_dir,
            merged,
            identity,
            spare_rows=settings.release.spare_rows,
            progress=lambda share: progress.update(task, completed=share),
        )
    path = ReleaseWriter(releases_dir).write(assembled.contents)
    fill_repository(settings, path, verify_release(path))
    if changes:
        upsert_items(settings.data_dir, catalogue_changes(changes))
    if activate:
        activate_release(releases_dir, identity.version)
    return Published(
        identity.version, items.num_rows, assembled.ann.recall, len(changes) - merged.left, merged.left
    )


def fill_repository(settings: Settings, release_dir: Path, manifest: Manifest) -> None:
    """Puts a verified release's models into the data directory's model repository, for a model server to load.

    Versions of releases that are gone are removed. Raises ReleaseRefused for a model that may not be served. Does
    nothing outside a checkout, which alone has the models' configuration.
    """
    from offline.model.onnx_check import check_onnx
    from server.releases.model_repository import (
        REPOSITORY_DIR,
        SERVED_MODELS,
        prune_models,
        publish_models,
        repository_version,
    )
    from server.releases.registry import list_releases

    if not MODEL_TEMPLATES.is_dir():
        return
    for model in SERVED_MODELS:
        check_onnx(release_dir / "models" / f"{model}.onnx", model)
    repository = settings.data_dir / REPOSITORY_DIR
    publish_models(release_dir, manifest, MODEL_TEMPLATES, repository)
    entries = list_releases(settings.data_dir / "releases")
    prune_models(repository, (repository_version(entry.manifest) for entry in entries if entry.manifest))


def free_version(releases_dir: Path, created_time_s: int) -> str:
    """Returns a version named after its time, with a number behind it where that name is taken."""
    base = datetime.fromtimestamp(created_time_s, UTC).strftime("%Y%m%d-%H%M%S")
    version, number = base, 1
    while (releases_dir / version).exists():
        number += 1
        version = f"{base}-{number}"
    return version


def _changes_after(settings: Settings, sequence: int) -> Sequence[ItemChange]:
    """Returns the item changes that the serving release does not hold; none where nothing was ever stored."""
    from server.storage import open_store

    if settings.store.url == "lmdb:" and not (settings.data_dir / "store").is_dir():
        return ()
    store = open_store(settings)
    try:
        return list(store.overlay.read_after(sequence))
    finally:
        store.close()
