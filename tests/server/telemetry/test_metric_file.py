"""Counts of many workers in one file, and what Prometheus makes of them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from server.telemetry.exposition import WorkersCollector
from server.telemetry.families import BOUNDS_S, BREAKERS, CALLS, DROPPED, FAMILIES, QUEUES, RELEASE_AGE
from server.telemetry.metric_file import KEY_BYTES_MAX, SCRAP_WORDS, SERIES_MAX, SLOT_WORDS, MetricFile
from server.telemetry.worker_metrics import WorkerMetrics


@pytest.fixture
def path(tmp_path: Path) -> Path:
    MetricFile.create(tmp_path / "run" / "metrics", slots=3).close()
    return tmp_path / "run" / "metrics"


def worker(path: Path, slot: int) -> WorkerMetrics:
    """A worker's own mapping, as a process of its own has it."""
    return WorkerMetrics(MetricFile(path), slot)


def samples(path: Path, live: tuple[int, ...] = (0, 1, 2), now_s: float = 0.0) -> dict[str, float]:
    collector = WorkersCollector(MetricFile(path), lambda: live, lambda: now_s)
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for metric in collector.collect()
        for sample in metric.samples
    }


def test_workers_add_up_and_a_successor_goes_on_where_its_predecessor_was(path: Path) -> None:
    worker(path, 0).counter(DROPPED, "x").add(5)
    worker(path, 1).counter(DROPPED, "x").add(7)
    worker(path, 0).counter(DROPPED, "x").add(1)
    assert samples(path, live=(1,))["shortlist_telemetry_dropped_total['x']"] == 13


def test_polled_count_starts_on_top_of_the_predecessors(path: Path) -> None:
    for lost in (4, 2):
        metrics = worker(path, 0)
        metrics.poll_counter(lambda lost=lost: lost, DROPPED, "x")  # type: ignore[misc]
        metrics.poll()
        metrics.poll()
    assert samples(path)["shortlist_telemetry_dropped_total['x']"] == 6


def test_histogram_counts_a_bound_as_within_and_keeps_the_sum(path: Path) -> None:
    histogram = worker(path, 2).histogram(CALLS, "a/B", "OK")
    for seconds in (0.0005, 0.001, 0.0011, 0.1, 11.0):
        histogram.observe(seconds)
    found = samples(path)
    buckets = {
        bound: found[f"rpc_server_call_duration_seconds_bucket{sorted(('OK', 'a/B', bound))}"]
        for bound in ("0.001", "0.002", "0.1", "10.0", "+Inf")
    }
    assert buckets == {"0.001": 2, "0.002": 3, "0.1": 4, "10.0": 4, "+Inf": 5}
    assert found["rpc_server_call_duration_seconds_sum['OK', 'a/B']"] == pytest.approx(11.1026)


def test_gauges_are_those_of_workers_that_live(path: Path) -> None:
    for slot, depth, state in ((0, 3, 0), (1, 4, 2), (2, 100, 1)):
        metrics = worker(path, slot)
        metrics.gauge(QUEUES, "calls").set(depth)
        metrics.gauge(BREAKERS, "redis").set(state)
        metrics.gauge(RELEASE_AGE).set(1_000 + slot)
    found = samples(path, live=(0, 1), now_s=1_500)
    assert found["shortlist_queue_depth['calls']"] == 7
    assert found["shortlist_breaker_state['redis']"] == 2
    assert found["shortlist_release_age_seconds[]"] == 500
    assert found["shortlist_workers[]"] == 2


def test_gauge_that_cannot_be_read_keeps_the_others_fresh(path: Path) -> None:
    metrics = worker(path, 0)

    def broken() -> float:
        raise OSError("gone")

    metrics.poll_gauge(broken, BREAKERS, "redis")
    metrics.poll_gauge(lambda: 5, QUEUES, "calls")
    metrics.poll()
    assert samples(path)["shortlist_queue_depth['calls']"] == 5


def test_two_workers_that_name_a_series_at_once_name_one(path: Path) -> None:
    places: list[int] = []
    workers = [worker(path, slot) for slot in range(3)]
    threads = [
        threading.Thread(
            target=lambda one=one: places.extend(one.place(DROPPED, f"what-{n}") for n in range(50)),  # type: ignore[misc]
            daemon=True,
        )
        for one in workers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(places) == 150
    assert len(set(places)) == 50
    assert len(MetricFile(path).series()) == 50


def test_file_that_is_full_takes_no_series_and_breaks_none(path: Path) -> None:
    file = MetricFile(path)
    assert file.register("wide", SLOT_WORDS - SCRAP_WORDS - 1) == 0
    assert file.register("too wide", 2) is None
    assert file.register("x" * (KEY_BYTES_MAX + 1), 1) is None
    metrics = WorkerMetrics(file, 0)
    metrics.histogram(CALLS, "a/B", "OK").observe(1.0)
    assert [entry.key for entry in file.series()] == ["wide"]
    assert file.slot_words(0)[0] == 0


def test_table_is_bounded(path: Path) -> None:
    file = MetricFile(path)
    at = [file.register(f"series-{number}", 1) for number in range(SERIES_MAX + 1)]
    assert at == [*range(SERIES_MAX), None]


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_bytes(bytes(1 << 16))
    with pytest.raises(ValueError, match="no metrics file"):
        MetricFile(tmp_path / "metrics")


def test_buckets_are_those_of_the_convention_and_four_more() -> None:
    convention = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
    assert set(BOUNDS_S) == convention | {0.001, 0.002, 0.02, 0.08}
    assert list(BOUNDS_S) == sorted(BOUNDS_S)


def test_no_family_has_a_label_for_what_a_caller_sends() -> None:
    labels = {label for family in FAMILIES.values() for label in family.labels}
    assert not labels & {"user", "user_id", "session", "session_id", "item", "item_id", "trace_id"}
