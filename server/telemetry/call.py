"""One call on its way through the server, as telemetry sees it: a few stamps, and references to what others stamped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from server.telemetry.remote_call import RemoteCall
from server.telemetry.trace_context import TraceParent, new_span_id, new_trace_id, parse_traceparent


class StageStamp(Protocol):
    """What a stage left: the pipeline's StageRecord. Times are time.monotonic() seconds."""

    @property
    def stage(self) -> str:
        """The stage's name."""
        ...

    @property
    def kind(self) -> str:
        """The name of the kind of stage."""
        ...

    @property
    def started_s(self) -> float:
        """When it began."""
        ...

    @property
    def ended_s(self) -> float:
        """When it ended."""
        ...

    @property
    def candidates_in(self) -> int:
        """How many candidates it was given."""
        ...

    @property
    def candidates_out(self) -> int:
        """How many it left."""
        ...

    @property
    def error(self) -> Exception | None:
        """What it raised."""
        ...

    @property
    def late(self) -> bool:
        """Whether it was left out for want of time."""
        ...


class Answer(NamedTuple):
    """One list that was made for a call; a batch call makes many.

    stages: in the order in which they ran. fallback_from: how many of them ran before the fallback began; -1 where
    there was none. items, wanted: how many the list holds, and how many it may. remaining_ms: what was left of the
    deadline at its end; infinite where nobody waits.
    """

    stages: Sequence[StageStamp]
    served_by: str
    degraded: Sequence[str]
    release_version: str
    model_version: str
    items: int
    wanted: int
    fallback_from: int = -1
    remaining_ms: float = float("inf")


@dataclass(slots=True)
class Call:
    """One gRPC call. Belongs to one thread. Cheap to make: most calls are counted and forgotten.

    method: full name without the leading slash. started_s: time.monotonic() seconds. sampled: whether the trace is
    kept whatever becomes of the call. traceparent, tracestate: the caller's headers, read when they are needed.
    attributes: more for the root span, from whoever has something to say; no user data.
    """

    method: str
    started_s: float
    sampled: bool
    traceparent: str = ""
    tracestate: str = ""
    answers: tuple[Answer, ...] = ()
    remote_calls: tuple[RemoteCall, ...] = ()
    attributes: Mapping[str, str | int | float | bool] | None = None
    _trace_id: int = 0
    _span_id: int = 0

    @property
    def parent(self) -> TraceParent | None:
        """The caller's span; None where it names none."""
        return parse_traceparent(self.traceparent, self.tracestate) if self.traceparent else None

    @property
    def trace_id(self) -> int:
        """The trace's id: the caller's, or one that is made when it is first asked for."""
        if not self._trace_id:
            parent = self.parent
            self._trace_id = parent.trace_id if parent is not None else new_trace_id()
        return self._trace_id

    @property
    def span_id(self) -> int:
        """The root span's id, made when it is first asked for."""
        if not self._span_id:
            self._span_id = new_span_id()
        return self._span_id


# gRPC runs each call in a contextvars.Context of its own, so a call never sees another's.
CURRENT: ContextVar[Call | None] = ContextVar("shortlist_call", default=None)


def current_call() -> Call | None:
    """Returns the call that runs in this context; None outside of one, or where telemetry is off."""
    return CURRENT.get()


def note_answer(answer: Answer) -> None:
    """Adds a list to the call that runs in this context."""
    call = CURRENT.get()
    if call is not None:
        call.answers += (answer,)


def note_attributes(attributes: Mapping[str, str | int | float | bool]) -> None:
    """Adds attributes to the root span of the call that runs in this context."""
    call = CURRENT.get()
    if call is not None:
        call.attributes = {**(call.attributes or {}), **attributes}
