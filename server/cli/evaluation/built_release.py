"""A release made from a train file by the commands that make any release."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from server.cli.evaluation.training_data import write_training_data
from server.cli.options import console
from server.errors import Refused
from server.releases.format import CURRENT_LINK
from server.releases.mapped_release import MappedRelease


def release_from_train(
    data_dir: Path, events: pa.Table, items: pa.Table | None, *, seed: int
) -> MappedRelease:
    """Imports, builds, trains and publishes in data_dir, which is empty; returns the opened release.

    Each step runs in a process of its own and shows its own progress: the engine that is asked afterwards shares
    no memory and no thread with the training. Raises Refused for a step that fails.
    """
    with console().status("Writing the train file into an event log"):
        write_training_data(data_dir, events, items)
    run_step("build", data_dir)
    run_step("train", data_dir, "--seed", str(seed))
    run_step("publish", data_dir)
    return MappedRelease.open((data_dir / "releases" / CURRENT_LINK).resolve())


def run_step(command: str, data_dir: Path, *arguments: str) -> None:
    """Runs one `shortlist` command on a data directory."""
    line: Sequence[str] = (sys.executable, "-m", "server", command, "--data-dir", str(data_dir), *arguments)
    code = subprocess.run(line, check=False).returncode
    if code:
        raise Refused(f"`shortlist {command}` ended with {code}", reason="STEP_FAILED")
