"""More releases of a world's own content, to switch between: hard links under another version's name."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.control_block import ControlBlock
from server.releases.format import MANIFEST_NAME
from server.releases.manifest import manifest_to_bytes
from server.releases.registry import activate, current_version
from server.releases.verified_stamp import drop_stamp
from server.releases.verify import read_manifest, verify_release
from server.running_server import control_path

_POLL_S = 0.005
_SWITCH_TIMEOUT_S = 120.0


@contextmanager
def twins(data_dir: Path, count: int) -> Iterator[list[str]]:
    """Yields the versions of `count` verified copies of the current release; takes them away and goes back to it."""
    releases_dir = data_dir / "releases"
    serving = current_version(releases_dir)
    if serving is None:
        raise SystemExit(f"{data_dir} holds no release")
    versions = [f"{serving}-twin-{number}" for number in range(count)]
    try:
        for version in versions:
            _link(releases_dir / serving, releases_dir / version)
        for version in [serving, *versions]:
            verify_release(releases_dir / version)
        yield versions
    finally:
        activate(releases_dir, serving)
        (releases_dir / "previous").unlink(missing_ok=True)
        for version in versions:
            shutil.rmtree(releases_dir / version, ignore_errors=True)
            drop_stamp(releases_dir, version)
        # Links that come and go change a file's ctime: without this the next start would hash it again.
        verify_release(releases_dir / serving)


def _link(release_dir: Path, twin_dir: Path) -> None:
    shutil.rmtree(twin_dir, ignore_errors=True)
    shutil.copytree(release_dir, twin_dir, copy_function=os.link)
    manifest = dataclasses.replace(read_manifest(release_dir), version=twin_dir.name)
    (twin_dir / MANIFEST_NAME).unlink()
    (twin_dir / MANIFEST_NAME).write_bytes(manifest_to_bytes(manifest))


def switch(data_dir: Path, version: str) -> float:
    """Makes a release current; returns the seconds until every worker of the running server serves it."""
    control = ControlBlock(control_path(data_dir))
    try:
        begun = time.perf_counter()
        activate(data_dir / "releases", version)
        control.bump_release_generation()
        while any(worker.release_version != version for worker in control.workers()):
            if time.perf_counter() - begun > _SWITCH_TIMEOUT_S:
                raise SystemExit(f"release {version} is not served after {_SWITCH_TIMEOUT_S:g} s")
            time.sleep(_POLL_S)
        return time.perf_counter() - begun
    finally:
        control.close()
