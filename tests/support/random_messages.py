"""Random protobuf messages of any type, right and wrong ones, and paths into them."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

INT32 = st.sampled_from([0, 1, -1, 5, 200, 2**31 - 1, -(2**31)]) | st.integers(-(2**31), 2**31 - 1)
INT64 = INT32 | st.integers(-(2**63), 2**63 - 1)
TEXT = st.sampled_from(
    ["", "a", "user-1", "x" * 128, "x" * 129, "é" * 64, "é" * 65, "a\0b", "\n", "2026-11-22T18:30:00"]
) | st.text(st.characters(codec="utf-8"), max_size=20)

_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: TEXT,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_INT64: INT64,
    FieldDescriptor.TYPE_ENUM: st.integers(-1, 10) | INT32,
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.TYPE_DOUBLE: st.floats(),
}


def messages(kind: type[Message]) -> st.SearchStrategy[Message]:
    """Returns messages of a type whose fields are unset, usual, at a limit or absurd."""
    return _fields(kind.DESCRIPTOR).map(lambda fields: kind(**fields))


def is_path_into(descriptor: Any, path: str) -> bool:
    """Returns whether a path such as ``events[17].item_id`` names a field, and an element where it has an index."""
    name, index, rest = re.fullmatch(r"(\w+)(\[\d+\])?(?:\.(.+))?", path).groups()  # type: ignore[union-attr]
    field = descriptor.fields_by_name.get(name)
    if field is None or (index is not None and not field.is_repeated):
        return False
    return rest is None or (field.message_type is not None and is_path_into(field.message_type, rest))


def _fields(descriptor: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={field.name: _values(field) for field in descriptor.fields})


def _values(field: Any) -> st.SearchStrategy[Any]:
    one = _fields(field.message_type) if field.message_type is not None else _SCALARS[field.type]
    return st.lists(one, max_size=3) if field.is_repeated else one
