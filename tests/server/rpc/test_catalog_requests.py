from __future__ import annotations

import math
import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from shortlist.v1 import catalog_service_pb2 as pb

from server.handlers.messages import CatalogItem
from server.rpc.conversions.catalog import catalog_item, item_message
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient, refusal_of

WRONG = [
    ("no id", {"item_id": ""}, ("item_id", "FIELD_MISSING")),
    ("long title", {"title": "t" * 1_025}, ("title", "FIELD_TOO_LONG")),
    ("control in title", {"title": "a\x1fb"}, ("title", "INVALID_CHARACTER")),
    ("long category", {"category_id": "c" * 129}, ("category_id", "FIELD_TOO_LONG")),
    ("long brand", {"brand": "ü" * 65}, ("brand", "FIELD_TOO_LONG")),
    ("negative price", {"price": -1.0}, ("price", "FIELD_OUT_OF_RANGE")),
    ("price above", {"price": 1.1e12}, ("price", "FIELD_OUT_OF_RANGE")),
    ("price NaN", {"price": math.nan}, ("price", "FIELD_NOT_FINITE")),
    (
        "added in the future",
        {"added_time": Timestamp(seconds=int(time.time()) + 3_600)},
        ("added_time", "TIME_IN_FUTURE"),
    ),
    ("expired before 1970", {"expire_time": Timestamp(seconds=-5)}, ("expire_time", "FIELD_OUT_OF_RANGE")),
    (
        "expires after 9999",
        {"expire_time": Timestamp(seconds=253_402_300_800)},
        ("expire_time", "FIELD_OUT_OF_RANGE"),
    ),
    ("vector NaN", {"image_embedding": [0.0, math.nan]}, ("image_embedding[1]", "FIELD_NOT_FINITE")),
    ("long vector", {"image_embedding": [0.0] * 4_097}, ("image_embedding", "TOO_MANY_ELEMENTS")),
]


@pytest.mark.parametrize(
    ("changes", "expected"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_one_wrong_item_is_named_and_none_is_changed(
    client: RpcClient, use_cases: RecordingUseCases, changes: dict[str, object], expected: tuple[str, str]
) -> None:
    items = [pb.Item(item_id="good"), pb.Item(**{"item_id": "i", **changes})]  # type: ignore[arg-type]
    refusal = refusal_of(client.catalog.UpsertItems, pb.UpsertItemsRequest(items=items))
    assert refusal.violations == [(f"items[1].{expected[0]}", expected[1])]
    assert use_cases.calls == []


@pytest.mark.parametrize(("count", "reason"), [(0, "FIELD_MISSING"), (1_001, "TOO_MANY_ELEMENTS")])
def test_a_call_changes_1_to_1000_items(
    client: RpcClient, use_cases: RecordingUseCases, count: int, reason: str
) -> None:
    request = pb.UpsertItemsRequest(items=[pb.Item(item_id="i")] * count)
    assert refusal_of(client.catalog.UpsertItems, request).violations == [("items", reason)]
    assert use_cases.calls == []


def test_unset_fields_stay_unchanged_and_zeros_are_values(
    client: RpcClient, use_cases: RecordingUseCases
) -> None:
    items = [
        pb.Item(item_id="a"),
        pb.Item(item_id="b", title="", price=0.0, in_stock=False, promoted=False, hidden=False),
        pb.Item(item_id="c", expire_time=Timestamp()),
    ]
    answer = client.catalog.UpsertItems(pb.UpsertItemsRequest(items=items))
    assert answer.overlay_sequence == 44
    assert use_cases.only_call()[0] == [
        CatalogItem("a"),
        CatalogItem("b", title="", price=0.0, in_stock=False, promoted=False, hidden=False),
        CatalogItem("c", expire_time_s=0),
    ]


def test_expiry_may_lie_in_the_future(client: RpcClient, use_cases: RecordingUseCases) -> None:
    item = pb.Item(item_id="a", expire_time=Timestamp(seconds=4_000_000_000))
    client.catalog.UpsertItems(pb.UpsertItemsRequest(items=[item]))
    assert use_cases.only_call()[0][0].expire_time_s == 4_000_000_000


def test_deleting_tells_what_was_missing(client: RpcClient, use_cases: RecordingUseCases) -> None:
    answer = client.catalog.DeleteItems(pb.DeleteItemsRequest(item_ids=["a", "b"]))
    assert use_cases.only_call() == (("a", "b"),)
    assert list(answer.missing_item_ids) == ["b"]


@pytest.mark.parametrize(
    ("item_ids", "expected"),
    [
        ([], ("item_ids", "FIELD_MISSING")),
        (["a"] * 1_001, ("item_ids", "TOO_MANY_ELEMENTS")),
        (["a", "b\0"], ("item_ids[1]", "INVALID_CHARACTER")),
    ],
    ids=["none", "1,001", "NUL"],
)
def test_wrong_deletions_are_named(
    client: RpcClient, use_cases: RecordingUseCases, item_ids: list[str], expected: tuple[str, str]
) -> None:
    request = pb.DeleteItemsRequest(item_ids=item_ids)
    assert refusal_of(client.catalog.DeleteItems, request).violations == [expected]
    assert use_cases.calls == []


def test_get_item_leaves_unknown_fields_unset(client: RpcClient, use_cases: RecordingUseCases) -> None:
    use_cases.item = CatalogItem("i", title="Lamp", price=0.0, expire_time_s=0)
    item = client.catalog.GetItem(pb.GetItemRequest(item_id="i")).item
    assert {field.name for field, _ in item.ListFields()} == {"item_id", "title", "price"}


def test_get_item_needs_an_id(client: RpcClient) -> None:
    refusal = refusal_of(client.catalog.GetItem, pb.GetItemRequest())
    assert refusal.violations == [("item_id", "FIELD_MISSING")]


TEXT = st.text(max_size=20)
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        CatalogItem,
        item_id=TEXT,
        title=st.none() | TEXT,
        category_id=st.none() | TEXT,
        brand=st.none() | TEXT,
        price=st.none() | st.floats(0, 1e12),
        in_stock=st.none() | st.booleans(),
        promoted=st.none() | st.booleans(),
        hidden=st.none() | st.booleans(),
        added_time_s=st.none() | st.integers(1, 4_000_000_000),
        expire_time_s=st.none() | st.integers(1, 4_000_000_000),
        image_embedding=st.none() | st.lists(FLOAT32, min_size=1, max_size=4).map(tuple),
    )
)
def test_an_item_comes_back_as_it_went(item: CatalogItem) -> None:
    assert catalog_item(item_message(item)) == item
