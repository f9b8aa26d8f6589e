"""Answers of the server as a person reads them, in a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text
from shortlist.v1 import recommendation_service_pb2 as messages

_SOURCES = {
    messages.SOURCE_KIND_COLLABORATIVE: "together",
    messages.SOURCE_KIND_EMBEDDING: "taste",
    messages.SOURCE_KIND_POPULARITY: "popular",
    messages.SOURCE_KIND_CONTEXT_NEIGHBOURS: "page",
    messages.SOURCE_KIND_FRESH: "new",
    messages.SOURCE_KIND_TRENDING: "trending",
    messages.SOURCE_KIND_CALLER: "caller",
    messages.SOURCE_KIND_REPEAT: "bought",
}
_BAR_CELLS = 24
_NAME_CELLS = 36


def print_answer(
    console: Console, reply: messages.RecommendResponse, title: Callable[[str], str], shown: int = 10
) -> None:
    """Prints a list with names, scores, sources and reasons, and below it what served it.

    title: an item's name by its id. shown: lines at most.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right", min_width=2)
    table.add_column("item")
    table.add_column("name", max_width=_NAME_CELLS, no_wrap=True, overflow="ellipsis")
    table.add_column("score", justify="right", min_width=5)
    table.add_column("found by", no_wrap=True)
    table.add_column("because", no_wrap=True, overflow="ellipsis")
    for item in reply.items[:shown]:
        table.add_row(
            str(item.position + 1),
            item.item_id,
            title(item.item_id),
            f"{item.score:.3f}",
            ", ".join(_SOURCES.get(source, "?") for source in item.sources),
            reason_text(item.reason, title),
        )
    console.print(table)
    console.print(Text(verdict(reply, min(shown, len(reply.items))), style="dim"))


def verdict(reply: messages.RecommendResponse, shown: int) -> str:
    """Returns one line: how many of how many, what served, how complete, from what, in which time."""
    served_by = messages.ServedBy.Name(reply.served_by).removeprefix("SERVED_BY_")
    parts = [f"{shown} of {len(reply.items)} shown", f"served by {served_by}"]
    if reply.degraded:
        names = (messages.DegradedReason.Name(reason) for reason in reply.degraded_reasons)
        parts.append("degraded: " + ", ".join(name.removeprefix("DEGRADED_REASON_") for name in names))
    if reply.short_reason:
        parts.append(f"short because {reply.short_reason}")
    parts += [f"release {reply.release_version}", f"{reply.latency_ms:.1f} ms in the server"]
    return " · ".join(parts)


def reason_text(reason: messages.Reason, title: Callable[[str], str]) -> str:
    """Returns why an item is in the list, as a person would say it."""
    match reason.kind:
        case messages.REASON_KIND_SIMILAR_TO_HISTORY:
            return f"goes with {short(title(reason.related_item_id), 28)}"
        case messages.REASON_KIND_SIMILAR_TO_CONTEXT:
            return f"like {short(title(reason.related_item_id), 28)}"
        case messages.REASON_KIND_MATCHES_TASTE:
            return "matches the taste"
        case messages.REASON_KIND_POPULAR:
            return "popular"
        case messages.REASON_KIND_POPULAR_IN_CATEGORY:
            return f"popular in {reason.category_id}"
        case messages.REASON_KIND_TRENDING:
            return "trending"
        case messages.REASON_KIND_NEW:
            return "new in the shop"
        case messages.REASON_KIND_BUY_AGAIN:
            return "bought before"
    return ""


def print_stages(console: Console, stages: Sequence[messages.StageReport]) -> None:
    """Prints where the time of one explained request went, and what each stage did to the candidates."""
    longest_us = max((stage.duration_us for stage in stages), default=1.0) or 1.0
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage")
    table.add_column("microseconds", justify="right")
    table.add_column("")
    table.add_column("candidates")
    for stage in stages:
        bar = "█" * max(1, round(stage.duration_us / longest_us * _BAR_CELLS))
        table.add_row(stage.stage, f"{stage.duration_us:,.0f}", Text(bar, style="cyan"), _funnel(stage))
    console.print(table)


def short(name: str, cells: int = 30) -> str:
    """Returns a name cut to a width."""
    return name if len(name) <= cells else name[: cells - 1].rstrip() + "…"


def _funnel(stage: messages.StageReport) -> str:
    if stage.error:
        return f"failed: {stage.error}"
    if stage.input_count == stage.output_count:
        return str(stage.output_count) if stage.output_count else ""
    return f"{stage.input_count} -> {stage.output_count}"
