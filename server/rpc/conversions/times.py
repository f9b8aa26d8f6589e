"""google.protobuf.Timestamp to and from whole numbers."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp


def microseconds(value: Timestamp) -> int:
    """Returns microseconds since 1970, rounded down."""
    return value.seconds * 1_000_000 + value.nanos // 1_000


def timestamp_or_none(seconds: int | None) -> Timestamp | None:
    """Returns the time of epoch seconds; None for None and for 0, which both mean that there is none."""
    return Timestamp(seconds=seconds) if seconds else None
