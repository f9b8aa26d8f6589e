"""`python -m perf.telemetry.picture`: draws the waterfall of a real trace, docs/images/trace.svg."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import grpc
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1.event_types_pb2 import PageType
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from perf.telemetry.worlds import make_data
from perf.world.users import user_id
from tests.support.otlp_receiver import ReceivedSpan, otlp_receiver
from tests.support.server_process import running_server

PICTURE = Path("docs/images/trace.svg")
WARM_UP = 200
TRACE = "0af7651916cd43dd8448eb211c80319c"

WIDTH, NAMES, ROW, TOP, RIGHT = 960, 300, 20, 34, 84
COLOURS = {
    "shortlist.features": "#3b7dd8",
    "shortlist.retrieve": "#2a9d6f",
    "shortlist.rank": "#c77d0a",
    "shortlist.postrank": "#9556c4",
    "shortlist.fallback": "#c94040",
}
STYLE = """
  text { font-family: system-ui, sans-serif; font-size: 12px; fill: #24292f }
  .page { fill: #ffffff } .axis { stroke: #d0d7de } .tick { fill: #57606a; font-size: 11px }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .page { fill: #0d1117 } .axis { stroke: #30363d } .tick { fill: #9198a1 }
  }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the picture."""

    span: ReceivedSpan
    depth: int
    colour: str


def main() -> None:
    """Serves W(20,000), traces one request of a user whom it knows, and draws it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=PICTURE)
    output = parser.parse_args().output
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(draw(bars_of(real_trace())))
    print(output)


def real_trace() -> list[ReceivedSpan]:
    """Returns the spans of one request of a warm server, as a collector got them."""
    with tempfile.TemporaryDirectory() as folder, otlp_receiver() as receiver:
        data_dir, _ = make_data(Path(folder))
        with (
            running_server(data_dir, workers=1, TELEMETRY__TRACES_URL=receiver.url) as server,
            grpc.insecure_channel(server.address) as channel,
        ):
            recommend = RecommendationServiceStub(channel).Recommend
            for number in range(WARM_UP):
                recommend(_request(number), timeout=10)
            parent = f"00-{TRACE}-b7ad6b7169203331-01"
            recommend(_request(WARM_UP), metadata=(("traceparent", parent),), timeout=10)
            return receiver.await_trace(TRACE)


def _request(number: int) -> pb.RecommendRequest:
    return pb.RecommendRequest(user_id=user_id(number), num_items=20, page_type=PageType.PAGE_TYPE_HOME)


def bars_of(spans: Sequence[ReceivedSpan]) -> list[Bar]:
    """Returns the spans as a tree is read: each before its children, these by their start."""
    ids = {span.span_id for span in spans}
    children: dict[str, list[ReceivedSpan]] = {}
    for span in sorted(spans, key=lambda span: (span.started_ns, -span.ended_ns)):
        children.setdefault(span.parent if span.parent in ids else "", []).append(span)
    bars: list[Bar] = []

    def add(span: ReceivedSpan, depth: int, colour: str) -> None:
        colour = COLOURS.get(span.name, colour)
        bars.append(Bar(span, depth, colour))
        for child in children.get(span.span_id, ()):
            add(child, depth + 1, colour)

    for root in children[""]:
        add(root, 0, "#57606a")
    return bars


def draw(bars: Sequence[Bar]) -> str:
    """Returns the picture: names on the left, bars to scale, durations beside them."""
    root = bars[0].span
    total_ns = root.ended_ns - root.started_ns
    scale = (WIDTH - NAMES - RIGHT) / total_ns
    height = TOP + ROW * len(bars) + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>Waterfall of one Recommend, {total_ns / 1e6:.2f} ms</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        *_axis(total_ns, scale, height),
    ]
    for row, bar in enumerate(bars):
        lines += _row(bar, TOP + row * ROW, root.started_ns, scale)
    lines.append(_caption(root, height))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _axis(total_ns: int, scale: float, height: int) -> list[str]:
    step_ms = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 1e9) if total_ns / 1e6 / step <= 8)
    lines = []
    for number in range(int(total_ns / 1e6 / step_ms) + 1):
        x = NAMES + number * step_ms * 1e6 * scale
        lines.append(f'<line class="axis" x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 28}"/>')
        lines.append(
            f'<text class="tick" x="{x:.1f}" y="{TOP - 14}" text-anchor="middle">{number * step_ms:g} ms</text>'
        )
    return lines


def _row(bar: Bar, top: int, origin_ns: int, scale: float) -> list[str]:
    span = bar.span
    left, wide = NAMES + (span.started_ns - origin_ns) * scale, (span.ended_ns - span.started_ns) * scale
    name = span.name.removeprefix("shortlist.v1.") if bar.depth == 0 else span.name
    weight = ' font-weight="600"' if bar.depth < 2 else ""
    said = f"{(span.ended_ns - span.started_ns) / 1e6:.2f} ms"
    if "shortlist.candidates.given" in span.attributes and span.attributes["shortlist.candidates.count"]:
        said += f", {span.attributes['shortlist.candidates.count']}"
    opacity = "1" if bar.depth < 2 else ".65"
    return [
        f'<text x="{8 + 14 * bar.depth}" y="{top + 13}"{weight}>{escape(name)}</text>',
        f'<rect x="{left:.1f}" y="{top + 3}" width="{max(wide, 1):.1f}" height="{ROW - 7}" rx="2" '
        f'fill="{bar.colour}" opacity="{opacity}"/>',
        f'<text class="tick" x="{left + max(wide, 1) + 5:.1f}" y="{top + 13}">{said}</text>',
    ]


def _caption(root: ReceivedSpan, height: int) -> str:
    told = root.attributes
    text = (
        f"{told['rpc.status_code']}, served by {told['shortlist.served_by']}, release "
        f"{told['shortlist.index.version']}, kept because {told['shortlist.trace.kept_for']}; numbers beside stages: "
        "candidates left"
    )
    return f'<text class="tick" x="8" y="{height - 10}">{escape(text)}</text>'


if __name__ == "__main__":
    main()
