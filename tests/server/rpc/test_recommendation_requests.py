from __future__ import annotations

import time

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.event_types_pb2 import DEVICE_TYPE_MOBILE, EVENT_TYPE_CLICK, PAGE_TYPE_CART

from server.features.event_types import DeviceType, EventType, PageType
from server.handlers.messages import RankCommand, RecommendCommand, RequestContext, SessionEvent
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient, refusal_of

CLICK = pb.SessionEvent(item_id="i", event_type=EVENT_TYPE_CLICK, event_time=Timestamp(seconds=1_000))
FUTURE = Timestamp(seconds=int(time.time()) + 3_600)


def recommend_request(**fields: object) -> pb.RecommendRequest:
    return pb.RecommendRequest(**{"user_id": "u", **fields})  # type: ignore[arg-type]


def without_deadline(command: RecommendCommand | RankCommand) -> dict[str, object]:
    return {
        name: getattr(command, name) for name in type(command).__dataclass_fields__ if name != "deadline_s"
    }


WRONG = [
    ("no one", {"user_id": ""}, [("user_id", "FIELD_MISSING")]),
    ("long user", {"user_id": "u" * 129}, [("user_id", "FIELD_TOO_LONG")]),
    ("long in bytes", {"user_id": "é" * 65}, [("user_id", "FIELD_TOO_LONG")]),
    ("NUL in user", {"user_id": "u\0"}, [("user_id", "INVALID_CHARACTER")]),
    ("C1 control", {"session_id": "s\x85"}, [("session_id", "INVALID_CHARACTER")]),
    ("long session", {"session_id": "s" * 129}, [("session_id", "FIELD_TOO_LONG")]),
    ("negative count", {"num_items": -1}, [("num_items", "FIELD_OUT_OF_RANGE")]),
    ("unknown page", {"page_type": 99}, [("page_type", "UNKNOWN_ENUM_VALUE")]),
    ("negative page", {"page_type": -1}, [("page_type", "UNKNOWN_ENUM_VALUE")]),
    ("long scenario", {"scenario": "x" * 129}, [("scenario", "FIELD_TOO_LONG")]),
    ("empty context", {"context_item_ids": ["a", ""]}, [("context_item_ids[1]", "FIELD_MISSING")]),
    ("51 contexts", {"context_item_ids": ["a"] * 51}, [("context_item_ids", "TOO_MANY_ELEMENTS")]),
    (
        "10,001 exclusions",
        {"excluded_item_ids": ["a"] * 10_001},
        [("excluded_item_ids", "TOO_MANY_ELEMENTS")],
    ),
    (
        "bad exclusions",
        {"excluded_item_ids": ["a", "", "b" * 129, "c\n"]},
        [
            ("excluded_item_ids[1]", "FIELD_MISSING"),
            ("excluded_item_ids[2]", "FIELD_TOO_LONG"),
            ("excluded_item_ids[3]", "INVALID_CHARACTER"),
        ],
    ),
    ("21 categories", {"category_ids": ["c"] * 21}, [("category_ids", "TOO_MANY_ELEMENTS")]),
    ("empty category", {"category_ids": [""]}, [("category_ids[0]", "FIELD_MISSING")]),
    (
        "unknown device",
        {"context": pb.RequestContext(device_type=9)},  # type: ignore[arg-type]
        [("context.device_type", "UNKNOWN_ENUM_VALUE")],
    ),
    (
        "long platform",
        {"context": pb.RequestContext(platform="p" * 129)},
        [("context.platform", "FIELD_TOO_LONG")],
    ),
    (
        "zone in local time",
        {"context": pb.RequestContext(local_time="2026-11-22T18:30:00Z")},
        [("context.local_time", "FIELD_MALFORMED")],
    ),
    ("101 session events", {"session_events": [CLICK] * 101}, [("session_events", "TOO_MANY_ELEMENTS")]),
    (
        "empty session event",
        {"session_events": [CLICK, pb.SessionEvent()]},
        [
            ("session_events[1].item_id", "FIELD_MISSING"),
            ("session_events[1].event_type", "FIELD_MISSING"),
            ("session_events[1].event_time", "FIELD_MISSING"),
        ],
    ),
    (
        "wrong session event",
        {"session_events": [pb.SessionEvent(item_id="i", event_type=77, event_time=FUTURE)]},  # type: ignore[arg-type]
        [
            ("session_events[0].event_type", "UNKNOWN_ENUM_VALUE"),
            ("session_events[0].event_time", "TIME_IN_FUTURE"),
        ],
    ),
]


