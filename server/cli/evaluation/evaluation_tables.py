"""An evaluation in a terminal: the hits, what else makes a list, and what is gained over the baselines."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.table import Table

from offline.evaluation.assessment import BASELINES, Assessment
from offline.evaluation.bootstrap import Interval
from server.cli.evaluation.evaluation_run import Evaluation

ACCURACY_TITLES = {
    "recall": "recall",
    "ndcg": "NDCG",
    "precision": "precision",
    "map": "MAP",
    "hit_rate": "hit rate",
}
LIST_TITLES = {
    "diversity": "diversity",
    "novelty": "novelty, bits",
    "serendipity": "serendipity",
    "miscalibration": "miscalibration",
}


def evaluation_tables(found: Evaluation) -> Iterator[Table]:
    """Yields the tables, the last one only where there are baselines and intervals."""
    assessment, k = found.assessment, found.options.k
    yield _accuracy(found)
    yield _beside_the_hits(assessment, k)
    if any(assessment.differences.values()):
        yield _gains(assessment, k)


def _accuracy(found: Evaluation) -> Table:
    split, assessment = found.split, found.assessment
    seen = "seen items masked" if split.masked else "repeats allowed"
    users, items = split.test_users.size, len(split.item_ids)
    table = _table(f"{users:,} users, {items:,} items ranked, {seen}")
    for title in ACCURACY_TITLES.values():
        table.add_column(f"{title}@{found.options.k}", justify="right")
    table.add_column("coverage", justify="right")
    for name in assessment.lists:
        values = [_cell(assessment, name, metric) for metric in ACCURACY_TITLES]
        table.add_row(name, *values, f"{assessment.coverage[name]:.4f}")
    return table


def _beside_the_hits(assessment: Assessment, k: int) -> Table:
    table = _table(f"Beside the hits, lists of {k}")
    for title in LIST_TITLES.values():
        table.add_column(title, justify="right")
    for name in assessment.lists:
        table.add_row(name, *(_cell(assessment, name, metric) for metric in LIST_TITLES))
    return table


def _gains(assessment: Assessment, k: int) -> Table:
    baselines = [name for name in BASELINES if name in assessment.lists]
    table = _table(f"NDCG@{k} more than the baseline's, user by user")
    for base in baselines:
        table.add_column(f"over {base}", justify="right")
    for name, against in assessment.differences.items():
        cells = [_difference(against[base]["ndcg"]) if base in against else "" for base in baselines]
        table.add_row(name, *cells)
    return table


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("method")
    return table


def _cell(assessment: Assessment, name: str, metric: str) -> str:
    mean = assessment.mean(name, metric)
    if math.isnan(mean):
        return "–"
    interval = assessment.intervals.get(name, {}).get(metric)
    return f"{mean:.4f}" + (f"\n{interval.low:.4f}–{interval.high:.4f}" if interval else "")


def _difference(interval: Interval) -> str:
    return f"{interval.mean:+.4f}\n{interval.low:+.4f} to {interval.high:+.4f}"
