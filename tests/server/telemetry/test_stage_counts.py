"""Many answers' stages counted at once, held against counting them one by one."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from server.pipeline.query import StageRecord
from server.telemetry.call import Answer
from server.telemetry.exposition import WorkersCollector
from server.telemetry.metric_file import MetricFile
from server.telemetry.stage_counts import StageCounts
from server.telemetry.worker_metrics import WorkerMetrics

STAGES = (
    ("UserRecordHydrator", "query_hydrator"),
    ("EmbeddingSource", "source"),
    ("PopularitySource", "source"),
    ("BlendMerger", "merger"),
    ("BoughtFilter", "filter"),
    ("TwoTowerScorer", "scorer"),
    ("DiversitySelector", "selector"),
)


def random_answer(rng: random.Random) -> Answer:
    now_s, stages = 100.0, []
    for name, kind in STAGES:
        if rng.random() < 0.2:
            continue
        ended_s = now_s + rng.choice((0.0004, 0.003, 0.03))
        given = rng.randrange(100, 500)
        left = given - rng.randrange(100)
        late = rng.random() < 0.05
        stages.append(StageRecord(name, kind, now_s, ended_s, given, given if late else left, None, late))
        now_s = ended_s
    degraded = ("DEADLINE",) if any(stage.late for stage in stages) else ()
    return Answer(stages, "LOCAL_MODEL", degraded, "r1", "m1", 10, 10, rng.choice((-1, -1, len(stages) // 2)))


def counted(path: Path) -> dict[tuple[str, ...], float]:
    collector = WorkersCollector(MetricFile(path), lambda: [0])
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in collector.collect()
        for sample in metric.samples
    }


def test_counts_are_those_of_a_loop_over_every_stage(tmp_path: Path) -> None:
    rng = random.Random(11)
    path = tmp_path / "metrics"
    MetricFile.create(path, slots=1)
    counts = StageCounts(WorkerMetrics(MetricFile(path), 0), {"shortlist.retrieve": 0.010})
    answers = [random_answer(rng) for _ in range(400)]
    for start in range(0, 400, 50):
        counts.count(answers[start : start + 50])

    stages: Counter[str] = Counter()
    times: Counter[str] = Counter()
    proposed: Counter[str] = Counter()
    removed = kept = late = 0
    for answer in answers:
        for stage in answer.stages:
            stages[stage.stage] += 1
            times[stage.stage] += stage.ended_s - stage.started_s  # type: ignore[assignment]
            late += stage.late
            if stage.kind == "source":
                proposed[stage.stage] += stage.candidates_out
            if stage.kind == "filter":
                kept += stage.candidates_out
                removed += stage.candidates_in - stage.candidates_out
    found = counted(path)
    for name, kind in STAGES:
        assert found["shortlist_stage_duration_seconds_count", name, kind] == stages[name]
        assert found["shortlist_stage_duration_seconds_sum", name, kind] == pytest.approx(times[name])
    assert {name: found["shortlist_candidates_total", name] for name in proposed} == proposed
    assert found["shortlist_filtered_candidates_total", "BoughtFilter", "kept"] == kept
    assert found["shortlist_filtered_candidates_total", "BoughtFilter", "removed"] == removed
    failures = [value for key, value in found.items() if key[0] == "shortlist_stage_failures_total"]
    assert sum(failures) == late


def test_group_lasts_from_its_first_stage_to_its_last_and_is_held_to_its_budget(tmp_path: Path) -> None:
    path = tmp_path / "metrics"
    MetricFile.create(path, slots=1)
    counts = StageCounts(WorkerMetrics(MetricFile(path), 0), {"shortlist.retrieve": 0.010})

    def answer(source_s: float, fallback_from: int = -1) -> Answer:
        stages = [
            StageRecord("PopularitySource", "source", 1.0, 1.0 + source_s, 0, 100),
            StageRecord("BlendMerger", "merger", 1.001 + source_s, 1.002 + source_s, 100, 90),
        ]
        return Answer(stages, "POPULARITY", (), "r1", "m1", 10, 10, fallback_from)

    counts.count([answer(0.004), answer(0.020), answer(0.020, fallback_from=0)])
    found = counted(path)
    assert found["shortlist_stage_group_duration_seconds_count", "retrieve"] == 2
    assert found["shortlist_stage_group_duration_seconds_sum", "retrieve"] == pytest.approx(0.006 + 0.022)
    assert found["shortlist_stage_group_over_budget_total", "retrieve"] == 1
    assert found["shortlist_stage_group_over_budget_total", "fallback"] == 0
    assert found["shortlist_stage_group_duration_seconds_count", "fallback"] == 1
    assert found["shortlist_stage_group_budget_seconds", "retrieve"] == 0.010


def test_sequences_that_are_remembered_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "metrics"
    MetricFile.create(path, slots=1)
    counts = StageCounts(WorkerMetrics(MetricFile(path), 0), {})
    rng = random.Random(3)
    for _ in range(40):
        counts.count([random_answer(rng)._replace(fallback_from=rng.randrange(10_000)) for _ in range(20)])
    assert len(counts._sequences) <= 300
