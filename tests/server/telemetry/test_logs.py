"""Log lines: how often, in which form, and what is not in them."""

from __future__ import annotations

import json
import logging
import sys

from server.errors import StoreUnavailable
from server.telemetry.call import CURRENT, Call
from server.telemetry.logs import JsonFormatter, ProblemLimiter, TextFormatter

CANARY = "canary-user@example.com"


def line(
    template: str = "it broke", *args: object, level: int = logging.ERROR, name: str = "server.part"
) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, template, args, sys.exc_info())


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_problem_is_written_once_a_second_and_then_says_how_many_it_stands_for() -> None:
    clock = Clock()
    limiter = ProblemLimiter(clock=clock)
    assert [limiter.filter(line("stage %s", n)) for n in range(5)] == [True, False, False, False, False]
    clock.now_s = 1.0
    later = line("stage %s", 9)
    assert limiter.filter(later)
    assert TextFormatter().format(later).endswith("stage 9 (and 4 more like it)")
    assert limiter.suppressed == 4


def test_other_problems_and_plain_information_are_not_held_back() -> None:
    limiter = ProblemLimiter(clock=Clock())
    assert limiter.filter(line("one"))
    assert limiter.filter(line("two"))
    assert limiter.filter(line("one", name="server.other"))
    assert all(limiter.filter(line("started", level=logging.INFO)) for _ in range(3))


def test_limiter_remembers_a_bounded_number_of_problems() -> None:
    limiter = ProblemLimiter(clock=Clock())
    for number in range(5_000):
        limiter.filter(line(f"made up {number}"))
    assert len(limiter._seen) <= 1_000


def test_exception_is_told_by_type_and_place_and_not_by_what_it_quotes() -> None:
    for formatter in (TextFormatter(), JsonFormatter()):
        try:
            {}[CANARY]  # type: ignore[misc]
        except KeyError:
            text = formatter.format(line())
        assert "KeyError" in text
        assert "test_logs.py" in text
        assert CANARY not in text


def test_own_errors_are_told_by_their_message_and_causes_by_their_type() -> None:
    try:
        try:
            raise ValueError(CANARY)
        except ValueError as error:
            raise StoreUnavailable("the store does not answer") from error
    except StoreUnavailable:
        text = TextFormatter().format(line())
    assert "StoreUnavailable: the store does not answer" in text
    assert "ValueError" in text
    assert CANARY not in text


def test_json_line_holds_what_a_search_needs() -> None:
    token = CURRENT.set(Call("a/B", 0.0, False, "00-" + "a" * 32 + "-" + "b" * 16 + "-00"))
    try:
        fields = json.loads(JsonFormatter().format(line("worker %d", 3)))
    finally:
        CURRENT.reset(token)
    assert fields["message"] == "worker 3"
    assert fields["level"] == "ERROR"
    assert fields["logger"] == "server.part"
    assert fields["trace_id"] == "a" * 32
    assert fields["time"].endswith("+00:00")
