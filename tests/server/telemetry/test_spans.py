"""The tree of spans that a kept call becomes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from server.pipeline.query import StageRecord
from server.telemetry.call import CURRENT, Answer, Call, note_attributes
from server.telemetry.kept_call import keep_call
from server.telemetry.remote_calls import REMOTE_CALLS_MAX, begin_remote_call
from server.telemetry.spans import spans_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def call() -> Iterator[Call]:
    """The call that runs in the test's context."""
    made = Call("shortlist.v1.RecommendationService/Recommend", time.monotonic(), True, HEADER, "vendor=1")
    token = CURRENT.set(made)
    yield made
    CURRENT.reset(token)


def stage(
    name: str, kind: str, started_s: float, error: Exception | None = None, late: bool = False
) -> StageRecord:
    return StageRecord(name, kind, started_s, time.monotonic(), 100, 60, error, late)


def tree(call: Call, code: str = "OK") -> dict[str, ReadableSpan]:
    kept = keep_call(call, code, "sampled", time.monotonic())
    spans = spans_of(kept, Resource({}))
    assert all(span.context is not None and span.context.trace_id == int(TRACE, 16) for span in spans)
    return {span.name: span for span in spans}


def parent_name(span: ReadableSpan, spans: dict[str, ReadableSpan]) -> str:
    assert span.parent is not None
    return next(
        (name for name, one in spans.items() if one.context and one.context.span_id == span.parent.span_id),
        "",
    )


def answer(stages: list[StageRecord], **values: object) -> Answer:
    full = Answer(stages, "LOCAL_MODEL", (), "r1", "m1", 10, 10)
    return full._replace(**values)  # type: ignore[arg-type]


def test_remote_call_is_the_child_of_the_stage_that_made_it(call: Call) -> None:
    started_s = time.monotonic()
    remote = begin_remote_call("PIPELINE", {"db.system.name": "redis", "db.operation.batch.size": 3})
    remote.end(error="timeout")
    stages = [stage("UserRecordHydrator", "query_hydrator", started_s)]
    stages.append(stage("PopularitySource", "source", time.monotonic()))
    call.answers = (answer(stages),)
    spans = tree(call)
    assert parent_name(spans["PIPELINE"], spans) == "UserRecordHydrator"
    assert parent_name(spans["UserRecordHydrator"], spans) == "shortlist.features"
    assert parent_name(spans["shortlist.retrieve"], spans) == call.method
    assert spans["PIPELINE"].kind is SpanKind.CLIENT
    assert dict(spans["PIPELINE"].attributes or {}) == {
        "db.system.name": "redis",
        "db.operation.batch.size": 3,
        "error.type": "timeout",
    }


def test_remote_call_carries_its_own_span_and_the_callers_state(call: Call) -> None:
    remote = begin_remote_call("inference.GRPCInferenceService/ModelInfer", {})
    assert remote.headers == {"traceparent": f"00-{TRACE}-{remote.span_id:016x}-01", "tracestate": "vendor=1"}


def test_remote_call_without_an_end_is_abandoned_and_without_a_stage_is_the_roots(call: Call) -> None:
    begin_remote_call("PIPELINE", {})
    spans = tree(call)
    assert parent_name(spans["PIPELINE"], spans) == call.method
    assert (spans["PIPELINE"].attributes or {})["error.type"] == "abandoned"


def test_remote_calls_of_one_request_are_bounded_and_outside_of_one_not_kept(call: Call) -> None:
    for _ in range(REMOTE_CALLS_MAX + 10):
        begin_remote_call("GET", {}).end()
    assert len(call.remote_calls) == REMOTE_CALLS_MAX
    token = CURRENT.set(None)
    assert begin_remote_call("GET", {}).headers == {}
    CURRENT.reset(token)


def test_fallback_is_a_group_of_its_own_and_what_failed_stands_before_it(call: Call) -> None:
    now_s = time.monotonic()
    stages = [
        stage("EmbeddingSource", "source", now_s, late=True),
        stage("BlendMerger", "merger", now_s, ValueError("canary")),
        stage("PopularitySource", "source", now_s),
    ]
    call.answers = (
        answer(stages, fallback_from=2, served_by="POPULARITY", degraded=("DEADLINE", "INTERNAL")),
    )
    spans = tree(call)
    assert parent_name(spans["BlendMerger"], spans) == "shortlist.retrieve"
    assert parent_name(spans["PopularitySource"], spans) == "shortlist.fallback"
    assert (spans["EmbeddingSource"].attributes or {})["error.type"] == "LATE"
    assert (spans["BlendMerger"].attributes or {})["error.type"] == "ValueError"
    root = spans[call.method].attributes or {}
    assert root["shortlist.degraded.reason"] == ("DEADLINE", "INTERNAL")
    assert not any("canary" in str(dict(span.attributes or {})) for span in spans.values())


@pytest.mark.parametrize(
    ("code", "error"),
    [("OK", None), ("NOT_FOUND", None), ("INTERNAL", "INTERNAL"), ("UNAVAILABLE", "UNAVAILABLE")],
)
def test_only_the_servers_own_faults_are_errors(call: Call, code: str, error: str | None) -> None:
    root = tree(call, code)[call.method]
    assert (root.attributes or {}).get("error.type") == error
    assert (root.attributes or {})["rpc.status_code"] == code


def test_whoever_has_something_to_say_of_the_call_says_it_on_the_root(call: Call) -> None:
    note_attributes({"shortlist.quality_factor": 0.5})
    note_attributes({"shortlist.priority": "prefetch"})
    root = tree(call)[call.method].attributes or {}
    assert (root["shortlist.quality_factor"], root["shortlist.priority"]) == (0.5, "prefetch")


def test_kept_call_holds_nothing_of_its_request(call: Call) -> None:
    error = ValueError("x")
    call.answers = (answer([stage("BlendMerger", "merger", 0.0, error)]),)
    kept = keep_call(call, "OK", "slow", 1.0)
    assert all(value is not error for one in kept.answers[0].stages for value in (one.error, one.name))
