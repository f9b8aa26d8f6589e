"""The page: what was measured, drawn and set in HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from offline.evaluation.assessment import BASELINES, Assessment
from offline.evaluation.bootstrap import Interval
from offline.evaluation.breakdowns import GroupShares
from offline.report.content import Effect, ReportContent
from offline.report.plots import Plot, bars, curve, dots, figure

TITLES = {
    "ndcg": "NDCG",
    "recall": "Recall",
    "precision": "Precision",
    "map": "MAP",
    "hit_rate": "Hit rate",
    "mrr": "MRR",
    "diversity": "Diversity",
    "novelty": "Novelty (bits)",
    "serendipity": "Serendipity",
    "miscalibration": "Miscalibration (nats)",
}
DRAWN = ("ndcg", "recall", "hit_rate", "map", "diversity", "novelty", "serendipity", "miscalibration")
EFFECT_TITLES = {
    "features": "Change of NDCG without a group of features",
    "sources": "Change of NDCG without a source of candidates",
    "inputs": "Change of NDCG when trained without an input",
}
TRADED = {"diversity": "category diversity", "coverage": "coverage", "novelty": "novelty, bits"}


@dataclass(frozen=True, slots=True)
class Cell:
    """What a table says in one place; below it, smaller, how sure it is."""

    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its header and its cells."""

    name: str
    cells: Sequence[Cell]


def render(content: ReportContent) -> str:
    """Returns the page."""
    environment = Environment(
        loader=PackageLoader("offline.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = content.assessment
    plots = {
        "metrics": _metric_plots(found),
        "trade_off": _trade_off_plots(content),
        "segments": _segment_plots(found),
        "deciles": _decile_plots(found),
        "mixes": _mix_plots(content),
        **{name: _effect_plots(name, getattr(content, name)) for name in ("features", "sources", "inputs")},
    }
    page = environment.get_template("page.html.jinja")
    return page.render(
        content=content,
        found=found,
        plots=plots,
        metric_titles=list(TITLES.values()),
        metrics=_metric_rows(found),
        baselines=[name for name in BASELINES if name in found.lists],
        gains=_gain_rows(found),
        segments=_segment_rows(found),
        categories=_group_rows(found.categories, found),
        deciles=_group_rows(found.deciles, found),
        verdict=verdict,
    )


def verdict(difference: Interval) -> str:
    """Returns in a word what a paired difference says."""
    if not difference.is_clear_of_zero:
        return "not told apart"
    return "better" if difference.low > 0 else "worse"


def _metric_plots(found: Assessment) -> list[Plot]:
    plots = []
    for metric in DRAWN:
        rows = {name: _interval(found, name, metric) for name in found.lists}
        if not all(math.isnan(row.mean) for row in rows.values()):
            plots.append(dots(TITLES[metric], rows))
    coverage = {name: Interval(share, math.nan, math.nan) for name, share in found.coverage.items()}
    return [*plots, dots("Coverage of the catalogue", coverage)]


def _interval(found: Assessment, name: str, metric: str) -> Interval:
    if name in found.intervals:
        return found.intervals[name][metric]
    return Interval(found.mean(name, metric), math.nan, math.nan)


def _metric_rows(found: Assessment) -> list[Row]:
    return [
        Row(
            name,
            [
                *(_told(_interval(found, name, metric)) for metric in TITLES),
                Cell(figure(found.coverage[name])),
            ],
        )
        for name in found.lists
    ]


def _told(interval: Interval) -> Cell:
    if math.isnan(interval.low):
        return Cell(figure(interval.mean))
    return Cell(figure(interval.mean), f"{figure(interval.low)} to {figure(interval.high)}")


def _gain_rows(found: Assessment) -> list[Row]:
    bases = [name for name in BASELINES if name in found.lists]
    return [
        Row(name, [_gain(against[base]["ndcg"]) if base in against else Cell("") for base in bases])
        for name, against in found.differences.items()
    ]


def _gain(interval: Interval) -> Cell:
    return Cell(f"{interval.mean:+.4f}, {verdict(interval)}", f"{interval.low:+.4f} to {interval.high:+.4f}")


def _trade_off_plots(content: ReportContent) -> list[Plot]:
    points = content.trade_off
    if not points:
        return []
    marked = next(place for place, point in enumerate(points) if point.is_default)
    plots = []
    for field, title in TRADED.items():
        values = [(float(getattr(p, field)), p.ndcg, f"{p.weight:g}") for p in points]
        if not any(math.isnan(x) for x, _, _ in values):
            plots.append(curve(f"NDCG against {field}", title, values, marked))
    return plots


def _segment_plots(found: Assessment) -> list[Plot]:
    used = [segment for segment in found.segments if segment.users]
    return [
        bars(
            f"{TITLES[metric]} by segment",
            [segment.name for segment in used],
            {name: [segment.means[name][metric] for segment in used] for name in found.lists},
        )
        for metric in ("ndcg", "recall")
    ]


def _segment_rows(found: Assessment) -> list[Row]:
    return [
        Row(
            f"{segment.name} ({segment.users:,})",
            [Cell(figure(segment.means[name]["ndcg"])) for name in found.lists],
        )
        for segment in found.segments
    ]


def _decile_plots(found: Assessment) -> list[Plot]:
    wanted = _shares([group.wanted for group in found.deciles])
    names = [group.name for group in found.deciles]
    return [
        bars(
            f"Exposure by popularity: {method}",
            names,
            {method: _shares([group.shown[method] for group in found.deciles]), "wanted in test": wanted},
        )
        for method in found.lists
    ]


def _shares(counts: Sequence[int]) -> list[float]:
    return [number / max(1, sum(counts)) for number in counts]


def _group_rows(groups: Sequence[GroupShares], found: Assessment) -> list[Row]:
    return [
        Row(
            group.name,
            [
                Cell(f"{group.items:,}"),
                Cell(f"{group.wanted:,}"),
                *(Cell(figure(group.recall(name))) for name in found.lists),
            ],
        )
        for group in groups
    ]


def _mix_plots(content: ReportContent) -> list[Plot]:
    """One plot a method, each beside the histories."""
    names = [mix.name for mix in content.mixes]
    history = [mix.history for mix in content.mixes]
    return [
        bars(f"Category mix: {method}", names, {"histories": history, method: shown})
        for method, shown in _by_method(content).items()
    ]


def _by_method(content: ReportContent) -> Mapping[str, list[float]]:
    if not content.mixes:
        return {}
    return {name: [mix.shown[name] for mix in content.mixes] for name in content.assessment.lists}


def _effect_plots(name: str, effects: Sequence[Effect]) -> list[Plot]:
    rows = {effect.name: effect.ndcg for effect in effects}
    return [dots(EFFECT_TITLES[name], rows, zero=True)] if rows else []
