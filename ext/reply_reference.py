"""The twins of the kernels that read requests and write replies; see ext.reference."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
RelatingList = tuple[int, Rows, Rows]


_USER_ID, _PAGE_TYPE, _NUM_ITEMS = 1 << 3 | 2, 4 << 3, 7 << 3


def read_plain_request(raw: bytes, id_bytes_max: int) -> tuple[str, int, int] | None:
    """Returns (user_id, page_type, num_items) of a RecommendRequest in protobuf's wire format, if it is a plain one.

    Plain: no other field is there, the user's id is 1 to id_bytes_max bytes of printable ASCII and shorter than 128, the
    numbers, 0 where they are not there, are below 128. None for all others, be they valid or not.
    """
    user_id, numbers = b"", {_PAGE_TYPE: 0, _NUM_ITEMS: 0}
    while raw:
        if len(raw) < 2 or raw[1] >= 0x80 or raw[0] not in (_USER_ID, *numbers):
            return None
        if raw[0] == _USER_ID:
            user_id, rest = raw[2 : 2 + raw[1]], raw[2 + raw[1] :]
            if (
                len(user_id) != raw[1]
                or len(user_id) > id_bytes_max
                or any(not 0x20 <= c <= 0x7E for c in user_id)
            ):
                return None
            raw = rest
        else:
            numbers[raw[0]] = raw[1]
            raw = raw[2:]
    return (user_id.decode("ascii"), *numbers.values()) if user_id else None  # type: ignore[return-value]


def decode_ids(rows: Rows, text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> list[str]:
    """Returns the text of each row: UTF-8 from offsets[row] to offsets[row + 1]; that of row -1 is empty.

    Raises IndexError for a row or an offset that is not there.
    """
    if len(rows) and not (rows.min() >= -1 and rows.max() < len(offsets) - 1):
        raise IndexError(f"a row lies outside -1 to {len(offsets) - 2}")
    starts, stops = (np.where(rows < 0, 0, offsets[rows + place]) for place in (0, 1))
    if np.any((starts < 0) | (stops < starts) | (stops > len(text))):
        raise IndexError("an offset lies outside the text")
    return [text[start:stop].tobytes().decode() for start, stop in zip(starts, stops, strict=True)]


def find_reasons(
    rows: Rows,
    nominated: NDArray[np.uint32],
    sources_of: NDArray[np.uint32],
    reason_of: NDArray[np.uint8],
    first: RelatingList,
    second: RelatingList,
    category_kind: int,
    category: Rows,
) -> tuple[NDArray[np.uint32], NDArray[np.uint8], Rows, Rows]:
    """Returns (source_bits uint32[n], reason_kinds uint8[n], related_rows int32[n], categories int32[n]) of a list's items.

    nominated: which sources proposed each row; sources_of and reason_of have an entry for each such pattern, else IndexError.
    first, second: a kind of reason that names what led to an item, with the rows of that source's list and what led to each;
    the first entry of a row counts. category_kind: the kind of reason that names the item's category. -1 = names none.
    """
    if len(rows) != len(nominated) or len(sources_of) != len(reason_of):
        raise ValueError("rows and nominated, or sources_of and reason_of, differ in length")
    if any(len(found) != len(because) for _, found, because in (first, second)):
        raise ValueError("a list's rows and because differ in length")
    if len(rows) and not (rows.min() >= 0 and rows.max() < len(category)):
        raise IndexError(f"a row lies outside 0 to {len(category) - 1}")
    source_bits, kinds = sources_of[nominated], reason_of[nominated]
    related = np.full(len(rows), -1, np.int32)
    for kind, found, because in (second, first):
        of_kind = np.flatnonzero(kinds == kind)
        listed, place = np.unique(found, return_index=True)
        at = np.minimum(np.searchsorted(listed, rows[of_kind]), max(len(listed) - 1, 0))
        related[of_kind] = -1
        if len(listed):
            related[of_kind] = np.where(listed[at] == rows[of_kind], because[place[at]], np.int32(-1))
    named = (kinds == category_kind) & (kinds != first[0]) & (kinds != second[0])
    return source_bits, kinds, related, np.where(named, category[rows], np.int32(-1))


def encode_items(
    item_ids: list[str],
    scores: NDArray[np.float32],
    sources: NDArray[np.uint32],
    reason_kinds: NDArray[np.uint8],
    related_item_ids: list[str],
    category_ids: list[str],
) -> bytes:
    """Returns the items of a reply as field 2 of its message, RecommendedItem each, in protobuf's wire format.

    sources: bit n set = source number n. reason_kinds: 0 = no reason. Positions count from 0. Fields that have
    their default are left out. Source: protobuf.dev/programming-guides/encoding.
    """
    columns = (scores, sources, reason_kinds, related_item_ids, category_ids)
    if any(len(column) != len(item_ids) for column in columns):
        raise ValueError("the columns differ in length")
    out = b""
    for position, item_id in enumerate(item_ids):
        numbers = bytes(number for number in range(32) if int(sources[position]) >> number & 1)
        item = _text(1, item_id.encode())
        item += b"\x15" + struct.pack("<f", scores[position]) if scores[position] != 0 else b""
        item += _number(3, position) + _text(4, numbers)
        if reason_kinds[position]:
            reason = _number(1, int(reason_kinds[position]))
            reason += _text(2, related_item_ids[position].encode()) + _text(
                3, category_ids[position].encode()
            )
            item += _text(5, reason)
        out += b"\x12" + _varint(len(item)) + item
    return out


def _varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _number(field: int, value: int) -> bytes:
    return bytes([field << 3]) + _varint(value) if value else b""


def _text(field: int, value: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(value)) + value if value else b""
