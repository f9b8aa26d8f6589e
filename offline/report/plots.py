"""Plots as inline SVG, drawn for a width of 360 so that they are legible on a phone.

Colours are the page's CSS variables --s0 to --s5, which tell apart for the colour-blind (Okabe & Ito, "Color
Universal Design", 2008); no plot needs them alone, for rows, columns and curves carry their names. Every plot has a
title, which no other plot of the page has, and a description in words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from offline.evaluation.bootstrap import Interval

WIDTH = 360
NDCG_SPAN_MIN = 0.1
"""A curve's vertical axis spans at least this share of its largest value, so that noise looks like noise."""
LABELS_WIDTH = 140
ROW_HEIGHT = 26
COLOURS = 6


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing and what it is called."""

    title: str
    drawing: Markup


def figure(value: float) -> str:
    """Returns a number as a person reads it: three decimals, one above 10, no minus before a zero."""
    if math.isnan(value):
        return "–"
    return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 10 else f"{value:.1f}"


def dots(title: str, rows: Mapping[str, Interval], *, zero: bool = False) -> Plot:
    """Draws a row a name: a dot at the mean, a line over the interval. zero: whether a line stands at 0."""
    known = {name: row for name, row in rows.items() if not math.isnan(row.mean)}
    ends = [
        value for row in known.values() for value in (row.low, row.high, row.mean) if not math.isnan(value)
    ]
    at = _Scale(ends + ([0.0] if zero else []), LABELS_WIDTH, WIDTH - 46)
    height = 8 + ROW_HEIGHT * len(known) + 22
    parts = [_vertical(at(0.0), 4, height - 20, "zero")] if zero else []
    for place, (name, row) in enumerate(known.items()):
        y = 8 + ROW_HEIGHT * place + ROW_HEIGHT / 2
        parts.append(_text(0, y + 4, name))
        if not math.isnan(row.low):
            parts.append(
                f'<line class="whisker" x1="{at(row.low):.1f}" x2="{at(row.high):.1f}" y1="{y}" y2="{y}"/>'
            )
        parts.append(f'<circle class="dot" cx="{at(row.mean):.1f}" cy="{y}" r="4.5"/>')
        parts.append(_text(WIDTH, y + 4, figure(row.mean), "end"))
    parts += [_text(at(tick), height - 4, figure(tick), "middle", "tick") for tick in at.ticks]
    said = "; ".join(
        f"{name} {figure(row.mean)}"
        + ("" if math.isnan(row.low) else f" ({figure(row.low)} to {figure(row.high)})")
        for name, row in known.items()
    )
    return _svg(title, said, height, parts)


def bars(title: str, groups: Sequence[str], series: Mapping[str, Sequence[float]]) -> Plot:
    """Draws groups of vertical bars, one bar a series, in the order of the legend. Unknown values have no bar."""
    largest = max((value for values in series.values() for value in values if value > 0), default=1.0)
    top, floor = 10 + 16 * math.ceil(len(series) / 2), 200
    width = (WIDTH - 8) / max(1, len(groups))
    bar = width * 0.8 / max(1, len(series))
    parts = [_legend(list(series)), f'<line class="axis" x1="0" x2="{WIDTH}" y1="{floor}" y2="{floor}"/>']
    for place, group in enumerate(groups):
        left = 4 + place * width + width * 0.1
        for number, values in enumerate(series.values()):
            if not math.isnan(values[place]):
                tall = max(0.0, values[place]) / largest * (floor - top - 8)
                parts.append(
                    f'<rect fill="var(--s{number % COLOURS})" x="{left + number * bar:.1f}" '
                    f'y="{floor - tall:.1f}" width="{bar * 0.9:.1f}" height="{tall:.1f}"/>'
                )
        parts.append(_text(left + width * 0.4, floor + 14, _short(group, width), "middle", "tick"))
    parts.append(_text(WIDTH, top + 4, f"top = {figure(largest)}", "end", "tick"))
    said = "; ".join(
        f"{name}: " + ", ".join(f"{group} {figure(v)}" for group, v in zip(groups, values, strict=True))
        for name, values in series.items()
    )
    return _svg(title, said, floor + 22, parts)


def curve(title: str, x_title: str, points: Sequence[tuple[float, float, str]], marked: int) -> Plot:
    """Draws points (x, y, label) joined in their order; the marked one is drawn larger."""
    xs = _Scale([x for x, _, _ in points], 52, WIDTH - 24)
    heights = [y for _, y, _ in points]
    ys = _Scale(heights, 176, 20, NDCG_SPAN_MIN * max(heights))
    path = " ".join(f"{xs(x):.1f},{ys(y):.1f}" for x, y, _ in points)
    parts = [f'<polyline class="curve" points="{path}"/>']
    for place, (x, y, label) in enumerate(points):
        size = 7 if place == marked else 4
        parts.append(f'<circle class="dot" cx="{xs(x):.1f}" cy="{ys(y):.1f}" r="{size}"/>')
        # Neighbours' labels keep out of each other's way.
        parts.append(_text(xs(x), ys(y) + (20 if place % 2 else -10), label, "middle", "tick"))
    parts += [_text(xs(tick), 204, figure(tick), "middle", "tick") for tick in xs.ticks]
    parts += [_text(0, ys(tick) + 4, figure(tick), "start", "tick") for tick in ys.ticks]
    parts.append(_text((52 + WIDTH) / 2, 222, x_title, "middle"))
    parts.append('<path class="axis" fill="none" d="M38 8V188H360"/>')
    said = "; ".join(f"{label}: {x_title} {figure(x)}, NDCG {figure(y)}" for x, y, label in points)
    return _svg(title, said, 228, parts)


class _Scale:
    """From values to pixels, with ticks at both ends. span_min: of the values' range; what is added goes to both ends."""

    def __init__(self, values: Sequence[float], start: float, end: float, span_min: float = 0.0) -> None:
        known = [value for value in values if not math.isnan(value)] or [0.0]
        added = max(0.0, span_min - (max(known) - min(known))) / 2
        self._low, high = min(known) - added, max(known) + added
        self._span = (high - self._low) or 1.0
        self._start, self._end = start, end
        self.ticks = (self._low, high) if high > self._low else (self._low,)

    def __call__(self, value: float) -> float:
        return self._start + (value - self._low) / self._span * (self._end - self._start)


def _svg(title: str, said: str, height: float, parts: Sequence[str]) -> Plot:
    name = re.sub(r"\W+", "-", title)
    drawing = Markup(
        f'<svg role="img" viewBox="0 0 {WIDTH} {height:.0f}" aria-labelledby="t-{name} d-{name}">'
        f'<title id="t-{name}">{escape(title)}</title><desc id="d-{name}">{escape(said)}</desc>'
        f"{''.join(parts)}</svg>"
    )
    return Plot(title, drawing)


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "label") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _vertical(x: float, top: float, bottom: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'


def _legend(names: Sequence[str]) -> str:
    parts = []
    for place, name in enumerate(names):
        x, y = (place % 2) * WIDTH / 2, 4 + (place // 2) * 16
        parts.append(f'<rect fill="var(--s{place % COLOURS})" x="{x}" y="{y}" width="10" height="10"/>')
        parts.append(_text(x + 15, y + 9.5, name, "start", "tick"))
    return "".join(parts)


def _short(name: str, width: float) -> str:
    letters = max(2, int(width / 8))
    return name if len(name) <= letters else name[: letters - 1] + "…"
