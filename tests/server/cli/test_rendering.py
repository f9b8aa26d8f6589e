"""What a person reads of an answer."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from shortlist.v1 import recommendation_service_pb2 as messages

from server.cli.rendering import print_answer, print_stages, reason_text, verdict

TITLES = {"a": "RED LANTERN", "b": "TEA TOWEL"}


def title(item_id: str) -> str:
    return TITLES.get(item_id, item_id)


def reply() -> messages.RecommendResponse:
    return messages.RecommendResponse(
        items=[
            messages.RecommendedItem(
                item_id="a",
                score=0.75,
                position=0,
                sources=[messages.SOURCE_KIND_COLLABORATIVE, messages.SOURCE_KIND_EMBEDDING],
                reason=messages.Reason(kind=messages.REASON_KIND_SIMILAR_TO_HISTORY, related_item_id="b"),
            )
        ],
        served_by=messages.SERVED_BY_POPULARITY,
        degraded=True,
        degraded_reasons=[messages.DEGRADED_REASON_DEADLINE],
        short_reason="CATEGORY_EXHAUSTED",
        release_version="r1",
        latency_ms=1.25,
    )


def printed(what: messages.RecommendResponse) -> str:
    out = io.StringIO()
    print_answer(Console(file=out, width=120), what, title)
    return out.getvalue()


def test_line_of_an_item_tells_name_score_sources_and_reason() -> None:
    text = printed(reply())
    for words in ("RED LANTERN", "0.750", "together, taste", "goes with TEA TOWEL"):
        assert words in text


def test_verdict_tells_how_complete_the_answer_is() -> None:
    assert verdict(reply(), 1) == (
        "1 of 1 shown · served by POPULARITY · degraded: DEADLINE · short because CATEGORY_EXHAUSTED · "
        "release r1 · 1.2 ms in the server"
    )


@pytest.mark.parametrize("kind", [kind for kind in messages.ReasonKind.values() if kind])
def test_every_reason_has_words(kind: messages.ReasonKind.ValueType) -> None:
    assert reason_text(messages.Reason(kind=kind, related_item_id="a", category_id="garden"), title)


def test_stages_show_what_was_removed_and_what_failed() -> None:
    out = io.StringIO()
    stages = [
        messages.StageReport(stage="bought_filter", duration_us=10, input_count=500, output_count=470),
        messages.StageReport(stage="scorer", duration_us=40, error="late"),
    ]
    print_stages(Console(file=out, width=120), stages)
    assert "500 -> 470" in out.getvalue()
    assert "failed: late" in out.getvalue()
