"""A call whose trace is kept, cut loose from everything that its request held."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.telemetry.call import Answer, Call, StageStamp
from server.telemetry.remote_call import RemoteCall
from server.telemetry.trace_context import TraceParent

_GROUPS = {
    "query_hydrator": "shortlist.features",
    "source": "shortlist.retrieve",
    "merger": "shortlist.retrieve",
    "filter": "shortlist.retrieve",
    "feature_assembler": "shortlist.rank",
    "scorer": "shortlist.rank",
    "selector": "shortlist.postrank",
    "reranker": "shortlist.postrank",
}
FALLBACK = "shortlist.fallback"


@dataclass(frozen=True, slots=True)
class KeptStage:
    """One stage. group: name of the span above it. error: type of what it raised, or LATE; empty where it ran through."""

    name: str
    kind: str
    group: str
    started_s: float
    ended_s: float
    candidates_in: int
    candidates_out: int
    error: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """One list, without the objects of its request."""

    stages: Sequence[KeptStage]
    served_by: str
    degraded: Sequence[str]
    release_version: str
    model_version: str
    items: int
    remaining_ms: float


@dataclass(frozen=True, slots=True)
class KeptCall:
    """What spans are made of. Times are time.monotonic() seconds; epoch_offset_ns turns them into epoch time."""

    method: str
    code: str
    reason: str
    trace_id: int
    span_id: int
    parent: TraceParent | None
    started_s: float
    ended_s: float
    epoch_offset_ns: int
    answers: Sequence[KeptAnswer]
    remote_calls: Sequence[RemoteCall]
    attributes: Mapping[str, str | int | float | bool]


def keep_call(call: Call, code: str, reason: str, ended_s: float) -> KeptCall:
    """Returns the call without its references: an exception would hold its whole request by its traceback."""
    return KeptCall(
        method=call.method,
        code=code,
        reason=reason,
        trace_id=call.trace_id,
        span_id=call.span_id,
        parent=call.parent,
        started_s=call.started_s,
        ended_s=ended_s,
        epoch_offset_ns=time.time_ns() - time.monotonic_ns(),
        answers=tuple(_keep_answer(answer) for answer in call.answers),
        remote_calls=call.remote_calls,
        attributes=call.attributes or {},
    )


def group_of(kind: str) -> str:
    """Returns the name of the group of stages that a kind belongs to."""
    return _GROUPS.get(kind, f"shortlist.{kind}")


def _keep_answer(answer: Answer) -> KeptAnswer:
    first = answer.fallback_from if answer.fallback_from >= 0 else len(answer.stages)
    return KeptAnswer(
        stages=tuple(_keep_stage(stage, at >= first) for at, stage in enumerate(answer.stages)),
        served_by=answer.served_by,
        degraded=tuple(answer.degraded),
        release_version=answer.release_version,
        model_version=answer.model_version,
        items=answer.items,
        remaining_ms=answer.remaining_ms,
    )


def _keep_stage(stage: StageStamp, in_fallback: bool) -> KeptStage:
    error = "LATE" if stage.late else type(stage.error).__name__ if stage.error is not None else ""
    group = FALLBACK if in_fallback else group_of(stage.kind)
    return KeptStage(
        stage.stage,
        stage.kind,
        group,
        stage.started_s,
        stage.ended_s,
        stage.candidates_in,
        stage.candidates_out,
        error,
    )
