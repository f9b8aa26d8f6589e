"""A server whose every dependency is away, or is given up on by its callers: it answers, and mends itself (T9, T41, T42)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from server.cli.client import ShortlistClient, recommend_request, user_event
from server.features.event_types import EventType
from tests.support.redis_server import RedisServer, free_ports
from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import build_small_release
from tests.support.toxic_proxy import ToxicProxy
from tests.support.waiting import wait_until

USER = "someone-with-a-taste"
PENDING = 'shortlist_queue_depth{queue="calls"}'


@dataclass
class Stranded:
    """A server of two workers that was started while Redis, the model server and the trace collector were away."""

    server: ServerProcess
    redis: RedisServer
    link: ToxicProxy

    def answers(self) -> list[pb.RecommendResponse]:
        """Returns one answer by each of several connections, which the kernel spreads over the workers."""
        clients = self.server.clients(8)
        try:
            return [client.recommend(recommend_request(user_id=USER, num_items=20)) for client in clients]
        finally:
            for client in clients:
                client.close()


@pytest.fixture(scope="module")
def stranded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranded]:
    data_dir = tmp_path_factory.mktemp("stranded")
    build_small_release(data_dir / "releases", items=200, version="r1")
    ports = free_ports(3)
    redis = RedisServer(tmp_path_factory.mktemp("redis"), ports[0])
    with ToxicProxy(("127.0.0.1", ports[0])) as link:
        settings = {
            "STORE__URL": f"redis://127.0.0.1:{link.port}/0",
            "MODEL_SERVER__URL": f"triton://127.0.0.1:{ports[1]}",
            "TELEMETRY__TRACES_URL": f"http://127.0.0.1:{ports[2]}",
            # A busy machine must not look like a store that is slow; what is late is checked by perf/faults.
            "BUDGET__DEADLINE_MS": 10_000,
            "REDIS__READ_MS": 1_000,
            "REDIS__WRITE_MS": 5_000,
        }
        try:
            with running_server(data_dir, workers=2, **settings) as server:
                yield Stranded(server, redis, link)
        finally:
            redis.kill()


def reasons(reply: pb.RecommendResponse) -> set[int]:
    return set(reply.degraded_reasons)


def is_popularity(reply: pb.RecommendResponse) -> bool:
    return (
        reply.served_by == pb.SERVED_BY_POPULARITY
        and len(reply.items) == 20
        and pb.DEGRADED_REASON_FEATURES_MISSING in reasons(reply)
    )


def is_local(reply: pb.RecommendResponse) -> bool:
    return reply.served_by == pb.SERVED_BY_LOCAL_MODEL and reasons(reply) == {
        pb.DEGRADED_REASON_SCORER_UNAVAILABLE
    }


def test_with_everything_away_a_server_starts_ready_and_answers_what_is_popular(stranded: Stranded) -> None:
    assert all(is_popularity(reply) for reply in stranded.answers())
    with ShortlistClient(stranded.server.address, timeout_s=20) as client:
        assert client.is_serving()


def test_each_part_that_comes_back_is_used_and_missed_again_when_it_goes(stranded: Stranded) -> None:
    stranded.redis.start()
    try:
        with ShortlistClient(stranded.server.address, timeout_s=20) as client:
            events = [
                user_event(f"seen-{number}", f"item-{number:04}", EventType.VIEW, user_id=USER)
                for number in (3, 5, 8)
            ]
            wait_until(lambda: _stored(client, events))
        # The model server is still away: its part of the answer stays marked, the user's record is back.
        wait_until(lambda: all(is_local(reply) for reply in stranded.answers()))
        stranded.link.set(down=True)
        wait_until(lambda: all(is_popularity(reply) for reply in stranded.answers()))
        stranded.link.set()
        wait_until(lambda: all(is_local(reply) for reply in stranded.answers()))
    finally:
        stranded.link.set()
        stranded.redis.kill()


def _stored(client: ShortlistClient, events: list[object]) -> bool:
    try:
        reply = client.write_events(events)  # type: ignore[arg-type]
        return reply.stored_count + reply.duplicate_count == len(events)
    except grpc.RpcError:
        return False


def test_calls_that_their_callers_give_up_leave_nothing_behind(stranded: Stranded) -> None:
    stranded.redis.start()
    stranded.link.set(latency_s=0.05)
    try:
        with grpc.insecure_channel(stranded.server.address) as channel:
            stub = RecommendationServiceStub(channel)
            for number in range(100):
                call = stub.Recommend.future(
                    recommend_request(user_id=f"gone-{number}", num_items=20), timeout=20
                )
                time.sleep(0.001 * (number % 20))
                call.cancel()
        wait_until(lambda: stranded.server.metrics()[PENDING] == 0)
        stranded.link.set()
        wait_until(lambda: all(len(reply.items) == 20 for reply in stranded.answers()))
    finally:
        stranded.link.set()
        stranded.redis.kill()
