"""Checks of single fields: the rules that all requests share, and the reasons they give.

FIELD_MISSING FIELD_TOO_LONG FIELD_OUT_OF_RANGE FIELD_NOT_FINITE FIELD_MALFORMED INVALID_CHARACTER
UNKNOWN_ENUM_VALUE TOO_MANY_ELEMENTS DUPLICATE_ELEMENT TIME_IN_FUTURE

A description states the rule, never the value, so that it holds no user data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from enum import IntEnum

from google.protobuf.timestamp_pb2 import Timestamp

from server.errors import FieldViolation, InvalidRequest
from server.handlers.messages import ID_BYTES_MAX

PRICE_MAX = 1e12
TIMESTAMP_SECONDS_MAX = (
    253_402_300_799  # 9999-12-31T23:59:59Z, the largest that google.protobuf.Timestamp allows
)

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Violations:
    """Collects everything that is wrong with a request, in the order in which it is found."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, field: str, reason: str, description: str) -> None:
        """Adds one."""
        self._found.append(FieldViolation(field, reason, description))

    def raise_if_any(self) -> None:
        """Raises InvalidRequest with all of them, if there are any."""
        if self._found:
            raise InvalidRequest(self._found)


def check_id(violations: Violations, field: str, value: str) -> None:
    """A required id: 1 to ID_BYTES_MAX bytes of UTF-8 without control characters."""
    if not value:
        violations.add(field, "FIELD_MISSING", "is required")
    else:
        check_text(violations, field, value)


def check_text(violations: Violations, field: str, value: str, bytes_max: int = ID_BYTES_MAX) -> None:
    """A text that may be empty: up to bytes_max bytes of UTF-8 without control characters."""
    if len(value) > bytes_max or (not value.isascii() and len(value.encode()) > bytes_max):
        violations.add(field, "FIELD_TOO_LONG", f"is longer than {bytes_max} bytes")
    if _CONTROL_CHARACTER.search(value):
        violations.add(field, "INVALID_CHARACTER", "holds a control character")


def check_ids(violations: Violations, field: str, values: Sequence[str], count_max: int) -> None:
    """A list of 0 to count_max ids. Above the limit the ids themselves are not looked at."""
    if not values or not check_count(violations, field, len(values), count_max) or _are_plain_ids(values):
        return
    for index, value in enumerate(values):
        check_id(violations, f"{field}[{index}]", value)


def check_required_ids(violations: Violations, field: str, values: Sequence[str], count_max: int) -> None:
    """A list of 1 to count_max ids."""
    if not values:
        violations.add(field, "FIELD_MISSING", "needs at least one element")
    check_ids(violations, field, values, count_max)


def check_distinct(violations: Violations, field: str, values: Sequence[str]) -> None:
    """A list in which no value comes twice; names the second of two."""
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            violations.add(f"{field}[{index}]", "DUPLICATE_ELEMENT", "comes twice")
        seen.add(value)


def check_count(violations: Violations, field: str, count: int, count_max: int) -> bool:
    """A number of elements, at most count_max. Returns whether it holds."""
    if count > count_max:
        violations.add(field, "TOO_MANY_ELEMENTS", f"has more than {count_max} elements")
    return count <= count_max


def check_enum(violations: Violations, field: str, value: int, known: type[IntEnum]) -> None:
    """An enum that may be unset. proto3 lets any number through, so unknown ones are refused here."""
    if value and value not in known._value2member_map_:
        violations.add(field, "UNKNOWN_ENUM_VALUE", f"is not a known {known.__name__}")


def check_required_enum(violations: Violations, field: str, value: int, known: type[IntEnum]) -> None:
    """An enum that must be set."""
    if not value:
        violations.add(field, "FIELD_MISSING", "is required")
    check_enum(violations, field, value, known)


def check_number(violations: Violations, field: str, value: float, lowest: float, largest: float) -> None:
    """A finite number in [lowest, largest]."""
    if not math.isfinite(value):
        violations.add(field, "FIELD_NOT_FINITE", "is not a finite number")
    elif not lowest <= value <= largest:
        violations.add(field, "FIELD_OUT_OF_RANGE", f"is not between {lowest:,.16g} and {largest:,.16g}")


def check_past_time(violations: Violations, field: str, value: Timestamp, latest_s: float) -> None:
    """A time from 1970 to latest_s (epoch seconds)."""
    if not _is_timestamp(value):
        violations.add(field, "FIELD_OUT_OF_RANGE", "is before 1970 or no valid timestamp")
    elif value.seconds + value.nanos * 1e-9 > latest_s:
        violations.add(field, "TIME_IN_FUTURE", "lies further in the future than clocks may differ")


def check_time(violations: Violations, field: str, value: Timestamp) -> None:
    """A time from 1970 on."""
    if not _is_timestamp(value) or value.seconds > TIMESTAMP_SECONDS_MAX:
        violations.add(field, "FIELD_OUT_OF_RANGE", "is before 1970 or no valid timestamp")


def check_someone(violations: Violations, prefix: str, user_id: str, session_id: str) -> None:
    """At least one of user_id and session_id, and both of them ids where given."""
    if not user_id and not session_id:
        violations.add(f"{prefix}user_id", "FIELD_MISSING", "is required where there is no session_id")
    check_text(violations, f"{prefix}user_id", user_id)
    check_text(violations, f"{prefix}session_id", session_id)


def _is_timestamp(value: Timestamp) -> bool:
    return value.seconds >= 0 and 0 <= value.nanos <= 999_999_999


def _are_plain_ids(values: Sequence[str]) -> bool:
    # 10,000 exclusions are common and nearly always plain ASCII: three passes in C settle them.
    joined = "".join(values)
    return joined.isascii() and joined.isprintable() and all(values) and max(map(len, values)) <= ID_BYTES_MAX
