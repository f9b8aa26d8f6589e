"""The threads of the server's calls."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from server.rpc.call_threads import CallThreads, PendingCall
from tests.support.waiting import wait_until


@pytest.fixture
def threads() -> Iterator[CallThreads]:
    made = CallThreads(1, "test")
    yield made
    made.shutdown(wait=False, cancel_futures=True)


def test_what_runs_and_what_waits_is_counted(threads: CallThreads) -> None:
    release = threading.Event()
    calls = [threads.submit(release.wait, 10) for _ in range(3)]
    wait_until(lambda: threads.pending == 3)
    release.set()
    wait_until(lambda: threads.pending == 0)
    assert all(call.done() for call in calls)


def test_calls_run_in_order_with_their_arguments(threads: CallThreads) -> None:
    seen: list[tuple[int, int]] = []
    for number in range(20):
        threads.submit(lambda a, b: seen.append((a, b)), number, b=-number)
    threads.shutdown(wait=True)
    assert seen == [(number, -number) for number in range(20)]


def blocked(threads: CallThreads) -> threading.Event:
    """Returns what lets a call go on that holds the only thread."""
    began, release = threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        release.wait(30)

    threads.submit(hold)
    assert began.wait(30)
    return release


def noted(seen: list[str], name: str) -> PendingCall:
    return PendingCall(lambda: seen.append(name), lambda: seen.append(f"{name} left out"))


def test_those_that_nobody_waits_for_let_the_others_pass(threads: CallThreads) -> None:
    seen: list[str] = []
    release = blocked(threads)
    for name in ("later 1", "now 1", "later 2", "now 2", "now 3"):
        (threads.put_later if name.startswith("later") else threads.put)(noted(seen, name))
    assert threads.pending == 6
    release.set()
    wait_until(lambda: threads.pending == 0)
    assert seen == ["now 1", "now 2", "now 3", "later 1", "later 2"]


def test_all_are_done_before_the_end_whoever_passed_whom() -> None:
    several = CallThreads(4, "test")
    seen: list[str] = []
    for number in range(1_000):
        several.put_later(noted(seen, f"later {number}"))
        several.put(noted(seen, f"now {number}"))
    several.shutdown(wait=True)
    assert sorted(seen) == sorted(f"{kind} {number}" for kind in ("now", "later") for number in range(1_000))


def test_a_call_that_fails_ends_and_is_logged(threads: CallThreads, caplog: pytest.LogCaptureFixture) -> None:
    failed = threads.submit(int, "no number")
    after = threads.submit(int, "1")
    wait_until(after.done)
    assert failed.done()
    assert "a call's thread failed" in caplog.text


def test_callbacks_are_called_once_at_the_end_or_at_once_after_it(threads: CallThreads) -> None:
    release = threading.Event()
    told: list[str] = []
    call = threads.submit(release.wait, 10)
    call.add_done_callback(lambda ended: told.append("before"))
    assert told == []
    release.set()
    wait_until(lambda: told == ["before"])
    call.add_done_callback(lambda ended: told.append("after"))
    assert told == ["before", "after"]


def test_no_callback_is_lost_or_doubled_while_calls_end(threads: CallThreads) -> None:
    told: list[int] = []
    for number in range(2_000):
        threads.submit(int).add_done_callback(lambda ended, number=number: told.append(number))  # type: ignore[misc]
    threads.shutdown(wait=True)
    assert sorted(told) == list(range(2_000))


@pytest.mark.parametrize(("leave_out", "outcome"), [(False, "done"), (True, "left out")])
def test_what_waits_at_the_end_is_done_or_left_out_as_asked(
    threads: CallThreads, leave_out: bool, outcome: str
) -> None:
    release = threading.Event()
    outcomes: list[str] = []
    running = threads.submit(release.wait, 10)
    for put in (threads.put, threads.put_later):
        put(PendingCall(lambda: outcomes.append("done"), lambda: outcomes.append("left out")))
    threads.shutdown(wait=False, cancel_futures=leave_out)
    release.set()
    threads.shutdown(wait=True)
    assert running.done()
    assert outcomes == [outcome] * 2


def test_no_call_is_taken_after_the_end(threads: CallThreads) -> None:
    threads.shutdown(wait=True)
    with pytest.raises(RuntimeError):
        threads.submit(int)
    with pytest.raises(RuntimeError):
        threads.put_later(PendingCall(int, int))
