from __future__ import annotations

import math
import time
from dataclasses import fields

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from shortlist.v1 import event_service_pb2 as pb
from shortlist.v1 import event_types_pb2 as types

from server.features.event_types import DeviceType, EventType, PageType
from server.features.user_event import UserEvent
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient, refusal_of

PAST = Timestamp(seconds=1_700_000_000, nanos=123_456_789)


def event(**changes: object) -> pb.UserEvent:
    base = {
        "event_id": "e",
        "user_id": "u",
        "item_id": "i",
        "event_type": types.EVENT_TYPE_VIEW,
        "event_time": PAST,
    }
    return pb.UserEvent(**{**base, **changes})  # type: ignore[arg-type]


def seconds_from_now(seconds: float) -> Timestamp:
    moment = Timestamp()
    moment.FromNanoseconds(int((time.time() + seconds) * 1e9))
    return moment


WRONG = [
    ("no event_id", {"event_id": ""}, ("event_id", "FIELD_MISSING")),
    ("long event_id", {"event_id": "e" * 129}, ("event_id", "FIELD_TOO_LONG")),
    ("no one", {"user_id": ""}, ("user_id", "FIELD_MISSING")),
    ("long session", {"session_id": "s" * 129}, ("session_id", "FIELD_TOO_LONG")),
    ("no item", {"item_id": ""}, ("item_id", "FIELD_MISSING")),
    ("control character", {"item_id": "a\tb"}, ("item_id", "INVALID_CHARACTER")),
    ("no type", {"event_type": 0}, ("event_type", "FIELD_MISSING")),
    ("unknown type", {"event_type": 10}, ("event_type", "UNKNOWN_ENUM_VALUE")),
    ("negative type", {"event_type": -1}, ("event_type", "UNKNOWN_ENUM_VALUE")),
    ("no time", {"event_time": None}, ("event_time", "FIELD_MISSING")),
    ("before 1970", {"event_time": Timestamp(seconds=-1)}, ("event_time", "FIELD_OUT_OF_RANGE")),
    ("future", {"event_time": seconds_from_now(3_600)}, ("event_time", "TIME_IN_FUTURE")),
    ("far future", {"event_time": Timestamp(seconds=2**60)}, ("event_time", "TIME_IN_FUTURE")),
    ("bad nanos", {"event_time": Timestamp(seconds=1, nanos=-1)}, ("event_time", "FIELD_OUT_OF_RANGE")),
    (
        "too many nanos",
        {"event_time": Timestamp(seconds=1, nanos=10**9)},
        ("event_time", "FIELD_OUT_OF_RANGE"),
    ),
    ("unknown device", {"device_type": 5}, ("device_type", "UNKNOWN_ENUM_VALUE")),
    ("unknown page", {"page_type": 7}, ("page_type", "UNKNOWN_ENUM_VALUE")),
    ("long platform", {"platform": "p" * 129}, ("platform", "FIELD_TOO_LONG")),
    ("long recommendation", {"recommendation_id": "r" * 129}, ("recommendation_id", "FIELD_TOO_LONG")),
    ("long experiment", {"experiment_id": "x" * 129}, ("experiment_id", "FIELD_TOO_LONG")),
    ("rating NaN", {"rating": math.nan}, ("rating", "FIELD_NOT_FINITE")),
    ("rating infinite", {"rating": math.inf}, ("rating", "FIELD_NOT_FINITE")),
    ("rating above 5", {"rating": 5.01}, ("rating", "FIELD_OUT_OF_RANGE")),
    ("rating below 0", {"rating": -0.1}, ("rating", "FIELD_OUT_OF_RANGE")),
    ("rating event without", {"event_type": types.EVENT_TYPE_RATING}, ("rating", "FIELD_MISSING")),
    ("negative dwell", {"dwell_time_ms": -1}, ("dwell_time_ms", "FIELD_OUT_OF_RANGE")),
    ("dwell over a day", {"dwell_time_ms": 86_400_001}, ("dwell_time_ms", "FIELD_OUT_OF_RANGE")),
    ("negative position", {"position": -1}, ("position", "FIELD_OUT_OF_RANGE")),
    ("no quantity", {"quantity": 0.0}, ("quantity", "FIELD_OUT_OF_RANGE")),
    ("negative quantity", {"quantity": -2.0}, ("quantity", "FIELD_OUT_OF_RANGE")),
    ("quantity NaN", {"quantity": math.nan}, ("quantity", "FIELD_NOT_FINITE")),
    ("negative price", {"price": -0.01}, ("price", "FIELD_OUT_OF_RANGE")),
    ("price infinite", {"price": -math.inf}, ("price", "FIELD_NOT_FINITE")),
]


