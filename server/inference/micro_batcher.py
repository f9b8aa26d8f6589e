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

Settle = Callable[[Sequence[ResultT | Exception] | Exception], None]
"""Ends a batch: called once, from any thread, with one result or error an entry in their order, or one error for all."""

Send = Callable[[KeyT, Sequence[EntryT], float, Settle[ResultT]], None]
"""Starts an inference and returns at once: takes the key, the entries, by when their results must be there (monotonic
seconds), and what to call with them."""


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
    """ends_s: the latest of its requests' deadlines. full: held until no more fit."""

    ends_s: float
    slots: list[_Slot[EntryT, ResultT]] = field(default_factory=list)
    full: threading.Lock = field(default_factory=threading.Lock)

    def settle(self, outcome: Sequence[ResultT | Exception] | Exception) -> None:
        """Gives each request its outcome and wakes it."""
        outcomes = [outcome] * len(self.slots) if isinstance(outcome, Exception) else outcome
        for slot, own in zip(self.slots, outcomes, strict=True):
            slot.outcome = own
            slot.done.release()


class MicroBatcher(Generic[KeyT, EntryT, ResultT]):
    """Thread-safe. The first request of a batch sends it; each waits for its own outcome until its own deadline.

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
        if batch is not None and self._fits([s.entry for s in batch.slots], slot.entry):
            batch.slots.append(slot)
            batch.ends_s = max(batch.ends_s, ends_s)
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
            self._send(key, [slot.entry for slot in batch.slots], batch.ends_s, batch.settle)
        except Exception as error:
            batch.settle(error)

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
