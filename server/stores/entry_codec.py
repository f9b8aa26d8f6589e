"""The stores' entries to bytes and back: JSON, with lists in the order of the dataclasses' fields."""

from __future__ import annotations

import hashlib
from dataclasses import astuple
from enum import IntEnum

import orjson

from server.features.event_types import DeviceType, EventType, PageType
from server.features.user_event import UserEvent
from server.stores.protocols import ItemChange, LoggedRecommendation, SessionLink

KEY_BYTES_MAX = 400
_DIGEST_BYTES = 16


class QueueKind(IntEnum):
    """The first byte of a queued entry. On disk: append, never renumber."""

    EVENT = 1
    LINK = 2
    ERASURE = 3


def digest(text: str) -> bytes:
    """Returns 16 bytes that stand for an id of any length and hold nothing that a person could read."""
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()


def text_key(text: str) -> bytes:
    """Returns a key within LMDB's limit: the text itself, or a beginning and its digest when it is long."""
    encoded = text.encode()
    if len(encoded) <= KEY_BYTES_MAX:
        return encoded
    return encoded[: KEY_BYTES_MAX - _DIGEST_BYTES] + digest(text)


def number_key(number: int) -> bytes:
    """Returns a key that sorts like the number, which is 0 or more."""
    return number.to_bytes(8, "big")


def pack_queued_event(owner_key: str, event: UserEvent) -> bytes:
    """Returns a queued event; owner_key: the record that it belongs to."""
    return bytes((QueueKind.EVENT,)) + digest(owner_key) + orjson.dumps(astuple(event))


def pack_queued_link(link: SessionLink) -> bytes:
    """Returns a queued session link, owned by its user."""
    return bytes((QueueKind.LINK,)) + digest(f"u:{link.user_id}") + orjson.dumps(astuple(link))


def pack_queued_erasure(user_id: str, time_us: int) -> bytes:
    """Returns a queued erasure. It is owned by nobody: a later erasure must not remove it."""
    return bytes((QueueKind.ERASURE,)) + bytes(_DIGEST_BYTES) + orjson.dumps((user_id, time_us))


def queued_kind(content: bytes) -> QueueKind:
    """Returns what a queued entry is."""
    return QueueKind(content[0])


def queued_owner(content: bytes) -> bytes:
    """Returns the digest of the storage key that a queued entry belongs to."""
    return content[1 : 1 + _DIGEST_BYTES]


def unpack_queued_event(content: bytes) -> UserEvent:
    """Returns the event of a queued entry."""
    values = orjson.loads(content[1 + _DIGEST_BYTES :])
    values[4], values[6], values[8] = EventType(values[4]), DeviceType(values[6]), PageType(values[8])
    return UserEvent(*values)


def unpack_queued_link(content: bytes) -> SessionLink:
    """Returns the link of a queued entry."""
    return SessionLink(*orjson.loads(content[1 + _DIGEST_BYTES :]))


def unpack_queued_erasure(content: bytes) -> tuple[str, int]:
    """Returns the user and the time of a queued erasure."""
    user_id, time_us = orjson.loads(content[1 + _DIGEST_BYTES :])
    return user_id, time_us


def pack_change(item_id: str, deleted: bool, patch: dict[str, object]) -> bytes:
    """Returns an overlay entry without its number, which is its key."""
    return orjson.dumps((item_id, deleted, patch))


def unpack_change(sequence: int, content: bytes) -> ItemChange:
    """Returns an overlay entry."""
    item_id, deleted, patch = orjson.loads(content)
    return ItemChange(sequence, item_id, deleted, patch)


def pack_recommendation(entry: LoggedRecommendation) -> bytes:
    """Returns a logged recommendation as one JSON object."""
    return orjson.dumps(entry, option=orjson.OPT_SERIALIZE_NUMPY)


def unpack_recommendation(content: bytes) -> LoggedRecommendation:
    """Returns a logged recommendation."""
    values = orjson.loads(content)
    for name in ("item_ids", "scores", "source_bits", "propensities"):
        values[name] = tuple(values.get(name, ()))
    return LoggedRecommendation(**values)
