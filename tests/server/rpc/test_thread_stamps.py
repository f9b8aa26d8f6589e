from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from server.rpc import thread_stamps
from server.rpc.thread_stamps import ThreadStamps


class Now:
    """Stands in for the module's time."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    made = Now()
    monkeypatch.setattr(thread_stamps, "time", made)
    return made


@contextmanager
def running(stamps: ThreadStamps) -> Iterator[Callable[[], None]]:
    """A thread at a call, until the block ends or what it yields is called."""
    begun, let_go = threading.Event(), threading.Event()

    def call() -> None:
        stamps.begin()
        begun.set()
        assert let_go.wait(30)
        stamps.end()

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    assert begun.wait(30)

    def end() -> None:
        let_go.set()
        thread.join(30)

    yield end
    end()


def test_all_threads_at_a_call_for_too_long_are_stuck(now: Now) -> None:
    stamps = ThreadStamps(2, 1.0)
    with running(stamps), running(stamps) as end:
        assert not stamps.all_stuck(False)
        now.now_s += 1.1
        assert stamps.all_stuck(False)
        end()
        assert not stamps.all_stuck(False)


def test_a_thread_that_is_free_or_has_just_begun_is_not_stuck(now: Now) -> None:
    stamps = ThreadStamps(2, 1.0)
    with running(stamps):
        now.now_s += 60
        assert not stamps.all_stuck(False)
        with running(stamps):
            assert not stamps.all_stuck(False)


def test_a_process_that_computes_gets_ten_times_as_long(now: Now) -> None:
    stamps = ThreadStamps(2, 1.0)
    with running(stamps), running(stamps):
        now.now_s += 9
        assert not stamps.all_stuck(True)
        now.now_s += 2
        assert stamps.all_stuck(True)
