"""The model repository of a data directory: what a model server is given of each release.

    model_repo/<model>/config.pbtxt           copied from the project's model_repo/, so only known models are here
    model_repo/<model>/<number>/model.onnx    one folder a release, the release's own file byte for byte

Only model folders may be at its root. The number is made of what the release's manifest says, so that a release and its
models find each other on any machine that holds both; nothing has to be kept in step.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterable
from pathlib import Path

from server.errors import Refused, ReleaseRefused
from server.releases.durable_files import (
    exclusive,
    file_write,
    hash_file,
    sync_directory,
    sync_tree,
    write_file,
)
from server.releases.manifest import FileEntry, Manifest

REPOSITORY_DIR = "model_repo"
SERVED_MODELS = ("user_tower", "two_tower")
CONFIG_NAME = "config.pbtxt"
MODEL_NAME = "model.onnx"
_TEMPORARY_PREFIX = ".writing-"
_NUMBERS_A_SECOND = 1_000


def repository_version(manifest: Manifest) -> int:
    """Returns the number of a release's models: later releases have larger ones, the same second's differ."""
    return (
        manifest.created_time_s * _NUMBERS_A_SECOND
        + zlib.crc32(manifest.version.encode()) % _NUMBERS_A_SECOND
    )


def publish_models(release_dir: Path, manifest: Manifest, templates: Path, repository: Path) -> int:
    """Puts a verified release's models into the repository and returns their number; does nothing if they are there.

    templates: the project's model_repo/. All models are there or none; a crash leaves no half version. Raises
    ReleaseRefused where a file is not the one that the manifest pins, and Refused where the number is taken.
    """
    number = repository_version(manifest)
    repository.mkdir(parents=True, exist_ok=True)
    # Beside the repository and not in it: Triton takes every folder at its root for a model.
    with exclusive(repository.parent):
        for model in SERVED_MODELS:
            _publish_model(release_dir, manifest, model, templates / model, repository / model, number)
    return number


def prune_models(repository: Path, keep: Iterable[int]) -> None:
    """Removes the versions that are not kept. A server that has one loaded goes on with it."""
    kept = {str(number) for number in keep}
    with exclusive(repository.parent):
        for model in SERVED_MODELS:
            for folder in (repository / model).glob("[0-9]*"):
                if folder.name not in kept:
                    shutil.rmtree(folder)


def _publish_model(
    release_dir: Path, manifest: Manifest, model: str, template: Path, folder: Path, number: int
) -> None:
    folder.mkdir(exist_ok=True)
    config = folder / CONFIG_NAME
    if not config.exists():
        shutil.copyfile(template / CONFIG_NAME, config)
    wanted = manifest.files[f"models/{model}.onnx"]
    final = folder / str(number)
    if final.exists():
        _check_same(final / MODEL_NAME, wanted)
        return
    # Triton takes no notice of a folder whose name is not a number.
    temporary = folder / f"{_TEMPORARY_PREFIX}{number}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        written = write_file(temporary / MODEL_NAME, file_write(release_dir / "models" / f"{model}.onnx"))
        if written != wanted:
            raise ReleaseRefused(f"models/{model}.onnx does not match its SHA-256", reason="RELEASE_CORRUPT")
        sync_tree(temporary)
        os.rename(temporary, final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_directory(folder)


def _check_same(path: Path, wanted: FileEntry) -> None:
    if not path.is_file() or path.is_symlink() or hash_file(path) != wanted:
        raise Refused(f"{path} is there already and is not this release's model", reason="MODEL_EXISTS")
