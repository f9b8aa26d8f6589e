"""Switching releases: verified first, and answered when every worker serves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import NotFound, Refused, ReleaseRefused
from server.handlers.messages import WorkerStatus
from server.handlers.releases import ReleaseHandler
from server.releases.registry import current_version
from tests.support.small_release import CREATED_TIME_S, build_small_release


class Workers:
    """Two workers that follow the current release, but for those that are stuck."""

    def __init__(self, releases_dir: Path) -> None:
        self.releases_dir = releases_dir
        self.stuck: dict[int, str] = {}
        self.switches = 0

    def statuses(self) -> list[WorkerStatus]:
        current = current_version(self.releases_dir) or ""
        return [WorkerStatus(n, 100 + n, self.stuck.get(n, current), 0, 1.0) for n in range(2)]

    def switch(self) -> list[WorkerStatus]:
        self.switches += 1
        return self.statuses()


@pytest.fixture
def workers(tmp_path: Path) -> Workers:
    build_small_release(tmp_path, items=10)
    build_small_release(
        tmp_path, items=12, version="r2", created_time_s=CREATED_TIME_S + 9, parent="r1", activate=False
    )
    return Workers(tmp_path)


@pytest.fixture
def handler(workers: Workers) -> ReleaseHandler:
    return ReleaseHandler(workers.releases_dir, switch=workers.switch, statuses=workers.statuses)


def test_releases_are_listed_newest_first(handler: ReleaseHandler) -> None:
    newest, oldest = handler.list_releases()
    assert (newest.version, newest.serving, newest.item_count, newest.parent) == ("r2", False, 12, "r1")
    assert (oldest.version, oldest.serving, dict(oldest.metrics)) == ("r1", True, {"recall": 0.5})
    assert newest.size_bytes > 100_000


def test_activating_answers_what_every_worker_serves(handler: ReleaseHandler, workers: Workers) -> None:
    assert [s.release_version for s in handler.activate("r2")] == ["r2", "r2"]
    assert handler.status()[0] == "r2"
    assert workers.switches == 1


def test_an_unknown_release_is_not_found(handler: ReleaseHandler, workers: Workers) -> None:
    with pytest.raises(NotFound):
        handler.activate("r3")
    assert workers.switches == 0


def test_a_release_that_does_not_verify_changes_nothing(handler: ReleaseHandler, workers: Workers) -> None:
    path = workers.releases_dir / "r2" / "ann" / "ann_links.npy"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ReleaseRefused, match=r"ann/ann_links\.npy"):
        handler.activate("r2")
    assert current_version(workers.releases_dir) == "r1"
    assert workers.switches == 0


def test_a_worker_that_does_not_switch_is_named(handler: ReleaseHandler, workers: Workers) -> None:
    workers.stuck[1] = "r1"
    with pytest.raises(Refused, match="worker 1 serves r1") as refusal:
        handler.activate("r2")
    assert refusal.value.reason == "SWITCH_INCOMPLETE"


def test_rolling_back_returns_to_the_release_before(handler: ReleaseHandler) -> None:
    handler.activate("r2")
    assert [s.release_version for s in handler.roll_back()] == ["r1", "r1"]


def test_there_is_nothing_before_the_first_release(handler: ReleaseHandler, workers: Workers) -> None:
    with pytest.raises(Refused):
        handler.roll_back()
    assert workers.switches == 0
