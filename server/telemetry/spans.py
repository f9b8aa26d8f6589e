"""From a kept call to OpenTelemetry spans, made after the fact with the stamps' own times.

    shortlist.v1.RecommendationService/Recommend            SERVER
      shortlist.features                                    INTERNAL, from its first stage's start to its last's end
        UserRecordHydrator                                  INTERNAL, one a stage that ran
          PIPELINE                                          CLIENT, a remote call made while the stage ran
      shortlist.retrieve  shortlist.rank  shortlist.postrank  shortlist.fallback

Names and attributes follow OpenTelemetry's conventions for RPC, and `shortlist.` where there is none. No span holds a
user's id, a request's text or an exception's message.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode
from opentelemetry.util.types import AttributeValue

from server.telemetry.keeping import CALLERS_CODES, OK
from server.telemetry.kept_call import KeptAnswer, KeptCall, KeptStage
from server.telemetry.remote_call import RemoteCall
from server.telemetry.trace_context import new_span_id

_SCOPE = InstrumentationScope("shortlist")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


@dataclass(slots=True)
class _Tree:
    """The spans of one call as they are made."""

    call: KeptCall
    resource: Resource
    spans: list[ReadableSpan]

    def add(
        self,
        name: str,
        kind: SpanKind,
        parent: SpanContext | None,
        times_s: tuple[float, float],
        attributes: dict[str, AttributeValue],
        *,
        error: str = "",
        span_id: int = 0,
    ) -> SpanContext:
        """Adds a span; returns what its children name as their parent."""
        context = SpanContext(self.call.trace_id, span_id or new_span_id(), False, _SAMPLED)
        started_s, ended_s = times_s
        if error:
            attributes["error.type"] = error
        self.spans.append(
            ReadableSpan(
                name,
                context,
                parent,
                self.resource,
                attributes,
                kind=kind,
                status=Status(StatusCode.ERROR) if error else Status(),
                start_time=self._epoch_ns(started_s),
                end_time=self._epoch_ns(ended_s),
                instrumentation_scope=_SCOPE,
            )
        )
        return context

    def _epoch_ns(self, time_s: float) -> int:
        return round(time_s * 1e9) + self.call.epoch_offset_ns


def spans_of(call: KeptCall, resource: Resource) -> list[ReadableSpan]:
    """Returns the call's tree, the root first."""
    tree = _Tree(call, resource, [])
    root = tree.add(
        call.method,
        SpanKind.SERVER,
        _remote_parent(call),
        (call.started_s, call.ended_s),
        _root_attributes(call),
        error="" if call.code == OK or call.code in CALLERS_CODES else call.code,
        span_id=call.span_id,
    )
    waiting = list(call.remote_calls)
    for answer in call.answers:
        for group, stages in groupby(answer.stages, key=lambda stage: stage.group):
            _add_group(tree, root, group, list(stages), waiting)
    for remote in waiting:
        _add_remote(tree, root, remote)
    return tree.spans


def _remote_parent(call: KeptCall) -> SpanContext | None:
    parent = call.parent
    if parent is None:
        return None
    return SpanContext(parent.trace_id, parent.span_id, True, TraceFlags(int(parent.sampled)))


def _root_attributes(call: KeptCall) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "rpc.system.name": "grpc",
        "rpc.method": call.method,
        "rpc.status_code": call.code,
        "shortlist.trace.kept_for": call.reason,
        **call.attributes,
    }
    for answer in call.answers[-1:]:
        attributes |= _answer_attributes(answer)
    if len(call.answers) > 1:
        attributes["shortlist.answers.count"] = len(call.answers)
    return attributes


def _answer_attributes(answer: KeptAnswer) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "shortlist.served_by": answer.served_by,
        "shortlist.index.version": answer.release_version,
        "shortlist.model.version": answer.model_version,
        "shortlist.items.count": answer.items,
    }
    if answer.degraded:
        attributes["shortlist.degraded.reason"] = tuple(answer.degraded)
    if math.isfinite(answer.remaining_ms):
        attributes["shortlist.deadline.remaining_ms"] = answer.remaining_ms
    return attributes


def _add_group(
    tree: _Tree, root: SpanContext, name: str, stages: Sequence[KeptStage], waiting: list[RemoteCall]
) -> None:
    times_s = (stages[0].started_s, stages[-1].ended_s)
    group = tree.add(
        name, SpanKind.INTERNAL, root, times_s, {"shortlist.candidates.count": stages[-1].candidates_out}
    )
    for stage in stages:
        attributes: dict[str, AttributeValue] = {
            "shortlist.stage.kind": stage.kind,
            "shortlist.candidates.given": stage.candidates_in,
            "shortlist.candidates.count": stage.candidates_out,
        }
        parent = tree.add(
            stage.name,
            SpanKind.INTERNAL,
            group,
            (stage.started_s, stage.ended_s),
            attributes,
            error=stage.error,
        )
        for remote in list(_within(stage, waiting)):
            waiting.remove(remote)
            _add_remote(tree, parent, remote)


def _within(stage: KeptStage, waiting: Sequence[RemoteCall]) -> Iterator[RemoteCall]:
    return (remote for remote in waiting if stage.started_s <= remote.started_ns / 1e9 <= stage.ended_s)


def _add_remote(tree: _Tree, parent: SpanContext, remote: RemoteCall) -> None:
    # A call that nobody waited for to its end had none: it ends with its request.
    ended_s = remote.ended_ns / 1e9 if remote.ended_ns else tree.call.ended_s
    tree.add(
        remote.name,
        SpanKind.CLIENT,
        parent,
        (remote.started_ns / 1e9, ended_s),
        dict(remote.attributes),
        error=remote.error if remote.ended_ns else "abandoned",
        span_id=remote.span_id,
    )
