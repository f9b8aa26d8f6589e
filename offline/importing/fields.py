"""The fields of events, items and users, in the order in which they are checked.

A row gets the first reason that applies, in this order: EMPTY_LINE, MISSING_USER (events), the mapping's own
reject rules, then each field from top to bottom. So a cancelled invoice without a customer counts as MISSING_USER.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType

from server.features.event_types import DeviceType, EventType, Gender, PageType

ID_BYTES_MAX = 128
TEXT_BYTES_MAX = 4_096


class FieldKind(StrEnum):
    """How a field's text is read."""

    ID = "id"
    TEXT = "text"
    TIME = "time"
    NUMBER = "number"
    INTEGER = "integer"
    ENUM = "enum"
    FLAG = "flag"
    VECTOR = "vector"


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    missing: reason when a row has no value; empty = the default stands. wrong: reason when it cannot be read or
    is out of range. default: what an absent value becomes; None = null.
    minimum, maximum: inclusive. above: exclusive lower bound.
    """

    name: str
    kind: FieldKind
    wrong: str
    missing: str = ""
    default: float | str | None = None
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)


def _numbers(enumeration: type[IntEnum]) -> Mapping[str, int]:
    return MappingProxyType({member.name.lower(): member.value for member in enumeration})


_ID, _TEXT, _TIME = FieldKind.ID, FieldKind.TEXT, FieldKind.TIME
_NUMBER, _INTEGER, _ENUM, _FLAG = FieldKind.NUMBER, FieldKind.INTEGER, FieldKind.ENUM, FieldKind.FLAG
_TOO_LONG = "ID_TOO_LONG"

EVENT_FIELDS: tuple[Field, ...] = (
    Field("item_id", _ID, _TOO_LONG, missing="MISSING_ITEM"),
    Field("event_time", _TIME, "BAD_TIME", missing="BAD_TIME"),
    Field(
        "event_type",
        _ENUM,
        "UNKNOWN_EVENT_TYPE",
        missing="UNKNOWN_EVENT_TYPE",
        numbers=_numbers(EventType),
    ),
    Field("quantity", _NUMBER, "NON_POSITIVE_QUANTITY", default=1.0, above=0),
    Field("price", _NUMBER, "NEGATIVE_PRICE", default=-1.0, minimum=0),
    Field("user_id", _ID, _TOO_LONG, default=""),
    Field("session_id", _ID, _TOO_LONG, default=""),
    Field("event_id", _ID, _TOO_LONG, default=""),
    Field("rating", _NUMBER, "BAD_RATING", default=-1.0, minimum=0, maximum=5),
    Field("dwell_time_ms", _INTEGER, "BAD_DWELL_TIME", default=-1, minimum=0),
    Field("position", _INTEGER, "BAD_POSITION", default=-1, minimum=0, maximum=1_000_000),
    Field("device_type", _ENUM, "UNKNOWN_DEVICE_TYPE", default=0, numbers=_numbers(DeviceType)),
    Field("page_type", _ENUM, "UNKNOWN_PAGE_TYPE", default=0, numbers=_numbers(PageType)),
    Field("platform", _TEXT, "TEXT_TOO_LONG", default=""),
    Field("recommendation_id", _ID, _TOO_LONG, default=""),
    Field("experiment_id", _ID, _TOO_LONG, default=""),
)

ITEM_FIELDS: tuple[Field, ...] = (
    Field("item_id", _ID, _TOO_LONG, missing="MISSING_ITEM"),
    Field("title", _TEXT, "TEXT_TOO_LONG"),
    Field("category", _ID, _TOO_LONG),
    Field("brand", _ID, _TOO_LONG),
    Field("price", _NUMBER, "NEGATIVE_PRICE", minimum=0),
    Field("in_stock", _FLAG, "BAD_FLAG"),
    Field("promoted", _FLAG, "BAD_FLAG"),
    Field("hidden", _FLAG, "BAD_FLAG"),
    Field("added_time", _TIME, "BAD_TIME"),
    Field("expire_time", _TIME, "BAD_TIME"),
    Field("image_embedding", FieldKind.VECTOR, "BAD_VECTOR"),
)

USER_FIELDS: tuple[Field, ...] = (
    Field("user_id", _ID, _TOO_LONG, missing="MISSING_USER"),
    Field("age_bucket", _INTEGER, "BAD_AGE", minimum=0, maximum=7),
    Field("age", _INTEGER, "BAD_AGE", minimum=0, maximum=150),
    Field("gender", _ENUM, "UNKNOWN_GENDER", numbers=_numbers(Gender)),
    Field("location_cluster", _INTEGER, "BAD_LOCATION", minimum=0, maximum=32_767),
)

FIELDS: Mapping[str, tuple[Field, ...]] = MappingProxyType(
    {"events": EVENT_FIELDS, "items": ITEM_FIELDS, "users": USER_FIELDS}
)

AGE_BUCKET_STARTS = (0, 18, 25, 35, 45, 55, 65)
"""First age of buckets 1, 2, ... as declarations.py words them."""


def required_fields(kind: str) -> list[str]:
    """Returns the fields without which no row of this kind can be right."""
    return [f.name for f in FIELDS[kind] if f.missing]
