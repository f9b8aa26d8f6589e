"""What the stages of answers add to the metrics, many answers at once: a loop over every stage would cost three times it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from server.telemetry.call import Answer, StageStamp
from server.telemetry.families import (
    BOUNDS_S,
    BUDGETS,
    CANDIDATES,
    FILTERED,
    GROUPS,
    OVER_BUDGET,
    STAGE_FAILURES,
    STAGES,
)
from server.telemetry.kept_call import FALLBACK, group_of
from server.telemetry.worker_metrics import WorkerMetrics

_BOUNDS_S = np.array(BOUNDS_S)
_SUM_AT = len(BOUNDS_S) + 1
_SEQUENCES_MAX = 256
"""Sequences of stages whose places are remembered; there are a few dozen, by what a request asks for."""

Places = NDArray[np.intp]
Times = NDArray[np.float64]


@dataclass(slots=True)
class _Sequence:
    """The stages of answers that ran through the same ones, and where they are counted in the slot.

    stages, groups: first word of each histogram. firsts, lasts: the groups' first and last stage. over_budget: a word
    a group. proposed, kept, removed: numbers of the stages (left) and their words (right). waiting: started_s, ended_s,
    candidates_in and candidates_out of each stage, of each answer that is to be counted.
    """

    stages: Places
    groups: Places
    firsts: Places
    lasts: Places
    budgets_s: Times
    over_budget: Places
    proposed: tuple[Places, Places]
    kept: tuple[Places, Places]
    removed: tuple[Places, Places]
    waiting: list[tuple[Sequence[float], ...]] = field(default_factory=list)


class StageCounts:
    """Counts the stages of answers. For one thread. budgets_s: of the groups, by name; others have no limit."""

    def __init__(self, metrics: WorkerMetrics, budgets_s: Mapping[str, float]) -> None:
        self._metrics = metrics
        self._words, self._floats = metrics.as_arrays()
        self._budgets_s = budgets_s
        self._sequences: dict[tuple[tuple[str, ...], int], _Sequence] = {}
        for group, budget_s in budgets_s.items():
            metrics.gauge(BUDGETS, _label(group)).set(budget_s)

    def count(self, answers: Iterable[Answer]) -> None:
        """Counts the stages of all answers."""
        for answer in answers:
            if not answer.stages:
                continue
            names, _, started_s, ended_s, given, left, _, _ = zip(*answer.stages, strict=True)
            sequence = self._sequences.get((names, answer.fallback_from))
            if sequence is None:
                sequence = self._add_sequence(names, answer)
            sequence.waiting.append((started_s, ended_s, given, left))
            if answer.degraded:
                self._count_failures(answer.stages)
        for sequence in self._sequences.values():
            if sequence.waiting:
                self._count_sequence(sequence)
                sequence.waiting.clear()

    def _count_sequence(self, sequence: _Sequence) -> None:
        stamps = np.array(sequence.waiting, np.float64)
        started_s, ended_s, given, left = stamps.transpose(1, 0, 2)
        self._observe(sequence.stages, ended_s - started_s)
        groups_s = ended_s[:, sequence.lasts] - started_s[:, sequence.firsts]
        self._observe(sequence.groups, groups_s)
        self._add(sequence.over_budget, (groups_s > sequence.budgets_s).sum(axis=0))
        for (stages, places), candidates in (
            (sequence.proposed, left),
            (sequence.kept, left),
            (sequence.removed, given - left),
        ):
            self._add(places, candidates[:, stages].sum(axis=0))

    def _observe(self, histograms: Places, durations_s: Times) -> None:
        """Adds durations, one row an answer and one column a histogram."""
        buckets = histograms + np.searchsorted(_BOUNDS_S, durations_s)
        np.add.at(self._words, buckets.ravel(), np.uint64(1))
        np.add.at(self._floats, histograms + _SUM_AT, durations_s.sum(axis=0))

    def _add(self, places: Places, counts: NDArray[np.generic]) -> None:
        np.add.at(self._words, places, counts.astype(np.uint64))

    def _count_failures(self, stages: Sequence[StageStamp]) -> None:
        for stage in stages:
            if stage.late or stage.error is not None:
                self._metrics.counter(STAGE_FAILURES, stage.stage, "late" if stage.late else "error").add()

    def _add_sequence(self, names: tuple[str, ...], answer: Answer) -> _Sequence:
        if len(self._sequences) >= _SEQUENCES_MAX:
            self._sequences = {key: kept for key, kept in self._sequences.items() if kept.waiting}
        place, stages = self._metrics.place, answer.stages
        groups = _groups(answer)
        sources = [at for at, stage in enumerate(stages) if stage.kind == "source"]
        filters = [at for at, stage in enumerate(stages) if stage.kind == "filter"]
        made = _Sequence(
            stages=_places(place(STAGES, stage.stage, stage.kind) for stage in stages),
            groups=_places(place(GROUPS, _label(name)) for name, _, _ in groups),
            firsts=_places(first for _, first, _ in groups),
            lasts=_places(last for _, _, last in groups),
            budgets_s=np.array([self._budgets_s.get(name, np.inf) for name, _, _ in groups]),
            over_budget=_places(place(OVER_BUDGET, _label(name)) for name, _, _ in groups),
            proposed=(_places(sources), _places(place(CANDIDATES, names[at]) for at in sources)),
            kept=(_places(filters), _places(place(FILTERED, names[at], "kept") for at in filters)),
            removed=(_places(filters), _places(place(FILTERED, names[at], "removed") for at in filters)),
        )
        self._sequences[names, answer.fallback_from] = made
        return made


def _groups(answer: Answer) -> list[tuple[str, int, int]]:
    """Returns (name, first stage, last stage) of each run of stages of one group."""
    first = answer.fallback_from if answer.fallback_from >= 0 else len(answer.stages)

    def name(at: int) -> str:
        return FALLBACK if at >= first else group_of(answer.stages[at].kind)

    runs = ((group, list(numbers)) for group, numbers in groupby(range(len(answer.stages)), key=name))
    return [(group, numbers[0], numbers[-1]) for group, numbers in runs]


def _places(numbers: Iterable[int]) -> Places:
    return np.fromiter(numbers, np.intp)


def _label(group: str) -> str:
    return group.removeprefix("shortlist.")
