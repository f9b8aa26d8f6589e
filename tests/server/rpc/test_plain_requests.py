"""A plain request means the same by either way of reading it."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from shortlist.v1 import recommendation_service_pb2 as pb

from server.rpc.conversions.recommendations import (
    PlainRequest,
    decode_recommend,
    plain_command,
    recommend_command,
)
from server.rpc.validation.field_checks import Violations
from server.rpc.validation.recommendations import check_recommend


@given(st.text(max_size=140), st.integers(0, 9), st.integers(-3, 300), st.booleans())
def test_what_is_plain_passes_the_checks_and_gives_the_same_command(
    user_id: str, page_type: int, num_items: int, explain: bool
) -> None:
    request = pb.RecommendRequest(user_id=user_id, page_type=page_type, num_items=num_items, explain=explain)  # type: ignore[arg-type]
    read = decode_recommend(request.SerializeToString())
    if not isinstance(read, PlainRequest):
        assert read == request
        return
    check_recommend(violations := Violations(), request, 0.0, "")
    violations.raise_if_any()
    assert plain_command(read, 7.0) == recommend_command(request, 7.0)


def test_the_usual_request_is_plain() -> None:
    request = pb.RecommendRequest(
        user_id="user-00012345", page_type=pb.RecommendRequest().page_type, num_items=20
    )
    assert isinstance(decode_recommend(request.SerializeToString()), PlainRequest)


@pytest.mark.parametrize(
    "request_", [pb.RecommendRequest(session_id="s"), pb.RecommendRequest(user_id="ü"), pb.RecommendRequest()]
)
def test_any_other_is_read_as_a_message(request_: pb.RecommendRequest) -> None:
    assert decode_recommend(request_.SerializeToString()) == request_


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(DecodeError):
        decode_recommend(b"\x0a\x05ab")
