"""A real server with the real Triton behind it: scored there, and answered when it is slow, gone or back."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import pytest
from shortlist.v1 import recommendation_service_pb2 as api
from shortlist.v1 import release_service_pb2, release_service_pb2_grpc

from server.cli.client import ShortlistClient, recommend_request, user_event
from server.features.event_types import EventType
from server.releases.mapped_release import MappedRelease
from tests.support.server_process import ServerProcess, running_server
from tests.support.slow_link import SlowLink, slow_link
from tests.support.small_release import build_small_release
from tests.support.triton_server import TritonServer, publish, triton_server

USER = "a-user-with-a-taste"
LOCAL = ("SERVED_BY_LOCAL_MODEL", ["DEGRADED_REASON_SCORER_UNAVAILABLE"])


@dataclass
class Shop:
    """A server of one worker whose model server is a Triton behind a slow link. Release `r1` serves, `r2` waits."""

    server: ServerProcess
    client: ShortlistClient
    triton: TritonServer
    link: SlowLink

    def ask(self) -> api.RecommendResponse:
        return self.client.recommend(recommend_request(user_id=USER, num_items=10, explain=True))

    def ask_until(self, wanted: Callable[[api.RecommendResponse], bool]) -> api.RecommendResponse:
        """Returns the first answer that is as wanted."""
        give_up_s = time.monotonic() + 30
        while not wanted(reply := self.ask()):
            assert time.monotonic() < give_up_s, reply
            time.sleep(0.05)
        return reply


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    data_dir = tmp_path_factory.mktemp("shop")
    with triton_server(data_dir) as triton, slow_link(triton.address) as link:
        for number, version in enumerate(("r1", "r2")):
            small = build_small_release(
                data_dir / "releases",
                items=600,
                version=version,
                seed=number,
                created_time_s=1_700_000_000 + number,
                activate=not number,
            )
            publish(MappedRelease.open(small.path), triton.repository)
        settings = {
            "MODEL_SERVER__URL": f"triton://{link.address}",
            "MODEL_SERVER__CHECK_INTERVAL_MS": 100,
            # What an answer holds is looked at, on machines of any speed; the times are those of `make test-faults`.
            "MODEL_SERVER__TIMEOUT_MS": 2_000,
            "BUDGET__DEADLINE_MS": 10_000,
        }
        with running_server(data_dir, workers=1, **settings) as server:
            client = server.clients(1)[0]
            items = [small.item_ids[number] for number in (3, 5, 8)]
            client.write_events([user_event(item, item, EventType.VIEW, user_id=USER) for item in items])
            yield Shop(server, client, triton, link)
            client.close()


def is_full(reply: api.RecommendResponse) -> bool:
    return reply.served_by == api.SERVED_BY_MODEL_SERVER and not reply.degraded


def outcome(reply: api.RecommendResponse) -> tuple[str, list[str]]:
    reasons = [api.DegradedReason.Name(reason) for reason in reply.degraded_reasons]
    return api.ServedBy.Name(reply.served_by), reasons


def scores(reply: api.RecommendResponse) -> dict[str, float]:
    return {item.item_id: item.score for item in reply.items}


def test_the_model_server_scores_and_says_so(shop: Shop) -> None:
    reply = shop.ask_until(is_full)
    assert len(reply.items) == 10
    assert [stage.stage for stage in reply.stages].count("ModelServerScorer") == 1
    assert "TwoTowerScorer" not in [stage.stage for stage in reply.stages]


def test_a_slow_model_server_costs_the_mark_and_not_the_answer(shop: Shop) -> None:
    full = shop.ask_until(is_full)
    shop.link.delay_s = 5.0
    try:
        started_s = time.monotonic()
        reply = shop.ask()
        took_s = time.monotonic() - started_s
    finally:
        shop.link.delay_s = 0.0
    assert outcome(reply) == LOCAL
    assert took_s < 9, "the model server answers after 10 s"
    assert scores(reply) == pytest.approx(scores(full), abs=1e-5)
    failed = [stage.error for stage in reply.stages if stage.stage == "ModelServerScorer"]
    assert failed == ["ModelServerUnavailable"]
    shop.ask_until(is_full)


def test_a_release_is_switched_to_when_its_model_is_there(shop: Shop) -> None:
    shop.ask_until(is_full)
    with grpc.insecure_channel(shop.server.admin_address) as channel:
        admin = release_service_pb2_grpc.ReleaseServiceStub(channel)
        for version in ("r2", "r1"):
            admin.ActivateRelease(release_service_pb2.ActivateReleaseRequest(version=version), timeout=60)
            assert shop.ask().release_version == version
            assert shop.ask_until(is_full).release_version == version


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=lambda number: number.name)
def test_answers_go_on_without_the_model_server_and_with_it_again(shop: Shop, number: signal.Signals) -> None:
    shop.ask_until(is_full)
    if number is signal.SIGKILL:
        shop.triton.kill()
    else:
        shop.triton.signal(number)
    for _ in range(20):
        reply = shop.ask()
        assert outcome(reply) == LOCAL
        assert len(reply.items) == 10
    if number is signal.SIGKILL:
        shop.triton.start()
    else:
        shop.triton.signal(signal.SIGCONT)
    shop.ask_until(is_full)
