"""Events in batches: buffered, bounded, sent again until the server has them."""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc

from shortlist.client import Client
from shortlist.errors import ShortlistError
from shortlist.v1 import event_service_pb2 as api

_LOG = logging.getLogger("shortlist")
_PAUSE_MIN_S, _PAUSE_MAX_S = 0.01, 1.0
_EVENT_INDEX = re.compile(r"events\[(\d+)\]")
_REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
    }
)
"""The codes that would be the same for the same events another time."""

Events = Sequence[api.UserEvent]


class BufferFull(Exception):
    """The server has not taken events for so long that the buffer is full; the event was not taken."""

    def __init__(self, buffer_max: int) -> None:
        super().__init__(f"{buffer_max} events wait to be written")


class EventsNotWritten(Exception):
    """The writer was closed before the server had all events. events: what is left, to be kept or given up."""

    def __init__(self, events: Events) -> None:
        super().__init__(f"{len(events)} events were not written")
        self.events = tuple(events)


def log_refusal(events: Events, error: ShortlistError) -> None:
    """Logs that the server refuses events for good."""
    _LOG.error("the server refuses %d events: %s", len(events), error)


@dataclass(frozen=True, slots=True)
class EventWriterOptions:
    """How events are batched."""

    batch_max: int = 500
    """Events in one call, up to 1,000."""
    buffer_max: int = 10_000
    """Events that may wait; above it, write waits."""
    flush_interval_s: float = 0.2
    """How long an event may wait for others to share its call."""
    timeout_s: float = 5.0
    """Deadline of one call."""
    on_refused: Callable[[Events, ShortlistError], None] = log_refusal
    """Told of events that the server refuses for good, such as one without an item. The others are written."""


class Batches:
    """The buffer and its bookkeeping, which know neither threads nor tasks. The caller holds a lock or a loop."""

    def __init__(self, options: EventWriterOptions) -> None:
        self._options = options
        self._waiting: deque[api.UserEvent] = deque()
        self._sending: list[api.UserEvent] = []
        self._pause_s = _PAUSE_MIN_S
        self.written_count = 0
        self.closed = False

    @property
    def pending(self) -> list[api.UserEvent]:
        """What the server does not have yet, oldest first."""
        return [*self._sending, *self._waiting]

    def has_room(self) -> bool:
        """Returns whether an event may be added. Raises ValueError when the writer is closed."""
        if self.closed:
            raise ValueError("the event writer is closed")
        return len(self._sending) + len(self._waiting) < self._options.buffer_max

    def add(self, event: api.UserEvent) -> bool:
        """Takes a copy of an event, with an id and a time where it has none; returns whether a batch is full."""
        kept = api.UserEvent()
        kept.CopyFrom(event)
        kept.event_id = kept.event_id or uuid.uuid4().hex
        if not kept.HasField("event_time"):
            kept.event_time.GetCurrentTime()
        self._waiting.append(kept)
        return len(self._waiting) >= self._options.batch_max

    def idle(self) -> bool:
        """Returns whether there is no reason to send yet."""
        return not self.closed and len(self._waiting) < self._options.batch_max

    def finished(self) -> bool:
        """Returns whether the writer is closed and everything is written."""
        return self.closed and not self._waiting and not self._sending

    def next_batch(self) -> list[api.UserEvent]:
        """Moves the oldest events out of the buffer."""
        count = min(self._options.batch_max, len(self._waiting))
        self._sending = [self._waiting.popleft() for _ in range(count)]
        return self._sending

    def written(self, batch: list[api.UserEvent]) -> list[api.UserEvent]:
        """Notes that the server has a batch; returns what is left of it, which is nothing."""
        self.written_count += len(batch)
        self._sending, self._pause_s = [], _PAUSE_MIN_S
        return []

    def failed(self, batch: list[api.UserEvent], error: ShortlistError) -> tuple[list[api.UserEvent], float]:
        """Returns the events to send again, and after how many seconds."""
        if error.code in _REFUSALS:
            named = {int(i) for v in error.violations for i in _EVENT_INDEX.findall(v.field)}
            wrong = named or set(range(len(batch)))
            self._refused([e for i, e in enumerate(batch) if i in wrong], error)
            self._sending = [e for i, e in enumerate(batch) if i not in wrong]
            return self._sending, 0
        pause_s = max(self._pause_s, error.retry_after_s or 0)
        self._pause_s = min(_PAUSE_MAX_S, 2 * self._pause_s)
        return batch, pause_s

    def _refused(self, events: Events, error: ShortlistError) -> None:
        try:
            self._options.on_refused(events, error)
        except Exception:  # the caller's own code; the events that follow must not wait for it
            _LOG.exception("on_refused failed")


class EventWriter:
    """Writes events in batches from a thread of its own.

    An event that was taken is sent until the server has it or refuses it for good. Its event_id makes that
    safe: it counts once. A context manager closes it.
    """

    def __init__(self, client: Client, options: EventWriterOptions | None = None) -> None:
        self._client = client
        self._options = options or EventWriterOptions()
        self._batches = Batches(self._options)
        self._changed = threading.Condition()
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shortlist-events", daemon=True)
        self._thread.start()

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def written_count(self) -> int:
        """Events that the server has, those that it had already included."""
        return self._batches.written_count

    def write(self, event: api.UserEvent, *, timeout_s: float | None = None) -> None:
        """Takes one event; waits while the buffer is full. Raises BufferFull after timeout_s (None: never)."""
        with self._changed:
            if not self._changed.wait_for(self._batches.has_room, timeout_s):
                raise BufferFull(self._options.buffer_max)
            if self._batches.add(event):
                self._changed.notify_all()

    def close(self, *, timeout_s: float = 30) -> None:
        """Writes what is buffered, and ends. Raises EventsNotWritten with what is left after timeout_s."""
        with self._changed:
            self._batches.closed = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._given_up.set()
            with self._changed:
                raise EventsNotWritten(self._batches.pending)

    def _run(self) -> None:
        while not self._given_up.is_set():
            with self._changed:
                due = time.monotonic() + self._options.flush_interval_s
                while self._batches.idle() and (left := due - time.monotonic()) > 0:
                    self._changed.wait(left)
                if self._batches.finished():
                    return
                batch = self._batches.next_batch()
            self._write(batch)

    def _write(self, batch: list[api.UserEvent]) -> None:
        while batch and not self._given_up.is_set():
            request, refusal = api.WriteEventsRequest(events=batch), None
            try:
                self._client.write_events(request, timeout_s=self._options.timeout_s)
            except ShortlistError as error:
                refusal = error
            with self._changed:
                pause_s = 0.0
                if refusal is None:
                    batch = self._batches.written(batch)
                else:
                    batch, pause_s = self._batches.failed(batch, refusal)
                self._changed.notify_all()
            self._given_up.wait(pause_s)
