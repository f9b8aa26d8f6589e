"""Concurrent requests share an inference; each gets its own outcome, in its own time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from server.errors import ModelServerUnavailable
from server.inference.micro_batcher import BatchLimits, MicroBatcher

Batcher = MicroBatcher[str, int, int]


class HeldSender:
    """Keeps every batch until it is told to answer: with ten times each entry, or as it is told."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self._answers: list[queue.SimpleQueue[list[int | Exception]]] = []
        self._sent = threading.Condition()

    def __call__(self, key: str, entries: Sequence[int], timeout_s: float) -> list[int | Exception]:
        answer: queue.SimpleQueue[list[int | Exception]] = queue.SimpleQueue()
        with self._sent:
            self.batches.append((key, list(entries)))
            self._answers.append(answer)
            self._sent.notify_all()
        return answer.get(timeout=30)

    def wait(self, count: int) -> None:
        """Returns when so many batches were sent."""
        with self._sent:
            assert self._sent.wait_for(lambda: len(self.batches) >= count, timeout=30)

    def answer(self, number: int, outcomes: list[int | Exception] | None = None) -> None:
        self._answers[number].put(outcomes or [10 * entry for entry in self.batches[number][1]])


def batcher(
    send: HeldSender,
    *,
    wait_s: float = 30.0,
    users_max: int = 3,
    requests_max: int = 100,
    begin: Callable[[], None] = lambda: None,
    fits: Callable[[Sequence[int], int], bool] = lambda entries, entry: True,
) -> Batcher:
    return MicroBatcher(BatchLimits(wait_s, users_max, requests_max), send, begin=begin, fits=fits)


class Callers:
    """Threads that ask, and what they got."""

    def __init__(self, asked: Batcher) -> None:
        self.asked = asked
        self.got: dict[int, int | Exception] = {}
        self.threads: list[threading.Thread] = []

    def ask(self, entry: int, key: str = "a", time_left_s: float = 30.0) -> None:
        def run() -> None:
            try:
                self.got[entry] = self.asked.ask(key, entry, time_left_s)
            except Exception as error:
                self.got[entry] = error

        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def join(self) -> dict[int, int | Exception]:
        for thread in self.threads:
            thread.join(30)
        return self.got


def test_a_request_that_is_alone_does_not_wait_for_company() -> None:
    send = HeldSender()
    callers = Callers(batcher(send, wait_s=30))
    callers.ask(1)
    send.wait(1)
    send.answer(0)
    assert callers.join() == {1: 10}


def test_requests_that_come_while_one_is_under_way_go_together() -> None:
    send = HeldSender()
    callers = Callers(batcher(send, users_max=3))
    callers.ask(1)
    send.wait(1)
    for entry in (2, 3, 4):
        callers.ask(entry)
    send.wait(2)
    send.answer(1)
    send.answer(0)
    assert callers.join() == {1: 10, 2: 20, 3: 30, 4: 40}
    assert [sorted(entries) for _, entries in send.batches] == [[1], [2, 3, 4]]


def test_a_batch_that_does_not_fill_is_sent_after_the_wait() -> None:
    send = HeldSender()
    callers = Callers(batcher(send, wait_s=0.01, users_max=64))
    callers.ask(1)
    send.wait(1)
    callers.ask(2)
    send.wait(2)
    send.answer(0)
    send.answer(1)
    assert callers.join() == {1: 10, 2: 20}


def test_requests_of_different_releases_never_share_an_inference() -> None:
    send = HeldSender()
    callers = Callers(batcher(send, wait_s=0.05, users_max=2))
    callers.ask(1)
    send.wait(1)
    callers.ask(2, key="a")
    callers.ask(3, key="b")
    send.wait(3)
    for number in range(3):
        send.answer(number)
    callers.join()
    assert sorted(send.batches) == [("a", [1]), ("a", [2]), ("b", [3])]


def test_what_does_not_fit_starts_the_next_batch() -> None:
    send = HeldSender()
    callers = Callers(batcher(send, wait_s=0.05, fits=lambda entries, entry: sum(entries) + entry < 100))
    callers.ask(1)
    send.wait(1)
    callers.ask(98)
    callers.ask(99)
    send.wait(3)
    for number in range(3):
        send.answer(number)
    assert callers.join() == {1: 10, 98: 980, 99: 990}


def test_one_gives_up_at_its_own_deadline_and_the_others_go_on() -> None:
    send = HeldSender()
    asked = batcher(send, users_max=2)
    callers = Callers(asked)
    callers.ask(1)
    send.wait(1)
    callers.ask(3)
    while not asked._open:
        time.sleep(0.001)
    callers.ask(2, time_left_s=0.05)
    send.wait(2)
    callers.threads[2].join(30)
    late = callers.got[2]
    assert isinstance(late, ModelServerUnavailable)
    assert late.reason == "MODEL_SERVER_LATE"
    send.answer(1)
    send.answer(0)
    assert callers.join()[3] == 30


def test_who_has_much_more_time_is_not_cut_short_by_a_batch_with_little() -> None:
    send = HeldSender()
    asked = batcher(send, wait_s=0.5, users_max=3)
    callers = Callers(asked)
    callers.ask(1)
    send.wait(1)
    callers.ask(2, time_left_s=5)
    while not asked._open:
        time.sleep(0.001)
    callers.ask(3, time_left_s=30)
    send.wait(3)
    for number in range(3):
        send.answer(number)
    assert callers.join() == {1: 10, 2: 20, 3: 30}


def test_an_error_of_one_is_not_the_others() -> None:
    send = HeldSender()
    callers = Callers(batcher(send, users_max=2))
    callers.ask(1)
    send.wait(1)
    callers.ask(2)
    callers.ask(3)
    send.wait(2)
    error = ModelServerUnavailable("no", reason="NO")
    send.answer(1, [7 if entry == 2 else error for entry in send.batches[1][1]])
    send.answer(0)
    got = callers.join()
    assert got[2] == 7
    assert isinstance(got[3], ModelServerUnavailable)


def test_an_error_of_the_inference_is_everybodys() -> None:
    def fail(key: str, entries: Sequence[int], timeout_s: float) -> list[int | Exception]:
        raise ModelServerUnavailable("down", reason="DOWN")

    asked: Batcher = MicroBatcher(BatchLimits(), fail, begin=lambda: None, fits=lambda entries, entry: True)
    with pytest.raises(ModelServerUnavailable, match="down") as raised:
        asked.ask("a", 1, 1.0)
    assert raised.value.reason == "DOWN"


def test_more_than_may_wait_are_refused_at_once() -> None:
    send = HeldSender()
    asked = batcher(send, users_max=1, requests_max=2)
    callers = Callers(asked)
    callers.ask(1)
    callers.ask(2)
    send.wait(2)
    with pytest.raises(ModelServerUnavailable) as raised:
        asked.ask("a", 3, 30.0)
    assert raised.value.reason == "MODEL_SERVER_BUSY"
    send.answer(0)
    send.answer(1)
    callers.join()
    callers.ask(4)
    send.wait(3)
    send.answer(2)
    assert callers.join()[4] == 40


def test_what_refuses_a_batch_refuses_before_anything_is_sent() -> None:
    send = HeldSender()

    def refuse() -> None:
        raise ModelServerUnavailable("open", reason="MODEL_SERVER_OPEN")

    with pytest.raises(ModelServerUnavailable, match="open"):
        batcher(send, begin=refuse).ask("a", 1, 1.0)
    assert send.batches == []
