"""T20: calls that are too large, too many or malformed are refused with the right code, and the next one is answered."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from shortlist.v1 import catalog_service_pb2 as catalog_pb
from shortlist.v1 import recommendation_service_pb2 as pb

from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient, refusal_of

METHOD = "/shortlist.v1.RecommendationService/Recommend"
BOMB_BYTES = 64 << 20


def code_of(client: RpcClient, request: bytes, **options: Any) -> grpc.StatusCode:
    call: Any = client.channel.unary_unary(METHOD)
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=20, **options)
    code: grpc.StatusCode = caught.value.code()
    return code


def test_five_mebibytes_are_refused_by_grpc_itself(client: RpcClient, use_cases: RecordingUseCases) -> None:
    assert code_of(client, b"\0" * (5 << 20)) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert use_cases.calls == []


def test_a_gzip_bomb_is_not_blown_up(client: RpcClient, use_cases: RecordingUseCases) -> None:
    bomb = b"\0" * BOMB_BYTES
    assert code_of(client, bomb, compression=grpc.Compression.Gzip) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert use_cases.calls == []


def test_twenty_kibibytes_of_metadata_are_refused(client: RpcClient, use_cases: RecordingUseCases) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.recommendations.Recommend(
            pb.RecommendRequest(user_id="u"), timeout=20, metadata=[("x-large", "x" * 20_480)]
        )
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert use_cases.calls == []


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("request_", "field", "reason"),
    [
        (
            pb.RecommendRequest(user_id="u", excluded_item_ids=["i"] * 10_001),
            "excluded_item_ids",
            "TOO_MANY_ELEMENTS",
        ),
        (pb.RecommendRequest(user_id="u" * 250_000), "user_id", "FIELD_TOO_LONG"),
        (pb.RecommendRequest(user_id="u", num_items=-1), "num_items", "FIELD_OUT_OF_RANGE"),
    ],
    ids=["10,001 ids", "a string of 250 KB", "negative k"],
)
def test_what_fits_into_a_message_and_not_into_the_contract_names_its_field(
    client: RpcClient, use_cases: RecordingUseCases, request_: pb.RecommendRequest, field: str, reason: str
) -> None:
    refusal = refusal_of(client.recommendations.Recommend, request_, timeout=20)
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.violations == [(field, reason)]
    assert use_cases.calls == []
    # Nothing of what the caller sent comes back.
    assert "uuuu" not in refusal.text


def test_a_string_of_a_megabyte_is_refused_before_it_is_decoded(
    client: RpcClient, use_cases: RecordingUseCases
) -> None:
    refusal = refusal_of(
        client.recommendations.Recommend, pb.RecommendRequest(user_id="u" * 1_000_000), timeout=20
    )
    assert refusal.violations == [("", "REQUEST_TOO_LARGE")]


def test_the_largest_number_of_items_is_cut_to_the_limit(
    client: RpcClient, use_cases: RecordingUseCases
) -> None:
    client.recommendations.Recommend(pb.RecommendRequest(user_id="u", num_items=2**31 - 1), timeout=20)
    (command,) = use_cases.only_call()
    assert command.num_items == 200


def test_a_number_of_items_that_is_no_32_bits_is_another_number_or_refused(
    client: RpcClient, use_cases: RecordingUseCases
) -> None:
    # Varints wrap in protobuf: 2**31 arrives as a negative number, and is refused as one.
    field = pb.RecommendRequest.DESCRIPTOR.fields_by_name["num_items"].number
    varint = b"\x80\x80\x80\x80\x08"
    call: Any = client.channel.unary_unary(METHOD)
    refusal = refusal_of(call, b"\x0a\x01u" + bytes([field << 3]) + varint, timeout=20)
    assert refusal.violations == [("num_items", "FIELD_OUT_OF_RANGE")]


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_numbers_that_are_not_finite_are_refused(
    client: RpcClient, use_cases: RecordingUseCases, value: float
) -> None:
    request = catalog_pb.UpsertItemsRequest(items=[catalog_pb.Item(item_id="i", price=value)])
    refusal = refusal_of(client.catalog.UpsertItems, request, timeout=20)
    assert refusal.violations == [("items[0].price", "FIELD_NOT_FINITE")]
    assert use_cases.calls == []


def test_the_next_call_is_answered(client: RpcClient) -> None:
    code_of(client, b"\0" * (5 << 20))
    assert (
        client.recommendations.Recommend(pb.RecommendRequest(user_id="u"), timeout=20).recommendation_id
        == "r1"
    )