@pytest.mark.parametrize(
    ("changes", "expected"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_one_wrong_event_of_a_batch_is_named_and_nothing_is_stored(
    client: RpcClient, use_cases: RecordingUseCases, changes: dict[str, object], expected: tuple[str, str]
) -> None:
    events = [event(event_id=f"e{n}") for n in range(20)]
    events[17] = event(**changes)
    refusal = refusal_of(client.events.WriteEvents, pb.WriteEventsRequest(events=events))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.violations == [(f"events[17].{expected[0]}", expected[1])]
    assert use_cases.calls == []


def test_all_that_is_wrong_is_named_at_once(client: RpcClient) -> None:
    refusal = refusal_of(client.events.WriteEvents, pb.WriteEventsRequest(events=[event(), pb.UserEvent()]))
    assert refusal.violations == [
        (f"events[1].{name}", "FIELD_MISSING")
        for name in ("event_id", "user_id", "item_id", "event_type", "event_time")
    ]
    assert refusal.info.metadata["violation_count"] == "5"


@pytest.mark.parametrize(("count", "reason"), [(0, "FIELD_MISSING"), (1_001, "TOO_MANY_ELEMENTS")])
def test_a_batch_has_1_to_1000_events(
    client: RpcClient, use_cases: RecordingUseCases, count: int, reason: str
) -> None:
    refusal = refusal_of(client.events.WriteEvents, pb.WriteEventsRequest(events=[event()] * count))
    assert refusal.violations == [("events", reason)]
    assert use_cases.calls == []


def test_a_thousand_events_may_share_an_id(client: RpcClient, use_cases: RecordingUseCases) -> None:
    answer = client.events.WriteEvents(pb.WriteEventsRequest(events=[event()] * 1_000))
    assert answer.stored_count == 1_000
    assert len(use_cases.only_call()[0]) == 1_000


def test_a_refusal_of_thousands_of_fields_fits_into_the_trailers(client: RpcClient) -> None:
    refusal = refusal_of(client.events.WriteEvents, pb.WriteEventsRequest(events=[pb.UserEvent()] * 1_000))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert len(refusal.violations) == 25
    assert refusal.info.metadata["violation_count"] == "5000"


def test_times_may_be_a_little_in_the_future(client: RpcClient, use_cases: RecordingUseCases) -> None:
    client.events.WriteEvents(pb.WriteEventsRequest(events=[event(event_time=seconds_from_now(30))]))
    assert len(use_cases.calls) == 1


def test_every_event_type_is_taken(client: RpcClient, use_cases: RecordingUseCases) -> None:
    events = [event(event_type=kind, rating=0.0) for kind in EventType]
    client.events.WriteEvents(pb.WriteEventsRequest(events=events))
    assert [stored.event_type for stored in use_cases.only_call()[0]] == list(EventType)


def test_unset_numbers_become_their_marks(client: RpcClient, use_cases: RecordingUseCases) -> None:
    client.events.WriteEvents(pb.WriteEventsRequest(events=[event()]))
    ((stored,),) = use_cases.only_call()
    assert stored == UserEvent("e", "u", "", "i", EventType.VIEW, 1_700_000_000_123_456)


def test_zeros_are_values(client: RpcClient, use_cases: RecordingUseCases) -> None:
    zeros = event(rating=0.0, dwell_time_ms=0, position=0, price=0.0)
    client.events.WriteEvents(pb.WriteEventsRequest(events=[zeros]))
    ((stored,),) = use_cases.only_call()
    assert (stored.rating, stored.dwell_time_ms, stored.position, stored.price) == (0, 0, 0, 0)


def test_every_field_of_an_event_arrives(client: RpcClient, use_cases: RecordingUseCases) -> None:
    full = event(
        session_id="s",
        event_type=types.EVENT_TYPE_PURCHASE,
        device_type=types.DEVICE_TYPE_TABLET,
        platform="web",
        page_type=types.PAGE_TYPE_CART,
        rating=4.5,
        dwell_time_ms=1_500,
        position=3,
        recommendation_id="r",
        experiment_id="x",
        quantity=2.0,
        price=9.95,
    )
    client.events.WriteEvents(pb.WriteEventsRequest(events=[full]))
    ((stored,),) = use_cases.only_call()
    assert stored == UserEvent(
        event_id="e",
        user_id="u",
        session_id="s",
        item_id="i",
        event_type=EventType.PURCHASE,
        event_time_us=1_700_000_000_123_456,
        device_type=DeviceType.TABLET,
        platform="web",
        page_type=PageType.CART,
        rating=4.5,
        dwell_time_ms=1_500,
        position=3,
        recommendation_id="r",
        experiment_id="x",
        quantity=2.0,
        price=9.95,
    )


def test_the_message_has_the_fields_that_are_stored() -> None:
    stored = {"event_time" if f.name == "event_time_us" else f.name for f in fields(UserEvent)}
    assert {f.name for f in pb.UserEvent.DESCRIPTOR.fields} == stored


def test_impressions_name_an_answer_and_its_positions(
    client: RpcClient, use_cases: RecordingUseCases
) -> None:
    answer = client.events.WriteImpressions(
        pb.WriteImpressionsRequest(recommendation_id="r", positions=[0, 2], event_time=PAST)
    )
    assert use_cases.only_call() == ("r", (0, 2), 1_700_000_000_123_456)
    assert (answer.stored_count, answer.duplicate_count) == (1, 1)


def test_impressions_without_a_time_are_of_now(client: RpcClient, use_cases: RecordingUseCases) -> None:
    before_us = time.time() * 1e6 - 1
    client.events.WriteImpressions(pb.WriteImpressionsRequest(recommendation_id="r", positions=[0]))
    assert before_us <= use_cases.only_call()[2] <= time.time() * 1e6


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (pb.WriteImpressionsRequest(positions=[0]), [("recommendation_id", "FIELD_MISSING")]),
        (pb.WriteImpressionsRequest(recommendation_id="r"), [("positions", "FIELD_MISSING")]),
        (
            pb.WriteImpressionsRequest(recommendation_id="r", positions=[0] * 501),
            [("positions", "TOO_MANY_ELEMENTS")],
        ),
        (
            pb.WriteImpressionsRequest(recommendation_id="r", positions=[499, -1, 500]),
            [("positions[1]", "FIELD_OUT_OF_RANGE"), ("positions[2]", "FIELD_OUT_OF_RANGE")],
        ),
        (
            pb.WriteImpressionsRequest(
                recommendation_id="r", positions=[0], event_time=seconds_from_now(3_600)
            ),
            [("event_time", "TIME_IN_FUTURE")],
        ),
    ],
    ids=["no answer", "no positions", "501 positions", "positions outside", "future"],
)
def test_wrong_impressions_are_named(
    client: RpcClient,
    use_cases: RecordingUseCases,
    request_: pb.WriteImpressionsRequest,
    expected: list[tuple[str, str]],
) -> None:
    assert refusal_of(client.events.WriteImpressions, request_).violations == expected
    assert use_cases.calls == []
