from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from server.side_effects.recommendation_file_effect import RecommendationFileEffect
from server.side_effects.recommendation_store_effect import RecommendationStoreEffect
from server.stores.protocols import LoggedRecommendation

NOW_S = 1_700_000_000.0

ENTRY = LoggedRecommendation(
    recommendation_id="r1",
    user_id="zoë",
    session_id="",
    page_type=1,
    scenario="HOME",
    time_us=1,
    item_ids=["a", "b"],
    scores=[0.5, 0.25],
    source_bits=[2, 4],
    served_by=2,
    degraded=False,
    release_version="v1",
    model_version="m1",
    latency_ms=1.5,
)


class MemoryRecommendations:
    """Keeps each call's entries."""

    def __init__(self) -> None:
        self.calls: list[list[LoggedRecommendation]] = []

    def append(self, entries: Sequence[LoggedRecommendation]) -> None:
        self.calls.append(list(entries))

    def get(self, recommendation_id: str) -> LoggedRecommendation | None:
        return None


class Clock:
    """Epoch seconds that move on with every look, so that no two files share a name."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        self.now_s += 0.001
        return self.now_s


def effect(
    directory: Path, file_bytes_max: int = 1 << 20, clock: Clock | None = None
) -> RecommendationFileEffect:
    return RecommendationFileEffect(
        directory, "worker-0", file_bytes_max=file_bytes_max, retention_days=2, now_s=clock or Clock()
    )


def test_store_gets_a_batch_in_one_call() -> None:
    store = MemoryRecommendations()
    assert RecommendationStoreEffect(store).run([ENTRY, ENTRY])
    assert store.calls == [[ENTRY, ENTRY]]


def test_each_entry_is_a_line_of_json(tmp_path: Path) -> None:
    files = effect(tmp_path / "logs")
    files.run([ENTRY, replace(ENTRY, recommendation_id="r2")])
    (path,) = (tmp_path / "logs").iterdir()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["recommendation_id"] for line in lines] == ["r1", "r2"]
    assert lines[0]["user_id"] == "zoë"
    assert lines[0]["scores"] == [0.5, 0.25]
    files.close()


def test_full_file_is_followed_by_another(tmp_path: Path) -> None:
    files = effect(tmp_path, file_bytes_max=1)
    files.run([ENTRY] * 3)
    files.close()
    assert [path.read_text().count("\n") for path in tmp_path.iterdir()] == [1, 1, 1]


def test_expired_files_of_any_writer_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    old, young, other = (
        tmp_path / name
        for name in ("recommendations-worker-9-1.jsonl", "recommendations-x.jsonl", "notes.jsonl")
    )
    for path, age_days in ((old, 2.1), (young, 1.9), (other, 9)):
        path.touch()
        os.utime(path, (NOW_S - age_days * 86_400,) * 2)
    files = effect(tmp_path)
    files.run([ENTRY])
    files.close()
    assert not old.exists()
    assert young.exists()
    assert other.exists()


def test_effect_that_cannot_write_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert not effect(tmp_path / "file").run([ENTRY])
    assert "RecommendationFileEffect" in caplog.text
