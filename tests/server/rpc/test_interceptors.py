from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

import grpc
import pytest
from shortlist.v1 import catalog_service_pb2 as catalog_pb
from shortlist.v1 import event_service_pb2 as event_pb
from shortlist.v1 import recommendation_service_pb2 as pb

from server.errors import DeadlineExceeded
from server.rpc.call_deadline import CallDeadline, call_deadline
from server.rpc.interceptors import DeadlineInterceptor
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient, refusal_of

REQUEST = pb.RecommendRequest(user_id="u")


class CallWithTime:
    """The one thing that the deadline interceptor asks a call for."""

    def __init__(self, remaining_s: float | None) -> None:
        self._remaining_s = remaining_s

    def time_remaining(self) -> float | None:
        return self._remaining_s


def deadline_seen(remaining_s: float | None) -> CallDeadline:
    interceptor = DeadlineInterceptor(deadline_ms=80, monotonic_s=lambda: 1_000.0)
    behaviour = interceptor.wrap(lambda request, context: call_deadline())
    return cast("CallDeadline", behaviour(None, cast("grpc.ServicerContext", CallWithTime(remaining_s))))


@pytest.mark.parametrize("remaining_s", [None, 9e9])
def test_without_a_deadline_the_servers_own_holds(remaining_s: float | None) -> None:
    assert deadline_seen(remaining_s) == CallDeadline(1_000.08, 0.08)


@pytest.mark.parametrize("remaining_s", [0.02, 5.0])
def test_the_callers_deadline_holds(remaining_s: float) -> None:
    assert deadline_seen(remaining_s) == CallDeadline(1_000.0 + remaining_s)


def test_a_call_whose_time_is_up_reaches_no_handler() -> None:
    with pytest.raises(DeadlineExceeded):
        deadline_seen(0.0)


def test_each_of_a_batch_has_the_servers_time_but_shares_the_callers() -> None:
    assert [CallDeadline(10.0, 0.08).of_batch_element(n) for n in (0, 1, 2)] == [10.0, 10.08, 10.16]
    assert [CallDeadline(10.0).of_batch_element(n) for n in (0, 1, 2)] == [10.0] * 3


def test_commands_carry_the_deadline(client: RpcClient, use_cases: RecordingUseCases) -> None:
    started_s = time.monotonic()
    client.recommendations.Recommend(REQUEST)
    client.recommendations.Recommend(REQUEST, timeout=1_000)
    (_, (imposed,)), (_, (own,)) = use_cases.calls
    assert started_s + 0.08 <= imposed.deadline_s <= time.monotonic() + 0.08
    # On the wire a timeout has three digits or so, rounded up.
    assert started_s + 1_000 <= own.deadline_s <= time.monotonic() + 1_020


def exclusions(bytes_wanted: int) -> list[str]:
    return ["x" * 126] * (bytes_wanted // 128)  # 126 bytes, a tag and a length


@pytest.mark.parametrize(
    ("call", "request_"),
    [
        (
            lambda client: client.recommendations.Recommend,
            pb.RecommendRequest(user_id="u", excluded_item_ids=exclusions(263_000)),
        ),
        (
            lambda client: client.recommendations.BatchRecommend,
            pb.BatchRecommendRequest(
                requests=[pb.RecommendRequest(user_id="u", excluded_item_ids=exclusions(3_000))] * 90
            ),
        ),
        (lambda client: client.catalog.GetItem, catalog_pb.GetItemRequest(item_id="i" * 263_000)),
    ],
    ids=["Recommend", "BatchRecommend", "GetItem"],
)
def test_reads_above_256_kib_are_refused(
    client: RpcClient,
    use_cases: RecordingUseCases,
    call: Callable[[RpcClient], Callable[..., object]],
    request_: object,
) -> None:
    refusal = refusal_of(call(client), request_)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.violations == [("", "REQUEST_TOO_LARGE")]
    assert refusal.text == "the request is larger than 262144 bytes"
    assert use_cases.calls == []


def test_reads_just_below_256_kib_are_taken(client: RpcClient, use_cases: RecordingUseCases) -> None:
    request = pb.RecommendRequest(user_id="u", excluded_item_ids=exclusions(262_000))
    client.recommendations.Recommend(request)
    assert len(use_cases.calls) == 1


def test_writes_may_be_larger_than_reads(client: RpcClient, use_cases: RecordingUseCases) -> None:
    items = [catalog_pb.Item(item_id=f"i{n}", title="t" * 1_000) for n in range(1_000)]
    client.catalog.UpsertItems(catalog_pb.UpsertItemsRequest(items=items))
    assert len(use_cases.calls) == 1


def test_no_message_is_larger_than_4_mib(client: RpcClient, use_cases: RecordingUseCases) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.events.WriteEvents(
            event_pb.WriteEventsRequest(events=[event_pb.UserEvent(event_id="e" * 5_000_000)])
        )
    # gRPC core refuses this itself, without details: the documented exception to the table.
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert use_cases.calls == []


@pytest.mark.parametrize(
    "raw", [b"\x0a\xff", b"\x0a\x02\xc3\x28", b"\x00" * 10], ids=["truncated", "bad UTF-8", "tag 0"]
)
def test_what_is_no_message_is_the_callers_mistake(
    client: RpcClient, use_cases: RecordingUseCases, raw: bytes
) -> None:
    call: Any = client.channel.unary_unary("/shortlist.v1.RecommendationService/Recommend")
    refusal = refusal_of(call, raw)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.violations == [("", "REQUEST_MALFORMED")]
    assert use_cases.calls == []


def test_an_unknown_method_is_unimplemented(client: RpcClient) -> None:
    call: Any = client.channel.unary_unary("/shortlist.v1.RecommendationService/Predict")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
