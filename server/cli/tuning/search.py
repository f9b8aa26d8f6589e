"""A seeded search over the knobs, with a budget in trials and seconds, and a second look at what it found.

The best of many trials is partly luck. So the users are two halves: one chooses, the other is asked once, of the best
and of the knobs that were there before. What does not hold there is not taken. And a knob of the best that does no
good goes back to where it was: chance moved it, and it may do harm that recall and NDCG do not see.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace

import numpy as np

from server.cli.tuning.knobs import Knobs, random_knobs, varied_knobs

EXPLORING_SHARE = 0.4
"""Of the trials: drawn from anywhere. The rest vary the best by one knob."""

TIE = 1e-9
"""Qualities that differ by less are equal."""

DRAWS_MAX = 50
"""Knobs are drawn so often until some come that were not tried yet; then the search ends."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over users."""

    recall: float
    ndcg: float

    @property
    def value(self) -> float:
        """What is maximised: the mean of both."""
        return (self.recall + self.ndcg) / 2


@dataclass(frozen=True, slots=True)
class Trial:
    """Knobs that were tried, and their quality for the users who choose."""

    knobs: Knobs
    quality: Quality


@dataclass(frozen=True, slots=True)
class Budget:
    """Ends the search: trials, the first is that of the knobs as they are; seconds of the given clock.

    Putting back what does no good may take one more trial for each knob, within the seconds.
    """

    trials: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TuneResult:
    """trials: in their order, the given knobs first. best: the best of them. before, after: for the users who confirm, of the given knobs and of
    the best trial's. taken: the knobs to use, the given ones where the best did not hold."""

    trials: tuple[Trial, ...]
    best: Trial
    before: Quality
    after: Quality
    taken: Knobs

    @property
    def confirmed(self) -> Quality:
        """That of the knobs to use, for the users who confirm."""
        return self.before if self.taken == self.trials[0].knobs else self.after


Judge = Callable[[Knobs], Quality]


def tune(
    given: Knobs,
    choosing: Judge,
    confirming: Judge,
    budget: Budget,
    *,
    seed: int,
    clock: Callable[[], float],
    report: Callable[[Trial], None],
    fixed: Collection[str] = (),
) -> TuneResult:
    """Searches from the given knobs on. The same seed tries the same, as far as the seconds reach.

    fixed: names of knobs that stay as they are.
    """
    climb = _Climb(given, choosing, report)
    rng = np.random.default_rng(seed)
    stop_s = clock() + budget.seconds
    while len(climb.tried) < budget.trials and clock() < stop_s:
        exploring = len(climb.tried) < EXPLORING_SHARE * budget.trials
        knobs = _new_knobs(climb, fixed, rng, exploring=exploring)
        if knobs is None:
            break
        climb.attempt(knobs, better_by=0.0)
    for knob in fields(Knobs):
        knobs = replace(climb.best.knobs, **{knob.name: getattr(given, knob.name)})
        if knobs in climb.tried or clock() < stop_s:
            climb.attempt(knobs, better_by=-TIE)
    best = climb.best.knobs
    before = confirming(given)
    after = before if best == given else confirming(best)
    taken = best if after.value > before.value else given
    return TuneResult(tuple(climb.tried.values()), climb.best, before, after, taken)


class _Climb:
    """The trials so far, and the best of them."""

    def __init__(self, given: Knobs, choosing: Judge, report: Callable[[Trial], None]) -> None:
        self._choosing = choosing
        self._report = report
        self.tried: dict[Knobs, Trial] = {}
        self.best = self._judged(given)

    def attempt(self, knobs: Knobs, better_by: float) -> None:
        """Tries knobs, unless they were, and takes them where they are better than the best by more than that."""
        trial = self.tried.get(knobs) or self._judged(knobs)
        if trial.quality.value > self.best.quality.value + better_by:
            self.best = trial

    def _judged(self, knobs: Knobs) -> Trial:
        trial = Trial(knobs, self._choosing(knobs))
        self.tried[knobs] = trial
        self._report(trial)
        return trial


def _new_knobs(
    climb: _Climb, fixed: Collection[str], rng: np.random.Generator, *, exploring: bool
) -> Knobs | None:
    kept = {name: getattr(climb.best.knobs, name) for name in fixed}
    for _ in range(DRAWS_MAX):
        drawn = random_knobs(rng) if exploring else varied_knobs(climb.best.knobs, rng)
        knobs = replace(drawn, **kept)
        if knobs not in climb.tried:
            return knobs
    return None
