"""Chores of the parent."""

from __future__ import annotations

import os
from pathlib import Path

from server.housekeeping import Housekeeper, PeriodicTask, expire_files

DAY_S = 86_400.0


def test_each_chore_runs_at_its_own_interval() -> None:
    now = [0.0]
    ran: list[tuple[str, float]] = []
    tasks = [
        PeriodicTask("often", 2.0, lambda: ran.append(("often", now[0]))),
        PeriodicTask("rarely", 5.0, lambda: ran.append(("rarely", now[0]))),
    ]
    keeper = Housekeeper(tasks, clock=lambda: now[0])
    while now[0] < 7:
        now[0] += keeper.run_due()
    assert ran == [("often", 2.0), ("often", 4.0), ("rarely", 5.0), ("often", 6.0)]


def test_chore_that_fails_is_counted_and_tried_again() -> None:
    now = [0.0]
    tries: list[float] = []

    def fails() -> None:
        tries.append(now[0])
        raise OSError("disk full")

    keeper = Housekeeper([PeriodicTask("compact", 1.0, fails)], clock=lambda: now[0])
    for _ in range(3):
        now[0] += keeper.run_due()
    assert tries == [1.0, 2.0]
    assert keeper.failures == {"compact": 2}


def test_stop_ends_the_thread() -> None:
    keeper = Housekeeper([PeriodicTask("never", 1_000.0, lambda: None)])
    keeper.start()
    assert keeper.stop(timeout_s=10)


def test_only_old_files_of_the_given_kinds_expire(tmp_path: Path) -> None:
    for name, age_days in {"a.log.1": 20, "b.log.2": 3, "c.txt": 20}.items():
        path = tmp_path / name
        path.write_text("x")
        os.utime(path, (1_000 * DAY_S - age_days * DAY_S,) * 2)
    assert expire_files(tmp_path, ["*.log.*"], retention_days=14, now_s=1_000 * DAY_S) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.log.2", "c.txt"]
