from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.errors import FieldViolation, InvalidRequest
from server.rpc.local_time import parse_local_time
from server.rpc.validation.field_checks import Violations, check_id, check_ids

ID = st.text(st.characters(codec="utf-8"), max_size=5) | st.sampled_from(
    ["x" * 128, "x" * 129, "é" * 64, "é" * 65, "a\x7fb", "a b"]
)


def found(violations: Violations) -> tuple[FieldViolation, ...]:
    try:
        violations.raise_if_any()
    except InvalidRequest as error:
        return error.violations
    return ()


@given(st.lists(ID, max_size=6))
@example(["x" * 128, "plain"])
@example(["a\x85b"])
def test_a_list_is_checked_as_each_of_its_ids_is(ids: list[str]) -> None:
    together, one_by_one = Violations(), Violations()
    check_ids(together, "ids", ids, count_max=6)
    for index, one in enumerate(ids):
        check_id(one_by_one, f"ids[{index}]", one)
    assert found(together) == found(one_by_one)


@pytest.mark.parametrize(
    ("text", "hour", "weekday"),
    [
        ("2026-11-22T18:30:00", 18, 6),
        ("2026-11-23T00:00", 0, 0),
        ("2026-11-27T23:59:59.999", 23, 4),
        ("2024-02-29T12:00:00.123456789", 12, 3),
    ],
)
def test_a_local_time_gives_hour_and_weekday(text: str, hour: int, weekday: int) -> None:
    moment = parse_local_time(text)
    assert moment is not None
    assert (moment.hour, moment.weekday(), moment.tzinfo) == (hour, weekday, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22 18:30:00",
        "2026-11-22T18:30:00Z",
        "2026-11-22T18:30:00+02:00",
        "2026-11-22T18",
        "2026-11-22T24:30:00",
        "2026-02-30T18:30:00",
        "0000-01-01T00:00:00",
        "20261122T183000",
        "2026-W47-7T18:30:00",
        "2026-11-22T18:30:00\n",
        "٢٠٢٦-11-22T18:30:00",
    ],
)
def test_other_forms_of_time_are_refused(text: str) -> None:
    assert parse_local_time(text) is None
