"""The Prometheus endpoint of a real server, held against what its clients counted (T59, T64)."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import grpc
import pytest
from shortlist.v1 import event_service_pb2 as events_pb
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.event_service_pb2_grpc import EventServiceStub
from shortlist.v1.event_types_pb2 import EventType, PageType
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import build_small_release
from tests.support.waiting import wait_until

RECOMMEND = "shortlist.v1.RecommendationService/Recommend"
CALLS = 'rpc_server_call_duration_seconds_count{{rpc_method="{}",rpc_status_code="{}"}}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data_dir = tmp_path_factory.mktemp("counted")
    build_small_release(data_dir / "releases", items=200, categories=4, version="r1")
    with running_server(data_dir, workers=2, BUDGET__DEADLINE_MS=10_000) as made:
        yield made


@pytest.fixture(scope="module")
def stubs(server: ServerProcess) -> Iterator[list[RecommendationServiceStub]]:
    """A stub a connection, enough of them that both workers have some."""
    channels = [
        grpc.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(12)
    ]
    yield [RecommendationServiceStub(channel) for channel in channels]
    for channel in channels:
        channel.close()


def mixed_calls(stubs: list[RecommendationServiceStub], count: int, first_user: int = 0) -> Counter[str]:
    """Makes calls, every seventh of them invalid; returns how often the client saw each status."""
    seen: Counter[str] = Counter()
    for number, stub in zip(range(count), cycle(stubs), strict=False):
        wanted = -1 if number % 7 == 0 else 10
        request = pb.RecommendRequest(
            user_id=f"user-{first_user + number}",
            num_items=wanted,
            page_type=PageType.PAGE_TYPE_ITEM_DETAIL,
            context_item_ids=["item-0001"],
        )
        try:
            stub.Recommend(request, timeout=20)
            seen["OK"] += 1
        except grpc.RpcError as error:
            seen[error.code().name] += 1
    return seen


def counted(server: ServerProcess) -> Counter[str]:
    metrics = server.metrics()
    codes = ("OK", "INVALID_ARGUMENT")
    return Counter({code: int(metrics.get(CALLS.format(RECOMMEND, code), 0)) for code in codes})


def test_calls_by_status_are_exactly_those_that_clients_counted(
    server: ServerProcess, stubs: list[RecommendationServiceStub]
) -> None:
    before = counted(server)
    seen = mixed_calls(stubs, 140)
    assert counted(server) - before == seen == {"OK": 120, "INVALID_ARGUMENT": 20}


def test_counts_stay_exact_when_a_worker_is_killed_and_replaced(
    server: ServerProcess, stubs: list[RecommendationServiceStub]
) -> None:
    before = counted(server)
    seen = mixed_calls(stubs, 60)
    workers = {worker.pid for worker in server.workers()}
    os.kill(min(workers), signal.SIGKILL)
    wait_until(lambda: len({worker.pid for worker in server.workers()} - workers) == 1)
    assert counted(server) - before == seen
    wait_until(lambda: server.metrics()["shortlist_workers"] == 2)
    with grpc.insecure_channel(server.address) as channel:
        stub = RecommendationServiceStub(channel)
        grpc.channel_ready_future(channel).result(20)
        seen += mixed_calls([stub], 30)
    assert counted(server) - before == seen


def test_answers_stages_and_candidates_are_counted(
    server: ServerProcess, stubs: list[RecommendationServiceStub]
) -> None:
    before = server.metrics()
    stage = 'shortlist_stage_duration_seconds_count{kind="source",stage="PopularitySource"}'
    answers = 'shortlist_answers_total{degraded="false",served_by="LOCAL_MODEL"}'
    seen = mixed_calls(stubs, 21)
    wait_until(lambda: server.metrics()[stage] - before[stage] == seen["OK"])
    after = server.metrics()
    assert after[answers] - before[answers] == seen["OK"]
    removed = 'shortlist_filtered_candidates_total{filter="ContextItemFilter",outcome="removed"}'
    kept = 'shortlist_filtered_candidates_total{filter="ContextItemFilter",outcome="kept"}'
    assert after[removed] > 0
    assert after[kept] > after[removed]
    assert after['shortlist_candidates_total{source="PopularitySource"}'] > 0
    assert after['shortlist_stage_group_budget_seconds{group="retrieve"}'] == pytest.approx(0.010)
    assert after["shortlist_release_age_seconds"] > 0
    assert 'shortlist_queue_depth{queue="calls"}' in after


def test_users_that_are_remembered_are_counted(server: ServerProcess) -> None:
    hits, misses = (f'shortlist_remembered_users_total{{outcome="{outcome}"}}' for outcome in ("hit", "miss"))
    before = server.metrics()
    event = events_pb.UserEvent(
        event_id="remembered-1",
        user_id="remembered",
        item_id="item-0001",
        event_type=EventType.EVENT_TYPE_VIEW,
    )
    event.event_time.GetCurrentTime()
    # One connection, so one worker: each has a memory of its own.
    with grpc.insecure_channel(server.address) as channel:
        EventServiceStub(channel).WriteEvents(events_pb.WriteEventsRequest(events=[event]), timeout=20)
        stub = RecommendationServiceStub(channel)

        def remembered() -> bool:
            stub.Recommend(pb.RecommendRequest(user_id="remembered"), timeout=20)
            return server.metrics()[hits] > before[hits]

        wait_until(remembered)
    assert server.metrics()[misses] > before[misses]


def test_buckets_hold_every_call_and_only_grow_with_their_bound(
    server: ServerProcess, stubs: list[RecommendationServiceStub]
) -> None:
    mixed_calls(stubs, 3)
    metrics = server.metrics()
    bounds = ("0.001", "0.002", "0.005", "0.02", "0.08", "0.1", "10.0", "+Inf")
    labels = f'rpc_method="{RECOMMEND}",rpc_status_code="OK"'
    buckets = [metrics[f'rpc_server_call_duration_seconds_bucket{{le="{le}",{labels}}}'] for le in bounds]
    assert buckets == sorted(buckets)
    assert buckets[-1] == metrics[CALLS.format(RECOMMEND, "OK")]


def test_series_stay_the_same_whoever_asks_and_whatever_is_called(
    server: ServerProcess, stubs: list[RecommendationServiceStub]
) -> None:
    with grpc.insecure_channel(server.address) as channel:

        def call_unknown(number: int) -> None:
            with pytest.raises(grpc.RpcError):
                channel.unary_unary(f"/shortlist.v1.Nothing{number}/Method{number}")(b"")

        call_unknown(0)
        mixed_calls(stubs, 14)
        wait_until(lambda: server.metrics()['shortlist_queue_depth{queue="recommendation_log"}'] == 0)
        before = set(server.metrics())
        mixed_calls(stubs, 200, first_user=1_000_000)
        for number in range(1, 20):
            call_unknown(number)
        assert set(server.metrics()) == before
        assert server.metrics()[CALLS.format("_OTHER", "UNIMPLEMENTED")] == 20


def test_server_serves_where_the_metrics_port_is_taken(server: ServerProcess, tmp_path: Path) -> None:
    found = server.metrics_address()
    build_small_release(tmp_path / "releases", items=60, version="r1")
    port = found.rsplit(":", 1)[1]
    with running_server(tmp_path, workers=1, TELEMETRY__METRICS_PORT=port) as second:
        assert mixed_calls([RecommendationServiceStub(grpc.insecure_channel(second.address))], 2)
        assert any("no metrics:" in line for line in second.output)
