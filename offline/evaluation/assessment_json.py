"""An assessment as the JSON that `shortlist evaluate --json` writes; what is not known is null."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from offline.evaluation.assessment import ACCURACY_METRICS, LIST_METRICS, Assessment
from offline.evaluation.bootstrap import Interval
from offline.evaluation.breakdowns import GroupShares
from offline.evaluation.protocol import Split


def assessment_json(split: Split, assessment: Assessment, k: int) -> dict[str, object]:
    """Returns k, users, each method's metrics by name, and what else is known of them by methods and groups."""
    return {
        "k": k,
        "users": int(split.test_users.size),
        "methods": {name: _metrics(assessment, name) for name in assessment.lists},
        "intervals": {name: _intervals(found) for name, found in assessment.intervals.items()},
        "differences": {
            name: {base: _intervals(found) for base, found in against.items()}
            for name, against in assessment.differences.items()
        },
        "segments": {
            segment.name: {"users": segment.users, "methods": _known(segment.means)}
            for segment in assessment.segments
        },
        "categories": _groups(assessment.categories),
        "popularity_deciles": _groups(assessment.deciles),
    }


def _metrics(assessment: Assessment, name: str) -> dict[str, float | None]:
    accuracy = {metric: assessment.mean(name, metric) for metric in ACCURACY_METRICS}
    others = {metric: _or_null(assessment.mean(name, metric)) for metric in LIST_METRICS}
    return {**accuracy, "coverage": assessment.coverage[name], **others}


def _intervals(found: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    return {metric: interval.as_dict() for metric, interval in found.items()}


def _known(means: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    return {
        method: {metric: _or_null(value) for metric, value in values.items()}
        for method, values in means.items()
    }


def _groups(groups: Sequence[GroupShares]) -> list[dict[str, object]]:
    return [
        {
            "name": group.name,
            "items": group.items,
            "wanted": group.wanted,
            "found": dict(group.found),
            "shown": dict(group.shown),
        }
        for group in groups
    ]


def _or_null(value: float) -> float | None:
    return None if math.isnan(value) else value
