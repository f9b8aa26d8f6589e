"""Where one worker sits among the processes of its server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Where a worker sits. seat 0 serves the admin port as well; ports are those that the parent reserved."""

    control_path: Path
    slot: int
    seat: int
    port: int
    admin_port: int
