"""Following the current release, with real small releases."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.release_watcher import ReleaseWatcher
from server.releases.registry import activate
from server.releases.release_holder import ReleaseHolder
from tests.support.small_release import build_small_release


class EmptyLog:
    """An overlay log without entries."""

    def read_after(self, sequence: int):  # type: ignore[no-untyped-def]
        return iter(())

    def last_sequence(self) -> int:
        return 0


class Followed:
    """A watcher whose generation and clock the test moves."""

    def __init__(self, releases_dir: Path) -> None:
        self.generation, self.now_s = 0, 0.0
        self.reports: list[tuple[int, str, int]] = []
        self.holder = ReleaseHolder(releases_dir, EmptyLog())
        self.watcher = ReleaseWatcher(
            self.holder,
            releases_dir,
            read_generation=lambda: self.generation,
            report=lambda *applied: self.reports.append(applied),
            clock=lambda: self.now_s,
        )
        self.watcher.look()


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    build_small_release(tmp_path, items=20, version="a")
    build_small_release(tmp_path, items=20, version="b", activate=False)
    return Followed(tmp_path)


def test_first_look_serves_the_current_release_and_says_so(followed: Followed) -> None:
    assert followed.reports == [(0, "a", 0)]


def test_announced_switch_is_followed_at_once(followed: Followed, tmp_path: Path) -> None:
    activate(tmp_path, "b")
    followed.generation = 1
    followed.watcher.look()
    assert followed.reports[1:] == [(1, "b", 0)]


def test_switch_that_nobody_announced_is_followed_within_the_interval(
    followed: Followed, tmp_path: Path
) -> None:
    activate(tmp_path, "b")
    followed.watcher.look()
    assert followed.reports[1:] == []
    followed.now_s = 0.6
    followed.watcher.look()
    assert followed.reports[1:] == [(0, "b", 0)]


def test_nothing_new_is_not_reported_again(followed: Followed) -> None:
    followed.watcher.look()
    assert len(followed.reports) == 1


def test_refused_release_is_told_and_the_old_one_serves_on(
    followed: Followed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "b" / "items" / "price.npy"
    broken.chmod(0o644)
    broken.write_bytes(broken.read_bytes()[:-1] + b"\x7f")
    activate(tmp_path, "b")
    followed.generation = 1
    followed.watcher.look()
    assert followed.reports[1:] == [(1, "a", 0)]
    assert "a serves on" in caplog.text


def test_thread_stops(followed: Followed) -> None:
    followed.watcher.start()
    followed.watcher.stop(timeout_s=10)
    assert followed.watcher._thread is not None
    assert not followed.watcher._thread.is_alive()
