from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from server.pipeline.side_effect_runner import SideEffect, SideEffectRunner
from tests.support.waiting import wait_until


class Collect(SideEffect[int]):
    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.closed = False

    @property
    def entries(self) -> list[int]:
        return [entry for batch in self.batches for entry in batch]

    def apply(self, entries: Sequence[int]) -> None:
        self.batches.append(list(entries))

    def close(self) -> None:
        self.closed = True


class Fail(SideEffect[int]):
    def apply(self, entries: Sequence[int]) -> None:
        raise OSError("full")


def give(number: int) -> Callable[[], int]:
    return lambda: number


Start = Callable[..., SideEffectRunner[int]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[SideEffectRunner[int]] = []

    def begin(*effects: SideEffect[int], queue_max: int = 100, **values: float) -> SideEffectRunner[int]:
        runner = SideEffectRunner(effects, queue_max=queue_max, linger_s=0, **values)  # type: ignore[arg-type]
        runner.start()
        started.append(runner)
        return runner

    yield begin
    for runner in started:
        assert runner.stop(5)


def test_every_entry_reaches_every_effect_in_order(start: Start) -> None:
    first, second = Collect(), Collect()
    runner = start(first, second)
    for number in range(50):
        assert runner.submit(give(number))
    assert runner.flush(5)
    assert first.entries == second.entries == list(range(50))


def test_full_queue_drops_and_counts() -> None:
    collect = Collect()
    runner = SideEffectRunner([collect], queue_max=2)
    assert [runner.submit(give(number)) for number in range(4)] == [True, True, False, False]
    assert (runner.submitted, runner.dropped) == (2, 2)
    runner.start()
    assert runner.stop(5)
    assert collect.entries == [0, 1]


def test_stop_handles_what_waits_and_closes_the_effects() -> None:
    collect = Collect()
    runner = SideEffectRunner([collect], queue_max=100, batch_max=8)
    for number in range(20):
        runner.submit(give(number))
    runner.start()
    assert runner.stop(5)
    assert collect.entries == list(range(20))
    assert max(len(batch) for batch in collect.batches) <= 8
    assert collect.closed
    assert not runner.submit(give(1))


def test_failing_effect_is_counted_and_leaves_the_others_alone(start: Start) -> None:
    collect = Collect()
    runner = start(Fail(), collect)
    runner.submit(give(1))
    assert runner.flush(5)
    assert collect.entries == [1]
    assert runner.failed == 1


def test_entry_that_cannot_be_made_is_counted_and_skipped(start: Start) -> None:
    collect = Collect()
    runner = start(collect)
    runner.submit(lambda: 1 // 0)
    runner.submit(give(7))
    assert runner.flush(5)
    assert collect.entries == [7]
    assert runner.failed == 1


def test_an_entry_wakes_a_thread_that_has_gone_to_sleep(start: Start) -> None:
    collect = Collect()
    runner = start(collect)
    wait_until(lambda: runner._asleep)
    runner.submit(give(1))
    assert runner.flush(5)
    wait_until(lambda: runner._asleep)
    runner.submit(give(2))
    assert runner.flush(5)
    assert collect.entries == [1, 2]


def test_entries_of_many_threads_all_arrive(start: Start) -> None:
    collect = Collect()
    runner = start(collect, queue_max=10_000)

    def submit(first: int) -> None:
        for number in range(first, first + 500):
            assert runner.submit(give(number))

    threads = [threading.Thread(target=submit, args=(first,), daemon=True) for first in range(0, 2_000, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runner.flush(5)
    assert sorted(collect.entries) == list(range(2_000))
    assert runner.submitted == 2_000


def test_flush_says_when_it_was_not_in_time(start: Start) -> None:
    gate = threading.Event()

    class Wait(SideEffect[int]):
        def apply(self, entries: Sequence[int]) -> None:
            gate.wait(5)

    runner = start(Wait())
    runner.submit(give(1))
    assert not runner.flush(0)
    gate.set()
    assert runner.flush(5)


def test_run_cannot_be_replaced() -> None:
    with pytest.raises(TypeError, match="final"):
        type("Replaced", (Collect,), {"run": lambda self, entries: True})


def test_effect_that_keeps_failing_is_logged_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(SideEffect[int]):
        def apply(self, entries: Sequence[int]) -> None:
            raise OSError

    effect = Failing()
    assert [effect.run([1, 2]) for _ in range(20)] == [False] * 20
    assert len(caplog.records) == 1
