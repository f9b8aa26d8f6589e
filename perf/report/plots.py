"""Plots as inline SVG, without a library: lines over two axes, and bars."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 72, 120, 24, 48
BAR_HEIGHT, BAR_LEFT = 28, 240
COLOURS = ("#0b6e99", "#c2410c", "#4d7c0f", "#7e22ce")
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """name: with its unit. log: powers of ten; its values are above 0."""

    name: str
    log: bool = False


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if log:
        return [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    rough = max(high, 1e-9) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
    return [step * number for number in range(math.ceil(high / step) + 1)]


def _scale(ticks: list[float], start: float, end: float, log: bool) -> Callable[[float], float]:
    low, high = (math.log10(tick) if log else tick for tick in (ticks[0], ticks[-1]))
    span = (high - low) or 1.0
    return lambda value: start + ((math.log10(value) if log else value) - low) / span * (end - start)


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def line_plot(series: dict[str, Points], x: Axis, y: Axis) -> str:
    """Returns a plot of named lines."""
    xs = [point[0] for points in series.values() for point in points]
    ys = [point[1] for points in series.values() for point in points]
    x_ticks, y_ticks = _ticks(min(xs), max(xs), x.log), _ticks(min(ys), max(ys), y.log)
    place_x = _scale(x_ticks, LEFT, WIDTH - RIGHT, x.log)
    place_y = _scale(y_ticks, HEIGHT - BOTTOM, TOP, y.log)
    parts = [_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x.name), _text(8, 14, y.name, "start")]
    for tick in y_ticks:
        parts.append(f'<path class="grid" d="M{LEFT} {place_y(tick):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 6, place_y(tick) + 4, f"{tick:,g}", "end"))
    parts += [_text(place_x(tick), HEIGHT - BOTTOM + 18, f"{tick:,g}") for tick in x_ticks]
    for (name, points), colour in zip(series.items(), COLOURS, strict=False):
        parts += _line(name, [(place_x(a), place_y(b)) for a, b in points], colour)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'


def _line(name: str, places: Points, colour: str) -> list[str]:
    path = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    dots = [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in places]
    last_x, last_y = places[-1]
    label = f'<text x="{last_x + 8:.1f}" y="{last_y + 4:.1f}" style="fill:{colour}">{escape(name)}</text>'
    return [f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>', *dots, label]


def bar_plot(values: dict[str, float], unit: str) -> str:
    """Returns a plot of named bars."""
    most = max(values.values(), default=0) or 1.0
    parts = []
    for place, (name, value) in enumerate(values.items()):
        y = place * BAR_HEIGHT
        length = value / most * (WIDTH - BAR_LEFT - RIGHT)
        parts.append(_text(BAR_LEFT - 8, y + 18, name, "end"))
        parts.append(
            f'<rect x="{BAR_LEFT}" y="{y + 4}" width="{length:.1f}" height="20" fill="{COLOURS[0]}"/>'
        )
        parts.append(_text(BAR_LEFT + length + 6, y + 18, f"{value:,.4g} {unit}", "start"))
    return f'<svg viewBox="0 0 {WIDTH} {len(values) * BAR_HEIGHT}" role="img">{"".join(parts)}</svg>'
