"""The Python client's own layer: errors, deadlines, metadata, retries, fallback, events in batches."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shortlist
from shortlist.channel import SERVICE_CONFIG
from shortlist.v1 import event_service_pb2 as events
from shortlist.v1 import event_types_pb2 as types
from shortlist.v1 import recommendation_service_pb2 as api

from tests.support.scripted_service import FAILURES, FIELD_REASONS

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PATIENT = shortlist.ClientOptions(timeout_s=10)


@pytest.fixture
def scripted(lab: dict[str, str]) -> Iterator[shortlist.Client]:
    with shortlist.Client(lab["SHORTLIST_SCRIPTED_ADDRESS"], PATIENT) as made:
        yield made


def script(words: str, **fields: Any) -> api.RecommendRequest:
    return api.RecommendRequest(user_id=words, **fields)


def event(event_id: str, **fields: Any) -> events.UserEvent:
    return events.UserEvent(
        **{
            "event_id": event_id,
            "user_id": "writer",
            "item_id": "item-0001",
            "event_type": types.EVENT_TYPE_VIEW,
            **fields,
        }
    )


def stored(lab: dict[str, str], prefix: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{lab['SHORTLIST_CONTROL']}/events?prefix={prefix}", timeout=60) as answer:
        counts: dict[str, int] = json.load(answer)
    return counts


def time_left_ms(client: shortlist.Client) -> float:
    """Returns what the server sees of the default deadline, on a machine that may be too busy to meet it."""
    for _ in range(100):
        try:
            return client.recommend(script("hello")).latency_ms
        except shortlist.DeadlinePassed:
            continue
    raise AssertionError("no call was answered in time")


def test_service_config_is_the_published_one() -> None:
    published = Path(__file__).parents[2] / "clients" / "service_config.json"
    assert published.read_text(encoding="utf-8") == SERVICE_CONFIG


@pytest.mark.parametrize("reason", sorted(FAILURES))
def test_each_reason_is_an_error_of_its_kind(scripted: shortlist.Client, reason: str) -> None:
    with pytest.raises(shortlist.ShortlistError) as caught:
        scripted.recommend(script(f"fail:{reason}"))
    error = caught.value
    assert (error.reason, error.code.value[0]) == (reason, FAILURES[reason].code)
    assert (type(error) is shortlist.ShortlistError) == (reason == "INTERNAL")
    assert [v.field for v in error.violations] == (["num_items"] if reason in FIELD_REASONS else [])


def test_error_says_when_to_come_back_and_which_log_line(scripted: shortlist.Client) -> None:
    with pytest.raises(shortlist.Overloaded) as overloaded:
        scripted.recommend(script("fail:OVERLOADED"))
    assert overloaded.value.retry_after_s == 0.25
    with pytest.raises(shortlist.ShortlistError) as internal:
        scripted.recommend(script("fail:INTERNAL"))
    assert internal.value.metadata["log_id"] == "log-1"


def test_real_server_names_every_wrong_field(lab: dict[str, str]) -> None:
    with shortlist.Client(lab["SHORTLIST_ADDRESS"], PATIENT) as client:
        with pytest.raises(shortlist.InvalidRequest) as caught:
            client.recommend(api.RecommendRequest(num_items=-1))
        with pytest.raises(shortlist.NotFound) as missing:
            client.recommend_similar(api.RecommendSimilarRequest(item_id="no-such-item"))
    assert {v.field for v in caught.value.violations} == {"user_id", "num_items"}
    assert missing.value.metadata["resource_name"] == "no-such-item"


def test_deadline_is_100_ms_unless_told_otherwise(lab: dict[str, str]) -> None:
    with shortlist.Client(lab["SHORTLIST_SCRIPTED_ADDRESS"]) as client:
        client.recommend(script("hello"), timeout_s=10)
        assert 0 < time_left_ms(client) < 150
        with pytest.raises(shortlist.DeadlinePassed) as late:
            client.recommend(script("sleep:5"))
        assert 1_000 < client.recommend(script("hello"), timeout_s=10).latency_ms < 10_500
    assert late.value.reason == "DEADLINE"


def test_fallback_answers_when_the_deadline_passes(lab: dict[str, str]) -> None:
    options = shortlist.ClientOptions(fallback=lambda request: ["a", "b", "c", "d"])
    with shortlist.Client(lab["SHORTLIST_SCRIPTED_ADDRESS"], options) as client:
        answer = client.recommend(script("sleep:5", num_items=2, excluded_item_ids=["b"]))
    assert [item.item_id for item in answer.items] == ["a", "c"]
    assert answer.degraded
    assert list(answer.degraded_reasons) == [api.DEGRADED_REASON_DEADLINE]


def test_unavailable_is_tried_three_times(scripted: shortlist.Client) -> None:
    scripted.recommend(script(f"flaky:2:{uuid.uuid4()}"))
    with pytest.raises(shortlist.Unavailable):
        scripted.recommend(script(f"flaky:3:{uuid.uuid4()}"))


def test_nobody_listening_is_unavailable() -> None:
    with shortlist.Client("127.0.0.1:1") as client, pytest.raises(shortlist.Unavailable) as caught:
        client.recommend(script("hello"))
    assert caught.value.is_unreachable


def test_traceparent_and_token_reach_the_server(lab: dict[str, str]) -> None:
    options = shortlist.ClientOptions(timeout_s=10, token="secret", traceparent=lambda: TRACEPARENT)
    with shortlist.Client(lab["SHORTLIST_SCRIPTED_ADDRESS"], options) as client:
        answer = client.recommend(script("hello"))
        other = client.recommend(script("hello"), traceparent=TRACEPARENT[:-1] + "0")
    assert (answer.recommendation_id, answer.scenario) == (TRACEPARENT, "Bearer secret")
    assert other.recommendation_id == TRACEPARENT[:-1] + "0"


def test_tls_verifies_the_server(lab: dict[str, str]) -> None:
    if "SHORTLIST_TLS_ADDRESS" not in lab:
        pytest.skip("needs openssl to make a certificate: apt-get install openssl")
    roots = Path(lab["SHORTLIST_TLS_ROOTS"]).read_bytes()
    trusting = shortlist.ClientOptions(timeout_s=10, tls=True, root_certificates=roots, token="secret")
    with shortlist.Client(lab["SHORTLIST_TLS_ADDRESS"], trusting) as client:
        assert client.recommend(script("hello")).scenario == "Bearer secret"
    doubting = shortlist.ClientOptions(timeout_s=2, tls=True)
    with (
        shortlist.Client(lab["SHORTLIST_TLS_ADDRESS"], doubting) as client,
        pytest.raises(shortlist.Unavailable),
    ):
        client.recommend(script("hello"))


def test_token_is_not_sent_in_plain_text() -> None:
    with pytest.raises(ValueError, match="tls"):
        shortlist.Client("shop.example:50051", shortlist.ClientOptions(token="secret"))


def test_newer_and_older_answers_are_read(scripted: shortlist.Client) -> None:
    newer = scripted.recommend(script("message:newer"))
    older = scripted.recommend(script("message:older"))
    assert [item.item_id for item in newer.items] == ["item-1", "item-2"]
    assert list(newer.items[1].sources) == [99]
    assert (older.items[0].item_id, older.served_by) == ("item-1", api.SERVED_BY_UNSPECIFIED)


def test_newer_request_is_answered(lab: dict[str, str]) -> None:
    data = api.RecommendRequest(user_id="user-1", num_items=3).SerializeToString() + bytes.fromhex(
        "c23e036e6577"
    )
    with shortlist.Client(lab["SHORTLIST_ADDRESS"], PATIENT) as client:
        answer = client.recommend(api.RecommendRequest.FromString(data))
    assert len(answer.items) == 3


def test_writer_writes_what_is_buffered_on_close(lab: dict[str, str]) -> None:
    prefix = uuid.uuid4().hex
    with shortlist.Client(lab["SHORTLIST_ADDRESS"]) as client:
        with shortlist.EventWriter(client) as writer:
            for number in range(1_234):
                writer.write(event(f"{prefix}-{number}"))
            writer.write(event("", item_id=prefix))
        assert writer.written_count == 1_235
    assert stored(lab, prefix) == {"events": 1_234, "ids": 1_234}


def test_writer_leaves_out_what_the_server_refuses_and_says_so(lab: dict[str, str]) -> None:
    prefix, refused = uuid.uuid4().hex, list[str]()
    options = shortlist.EventWriterOptions(
        on_refused=lambda wrong, error: refused.extend(f"{e.event_id} {error.reason}" for e in wrong)
    )
    with (
        shortlist.Client(lab["SHORTLIST_ADDRESS"]) as client,
        shortlist.EventWriter(client, options) as writer,
    ):
        for number in range(100):
            writer.write(event(f"{prefix}-{number}", item_id="" if number % 50 == 7 else "item-0001"))
    assert refused == [f"{prefix}-7 FIELD_MISSING", f"{prefix}-57 FIELD_MISSING"]
    assert stored(lab, prefix)["ids"] == 98


def test_writer_is_bounded_and_gives_back_what_it_could_not_write() -> None:
    options = shortlist.EventWriterOptions(buffer_max=10, flush_interval_s=0.01)
    with shortlist.Client("127.0.0.1:1") as client:
        writer = shortlist.EventWriter(client, options)
        for number in range(10):
            writer.write(event(f"e-{number}"))
        with pytest.raises(shortlist.BufferFull):
            writer.write(event("e-10"), timeout_s=0.05)
        with pytest.raises(shortlist.EventsNotWritten) as caught:
            writer.close(timeout_s=0.1)
    assert [e.event_id for e in caught.value.events] == [f"e-{number}" for number in range(10)]


def test_asyncio_client_does_the_same(lab: dict[str, str]) -> None:
    prefix = uuid.uuid4().hex

    async def use() -> None:
        options = shortlist.ClientOptions(timeout_s=10, traceparent=lambda: TRACEPARENT)
        async with shortlist.AsyncClient(lab["SHORTLIST_SCRIPTED_ADDRESS"], options) as scripted:
            assert (await scripted.recommend(script("hello"))).recommendation_id == TRACEPARENT
            await scripted.recommend(script(f"flaky:2:{uuid.uuid4()}"))
            with pytest.raises(shortlist.Overloaded):
                await scripted.recommend(script("fail:OVERLOADED"))
            with pytest.raises(shortlist.DeadlinePassed):
                await scripted.recommend(script("sleep:5"), timeout_s=0.05)
        async with shortlist.AsyncClient(lab["SHORTLIST_ADDRESS"], options) as client:
            assert len((await client.recommend(api.RecommendRequest(user_id="u", num_items=3))).items) == 3
            async with shortlist.AsyncEventWriter(client) as writer:
                for number in range(1_234):
                    await writer.write(event(f"{prefix}-{number}"))
            assert writer.written_count == 1_234

    asyncio.run(use())
    assert stored(lab, prefix) == {"events": 1_234, "ids": 1_234}


def test_cancelling_an_asyncio_call_ends_it(lab: dict[str, str]) -> None:
    async def use() -> float:
        async with shortlist.AsyncClient(lab["SHORTLIST_SCRIPTED_ADDRESS"], PATIENT) as client:
            began = time.monotonic()
            call = asyncio.ensure_future(client.recommend(script("sleep:8")))
            await asyncio.sleep(0.1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            return time.monotonic() - began

    assert asyncio.run(use()) < 8


def test_trace_is_continued_by_the_server(lab: dict[str, str]) -> None:
    with shortlist.Client(lab["SHORTLIST_ADDRESS"], PATIENT) as client:
        stub: Any = client.channel.unary_unary("/shortlist.v1.RecommendationService/Recommend")
        data = api.RecommendRequest(user_id="user-1").SerializeToString()
        _, call = stub.with_call(data, timeout=10, metadata=(("traceparent", TRACEPARENT),))
    trailers = dict(call.trailing_metadata() or ())
    assert trailers["trace_id"] == TRACEPARENT.split("-")[1]
