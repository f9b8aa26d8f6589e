"""Servers on Redis: they share what they know, and go on without it while Redis is away."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from shortlist.v1 import recommendation_service_pb2 as pb

from server.cli.client import ShortlistClient, recommend_request, user_event
from server.features.event_types import EventType
from server.handlers.messages import CatalogItem
from tests.support.redis_server import RedisServer, free_ports
from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import build_small_release

# A busy machine must not look like a store that is away; what is late is checked by perf/faults.
PATIENT = {"BUDGET__DEADLINE_MS": 10_000, "REDIS__READ_MS": 500, "REDIS__WRITE_MS": 3_000}


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), free_ports(1)[0])
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with started(tmp_path_factory.mktemp("first"), redis_server, workers=2) as made:
        yield made


def started(data_dir: Path, redis: RedisServer, workers: int = 1) -> AbstractContextManager[ServerProcess]:
    build_small_release(data_dir / "releases", items=60, version="r1")
    return running_server(data_dir, workers=workers, STORE__URL=redis.url, **PATIENT)


def eventually(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    ends_s = time.monotonic() + 30
    while time.monotonic() < ends_s:
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("the condition never held")


def buy(client: ShortlistClient, user_id: str, item_id: str) -> int:
    event = user_event(uuid.uuid4().hex, item_id, EventType.PURCHASE, user_id=user_id)
    return client.write_events([event]).stored_count


def answer(client: ShortlistClient, user_id: str) -> pb.RecommendResponse:
    return client.recommend(recommend_request(user_id=user_id, num_items=20))


def listed(client: ShortlistClient, user_id: str) -> list[str]:
    return [item.item_id for item in answer(client, user_id).items]


def test_bought_item_is_gone_from_the_next_answer_of_every_worker(server: ServerProcess) -> None:
    clients = server.clients(8)
    for client in clients:
        first = listed(client, "buyer")[0]
        assert buy(client, "buyer", first) == 1
        assert all(first not in listed(other, "buyer") for other in clients)
        assert not answer(client, "buyer").degraded


def test_servers_on_one_redis_share_users_and_item_changes(
    server: ServerProcess, redis_server: RedisServer, tmp_path: Path
) -> None:
    with started(tmp_path, redis_server) as other:
        (first,), (second,) = server.clients(1), other.clients(1)
        bought = listed(second, "traveller")[0]
        buy(first, "traveller", bought)
        assert bought not in listed(second, "traveller")
        gone = listed(second, "traveller")[0]
        first.delete_items([gone])
        # The read of the user's record brought the number of the change along, in this very request.
        assert gone not in listed(second, "traveller")
        first.upsert_items([CatalogItem(item_id=gone)])


def test_without_redis_answers_go_on_and_writes_say_when_to_come_back(
    server: ServerProcess, redis_server: RedisServer
) -> None:
    (client,) = server.clients(1)
    lines_before = len(server.output)
    redis_server.kill()
    started_s = time.monotonic()
    try:
        for _ in range(50):
            reply = answer(client, "anyone")
            assert len(reply.items) == 20
            assert pb.DEGRADED_REASON_FEATURES_MISSING in reply.degraded_reasons
            with pytest.raises(grpc.RpcError) as refusal:
                buy(client, "anyone", reply.items[0].item_id)
            assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
            assert retry_after_ms(refusal.value) > 0
        assert client.is_serving()
        assert client.is_serving("shortlist.v1.RecommendationService")
    finally:
        outage_s = time.monotonic() - started_s
        about_redis = [line for line in server.output[lines_before:] if "WARNING" in line and "redis" in line]
        redis_server.start()
    # Three processes, a line a second each at most.
    assert 0 < len(about_redis) <= 3 * (outage_s + 1)
    # A new connection lands on either worker, and each comes back by itself.
    for fresh in server.clients(8):
        eventually(lambda client=fresh: not answer(client, "anyone").degraded)
    assert buy(client, "anyone", listed(client, "anyone")[0]) == 1


def test_a_server_starts_and_ends_without_redis(tmp_path: Path) -> None:
    absent = RedisServer(tmp_path / "redis", free_ports(1)[0])
    with started(tmp_path / "data", absent) as alone:
        (client,) = alone.clients(1)
        assert pb.DEGRADED_REASON_FEATURES_MISSING in answer(client, "anyone").degraded_reasons
        assert alone.stop() == 0


def retry_after_ms(error: grpc.RpcError) -> int:
    metadata = dict(error.trailing_metadata())
    status = Status.FromString(metadata["grpc-status-details-bin"])
    retry = RetryInfo()
    assert any(detail.Unpack(retry) for detail in status.details if detail.Is(RetryInfo.DESCRIPTOR))
    return int(retry.retry_delay.ToMilliseconds())
