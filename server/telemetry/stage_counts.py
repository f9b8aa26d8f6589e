"""What the stages of an answer add to the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.telemetry.call import Answer, StageStamp
from server.telemetry.families import (
    BUDGETS,
    CANDIDATES,
    FILTERED,
    GROUPS,
    OVER_BUDGET,
    STAGE_FAILURES,
    STAGES,
)
from server.telemetry.kept_call import FALLBACK, group_of
from server.telemetry.worker_metrics import Counter, Histogram, WorkerMetrics


@dataclass(frozen=True, slots=True)
class _Stage:
    """One stage's series. kept, removed: of a filter; proposed: of a source."""

    group: str
    duration: Histogram
    proposed: Counter | None
    kept: Counter | None
    removed: Counter | None


@dataclass(frozen=True, slots=True)
class _Group:
    """One group's series. budget_s: infinite for the fallback, which runs in the reserve."""

    duration: Histogram
    over_budget: Counter
    budget_s: float


class StageCounts:
    """Counts the stages of answers. For one thread. budgets_s: of the groups, by name."""

    def __init__(self, metrics: WorkerMetrics, budgets_s: Mapping[str, float]) -> None:
        self._metrics = metrics
        self._budgets_s = budgets_s
        self._stages: dict[str, _Stage] = {}
        self._groups: dict[str, _Group] = {}
        for group, budget_s in budgets_s.items():
            metrics.gauge(BUDGETS, _label(group)).set(budget_s)

    def count(self, answer: Answer) -> None:
        """Counts the stages of one answer."""
        first = answer.fallback_from
        group, started_s, ended_s = "", 0.0, 0.0
        for at, stamp in enumerate(answer.stages):
            stage = self._stages.get(stamp.stage) or self._add_stage(stamp)
            self._count_stage(stage, stamp)
            now = FALLBACK if 0 <= first <= at else stage.group
            if now != group:
                self._count_group(group, ended_s - started_s)
                group, started_s = now, stamp.started_s
            ended_s = stamp.ended_s
        self._count_group(group, ended_s - started_s)

    def _count_stage(self, stage: _Stage, stamp: StageStamp) -> None:
        stage.duration.observe(stamp.ended_s - stamp.started_s)
        if stamp.late or stamp.error is not None:
            why = "late" if stamp.late else "error"
            self._metrics.counter(STAGE_FAILURES, stamp.stage, why).add()
        elif stage.proposed is not None:
            stage.proposed.add(stamp.candidates_out)
        elif stage.kept is not None and stage.removed is not None:
            stage.kept.add(stamp.candidates_out)
            stage.removed.add(stamp.candidates_in - stamp.candidates_out)

    def _count_group(self, name: str, duration_s: float) -> None:
        if not name:
            return
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group(
                self._metrics.histogram(GROUPS, _label(name)),
                self._metrics.counter(OVER_BUDGET, _label(name)),
                self._budgets_s.get(name, float("inf")),
            )
        group.duration.observe(duration_s)
        if duration_s > group.budget_s:
            group.over_budget.add()

    def _add_stage(self, stamp: StageStamp) -> _Stage:
        counter, name = self._metrics.counter, stamp.stage
        is_filter = stamp.kind == "filter"
        made = _Stage(
            group=group_of(stamp.kind),
            duration=self._metrics.histogram(STAGES, name, stamp.kind),
            proposed=counter(CANDIDATES, name) if stamp.kind == "source" else None,
            kept=counter(FILTERED, name, "kept") if is_filter else None,
            removed=counter(FILTERED, name, "removed") if is_filter else None,
        )
        self._stages[name] = made
        return made


def _label(group: str) -> str:
    return group.removeprefix("shortlist.")
