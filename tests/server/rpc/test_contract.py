from __future__ import annotations

from enum import IntEnum

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from shortlist.v1 import event_types_pb2 as types
from shortlist.v1 import profile_service_pb2 as profile_pb
from shortlist.v1 import recommendation_service_pb2 as pb

from server.features.event_types import DeviceType, EventType, Gender, PageType
from server.handlers.messages import DegradedReason, ReasonKind, ServedBy, SourceKind


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (EventType, types.EventType, "EVENT_TYPE_"),
        (PageType, types.PageType, "PAGE_TYPE_"),
        (DeviceType, types.DeviceType, "DEVICE_TYPE_"),
        (Gender, profile_pb.Gender, "GENDER_"),
        (ServedBy, pb.ServedBy, "SERVED_BY_"),
        (DegradedReason, pb.DegradedReason, "DEGRADED_REASON_"),
        (SourceKind, pb.SourceKind, "SOURCE_KIND_"),
        (ReasonKind, pb.ReasonKind, "REASON_KIND_"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_enums_have_the_same_names_and_numbers_on_both_sides(
    ours: type[IntEnum], theirs: EnumTypeWrapper, prefix: str
) -> None:
    expected = {f"{prefix}UNSPECIFIED": 0} | {prefix + member.name: member.value for member in ours}
    assert dict(theirs.items()) == expected


@pytest.mark.parametrize("name", ["RecommendSimilarResponse", "RankItemsResponse"])
def test_all_ranked_answers_have_the_same_field_numbers(name: str) -> None:
    every = {field.name: field.number for field in pb.RecommendResponse.DESCRIPTOR.fields}
    some = {field.name: field.number for field in getattr(pb, name).DESCRIPTOR.fields}
    assert some.items() <= every.items()
