"""Gathers the concurrent requests of one process into few inferences."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from server.errors import ModelServerUnavailable

KeyT = TypeVar("KeyT", bound=Hashable)
EntryT = TypeVar("EntryT")
ResultT = TypeVar("ResultT")

Outcomes = Sequence[ResultT | Exception]
"""One result or error an entry, in their order."""

Send = Callable[[KeyT, Sequence[EntryT], float], Outcomes[ResultT]]
"""Runs an inference: takes the key, the entries and how long it may take, in seconds. What it raises is the outcome of
every entry."""

_LATER_S_MAX = 0.002
"""A request joins a batch whose inference ends so much before its own deadline, beyond the wait."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """wait_s: how long a request waits for others, and only while others are under way. users_max: requests of one
    inference. requests_max: requests that wait for an answer; more are refused."""

    wait_s: float = 0.001
    users_max: int = 16
    requests_max: int = 256


@dataclass(slots=True)
class _Slot(Generic[EntryT, ResultT]):
    """One request's place in a batch. done: held until there is an outcome; a bare lock costs a tenth of an Event."""

    entry: EntryT
    done: threading.Lock = field(default_factory=threading.Lock)
    outcome: ResultT | Exception | None = None


@dataclass(slots=True)
class _Batch(Generic[EntryT, ResultT]):
    """ends_s: the deadline of the request that opened it, which is the inference's. full: held until no more fit."""

    ends_s: float
    slots: list[_Slot[EntryT, ResultT]] = field(default_factory=list)
    full: threading.Lock = field(default_factory=threading.Lock)

    def settle(self, outcomes: Outcomes[ResultT]) -> None:
        """Gives each request its outcome and wakes it."""
        for slot, outcome in zip(self.slots, outcomes, strict=True):
            slot.outcome = outcome
            slot.done.release()


class MicroBatcher(Generic[KeyT, EntryT, ResultT]):
    """Thread-safe. The first request of a batch runs its inference on its own thread and within its own time; the others
    wait for their outcomes until their own deadlines. A request with much more time opens a batch of its own.

    A request that is alone is sent at once. While others are under way it waits for company, wait_s at most.
    begin: called before a batch is opened; raises what refuses it. fits: whether an entry may join a batch.
    """

    def __init__(
        self,
        limits: BatchLimits,
        send: Send[KeyT, EntryT, ResultT],
        *,
        begin: Callable[[], None],
        fits: Callable[[Sequence[EntryT], EntryT], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._send = send
        self._begin = begin
        self._fits = fits
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[KeyT, _Batch[EntryT, ResultT]] = {}
        self._waiting = 0

    def ask(self, key: KeyT, entry: EntryT, time_left_s: float) -> ResultT:
        """Returns the entry's result. Only entries of the same key share a batch.

        Raises what the outcome is an error, what begin raises, and ModelServerUnavailable when time_left_s has passed
        or too many requests wait.
        """
        ends_s = self._clock() + time_left_s
        slot: _Slot[EntryT, ResultT] = _Slot(entry)
        slot.done.acquire()
        with self._lock:
            if self._waiting >= self._limits.requests_max:
                raise ModelServerUnavailable(
                    "too many requests wait for the model server", reason="MODEL_SERVER_BUSY"
                )
            alone = self._waiting == 0
            batch, leads = self._join(key, slot, ends_s)
            self._waiting += 1
        try:
            if leads:
                self._lead(key, batch, 0.0 if alone else min(self._limits.wait_s, time_left_s))
            return self._await(slot, ends_s)
        finally:
            with self._lock:
                self._waiting -= 1

    def _join(
        self, key: KeyT, slot: _Slot[EntryT, ResultT], ends_s: float
    ) -> tuple[_Batch[EntryT, ResultT], bool]:
        """Returns the batch that holds the slot, and whether the slot opened it."""
        batch = self._open.get(key)
        later_s_max = self._limits.wait_s + _LATER_S_MAX
        if (
            batch is not None
            and ends_s - batch.ends_s <= later_s_max
            and self._fits([s.entry for s in batch.slots], slot.entry)
        ):
            batch.slots.append(slot)
            if len(batch.slots) >= self._limits.users_max:
                self._close(key, batch)
            return batch, False
        self._begin()
        if batch is not None:
            self._close(key, batch)
        opened: _Batch[EntryT, ResultT] = _Batch(ends_s, [slot])
        opened.full.acquire()
        self._open[key] = opened
        return opened, True

    def _lead(self, key: KeyT, batch: _Batch[EntryT, ResultT], wait_s: float) -> None:
        if wait_s > 0 and self._limits.users_max > 1:
            batch.full.acquire(timeout=wait_s)
        with self._lock:
            self._close(key, batch)
        try:
            batch.settle(self._send(key, [slot.entry for slot in batch.slots], batch.ends_s - self._clock()))
        except Exception as error:
            batch.settle([error] * len(batch.slots))

    def _close(self, key: KeyT, batch: _Batch[EntryT, ResultT]) -> None:
        """Lets no more requests in, and wakes the one that waits to send it. Holds the lock."""
        if self._open.get(key) is batch:
            del self._open[key]
            batch.full.release()

    def _await(self, slot: _Slot[EntryT, ResultT], ends_s: float) -> ResultT:
        if not slot.done.acquire(timeout=max(0.0, ends_s - self._clock())):
            raise ModelServerUnavailable(
                "the model server did not answer in time", reason="MODEL_SERVER_LATE"
            )
        outcome = slot.outcome
        if isinstance(outcome, ModelServerUnavailable):
            # An exception of its own for each thread: raising one adds to its traceback.
            raise ModelServerUnavailable(outcome.message, reason=outcome.reason)
        if isinstance(outcome, Exception):
            raise outcome
        assert outcome is not None
        return outcome