@pytest.mark.parametrize(
    ("fields", "expected"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_wrong_recommend_requests_name_each_field_and_reach_no_handler(
    client: RpcClient,
    use_cases: RecordingUseCases,
    fields: dict[str, object],
    expected: list[tuple[str, str]],
) -> None:
    refusal = refusal_of(client.recommendations.Recommend, recommend_request(**fields))
    assert (refusal.code, refusal.violations) == (grpc.StatusCode.INVALID_ARGUMENT, expected)
    assert refusal.info.reason == expected[0][1]
    assert use_cases.calls == []


@pytest.mark.parametrize(("asked", "wanted"), [(0, 20), (1, 1), (200, 200), (201, 200), (2**31 - 1, 200)])
def test_num_items_has_a_default_and_is_cut_to_its_maximum(
    client: RpcClient, use_cases: RecordingUseCases, asked: int, wanted: int
) -> None:
    client.recommendations.Recommend(recommend_request(num_items=asked))
    assert use_cases.only_call()[0].num_items == wanted


def test_requests_at_every_limit_are_taken(client: RpcClient, use_cases: RecordingUseCases) -> None:
    request = recommend_request(
        user_id="é" * 64,
        context_item_ids=["a" * 128] * 50,
        excluded_item_ids=["e"] * 10_000,
        category_ids=["c"] * 20,
        session_events=[CLICK] * 100,
    )
    client.recommendations.Recommend(request)
    assert len(use_cases.only_call()[0].excluded_item_ids) == 10_000


def test_a_small_request_becomes_a_command_with_defaults(
    client: RpcClient, use_cases: RecordingUseCases
) -> None:
    client.recommendations.Recommend(pb.RecommendRequest(session_id="s"))
    (command,) = use_cases.only_call()
    assert without_deadline(command) == without_deadline(RecommendCommand(session_id="s"))


def test_every_field_of_a_request_reaches_the_command(
    client: RpcClient, use_cases: RecordingUseCases
) -> None:
    client.recommendations.Recommend(
        pb.RecommendRequest(
            user_id="u",
            session_id="s",
            session_events=[CLICK],
            page_type=PAGE_TYPE_CART,
            scenario="basket",
            context_item_ids=["c1", "c2"],
            num_items=7,
            excluded_item_ids=["x"],
            category_ids=["shoes"],
            context=pb.RequestContext(
                device_type=DEVICE_TYPE_MOBILE, platform="ios", local_time="2026-11-22T18:30:00"
            ),
            explain=True,
        )
    )
    (command,) = use_cases.only_call()
    assert without_deadline(command) == without_deadline(
        RecommendCommand(
            user_id="u",
            session_id="s",
            session_events=(SessionEvent("i", EventType.CLICK, 1_000),),
            page_type=PageType.CART,
            scenario="basket",
            context_item_ids=("c1", "c2"),
            num_items=7,
            excluded_item_ids=("x",),
            category_ids=("shoes",),
            context=RequestContext(DeviceType.MOBILE, "ios", local_hour=18, local_weekday=6),
            explain=True,
        )
    )


def test_similar_needs_no_user_and_stands_on_the_item_page(
    client: RpcClient, use_cases: RecordingUseCases
) -> None:
    client.recommendations.RecommendSimilar(pb.RecommendSimilarRequest(item_id="i9", num_items=3))
    item_id, command = use_cases.only_call()
    assert item_id == "i9"
    assert without_deadline(command) == without_deadline(
        RecommendCommand(page_type=PageType.ITEM_DETAIL, num_items=3)
    )


def test_similar_names_what_is_wrong(client: RpcClient, use_cases: RecordingUseCases) -> None:
    request = pb.RecommendSimilarRequest(user_id="u\n", session_id="s" * 129, num_items=-5)
    refusal = refusal_of(client.recommendations.RecommendSimilar, request)
    assert refusal.violations == [
        ("item_id", "FIELD_MISSING"),
        ("user_id", "INVALID_CHARACTER"),
        ("session_id", "FIELD_TOO_LONG"),
        ("num_items", "FIELD_OUT_OF_RANGE"),
    ]
    assert use_cases.calls == []


def test_rank_keeps_the_callers_order(client: RpcClient, use_cases: RecordingUseCases) -> None:
    client.recommendations.RankItems(pb.RankItemsRequest(item_ids=["b", "a"], user_id="u", explain=True))
    (command,) = use_cases.only_call()
    assert without_deadline(command) == without_deadline(
        RankCommand(item_ids=("b", "a"), user_id="u", explain=True)
    )


@pytest.mark.parametrize(
    ("item_ids", "expected"),
    [
        ([], ("item_ids", "FIELD_MISSING")),
        ([f"i{n}" for n in range(501)], ("item_ids", "TOO_MANY_ELEMENTS")),
        (["a", "b", "a"], ("item_ids[2]", "DUPLICATE_ELEMENT")),
        (["a", ""], ("item_ids[1]", "FIELD_MISSING")),
    ],
    ids=["none", "501", "twice", "empty"],
)
def test_rank_takes_1_to_500_different_items(
    client: RpcClient, use_cases: RecordingUseCases, item_ids: list[str], expected: tuple[str, str]
) -> None:
    request = pb.RankItemsRequest(item_ids=item_ids, user_id="u")
    assert refusal_of(client.recommendations.RankItems, request).violations == [expected]
    assert use_cases.calls == []


def test_rank_needs_someone_to_rank_for(client: RpcClient) -> None:
    refusal = refusal_of(client.recommendations.RankItems, pb.RankItemsRequest(item_ids=["a"]))
    assert refusal.violations == [("user_id", "FIELD_MISSING")]


def test_one_wrong_request_fails_the_whole_batch(client: RpcClient, use_cases: RecordingUseCases) -> None:
    requests = [recommend_request() for _ in range(5)]
    requests[3].user_id = ""
    requests[4].excluded_item_ids.append("")
    refusal = refusal_of(client.recommendations.BatchRecommend, pb.BatchRecommendRequest(requests=requests))
    assert refusal.violations == [
        ("requests[3].user_id", "FIELD_MISSING"),
        ("requests[4].excluded_item_ids[0]", "FIELD_MISSING"),
    ]
    assert use_cases.calls == []


@pytest.mark.parametrize(("count", "reason"), [(0, "FIELD_MISSING"), (101, "TOO_MANY_ELEMENTS")])
def test_a_batch_has_1_to_100_requests(
    client: RpcClient, use_cases: RecordingUseCases, count: int, reason: str
) -> None:
    batch = pb.BatchRecommendRequest(requests=[recommend_request()] * count)
    assert refusal_of(client.recommendations.BatchRecommend, batch).violations == [("requests", reason)]
    assert use_cases.calls == []


def test_a_batch_asks_and_answers_in_order(client: RpcClient, use_cases: RecordingUseCases) -> None:
    requests = [recommend_request(user_id=f"u{n}") for n in range(100)]
    answer = client.recommendations.BatchRecommend(pb.BatchRecommendRequest(requests=requests))
    (commands,) = use_cases.only_call()
    assert [command.user_id for command in commands] == [f"u{n}" for n in range(100)]
    assert len(answer.responses) == 100
