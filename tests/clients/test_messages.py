"""The messages of other versions of the contract that every client is tested with."""

from __future__ import annotations

from shortlist.v1 import recommendation_service_pb2 as api

from tests.support.scripted_service import MESSAGES

ITEM = api.RecommendedItem(item_id="item-1", score=0.5, sources=[api.SOURCE_KIND_FRESH])
UNKNOWN_FIELD = bytes.fromhex("c23e036e6577")  # field 1000: "new"
UNKNOWN_SOURCE = bytes.fromhex("120b0a066974656d2d32220163")  # another item, whose source is number 99


def newer() -> bytes:
    """Returns an answer with a field and an enum value that this version does not know."""
    known = api.RecommendResponse(recommendation_id="r-1", items=[ITEM], served_by=api.SERVED_BY_POPULARITY)
    return known.SerializeToString() + UNKNOWN_SOURCE + UNKNOWN_FIELD


def older() -> bytes:
    """Returns an answer of a server that knows nothing but ids."""
    return api.RecommendResponse(recommendation_id="r-1", items=[ITEM]).SerializeToString()


def test_messages_are_what_they_are_said_to_be() -> None:
    assert {"newer": newer().hex(), "older": older().hex()} == MESSAGES


def test_unknown_field_and_value_survive() -> None:
    answer = api.RecommendResponse.FromString(newer())
    assert answer.recommendation_id == "r-1"
    assert [list(item.sources) for item in answer.items] == [[api.SOURCE_KIND_FRESH], [99]]
    assert UNKNOWN_FIELD in answer.SerializeToString()


def test_missing_fields_have_their_defaults() -> None:
    answer = api.RecommendResponse.FromString(older())
    assert (answer.served_by, answer.release_version, answer.degraded) == (0, "", False)
