"""A seeded search over the knobs, with a budget in trials and seconds, and a second look at what it found.

The best of many trials is partly luck. So the users are two halves: one chooses, the other is asked once, of the best
and of the knobs that were there before. What does not hold there is not taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from server.cli.tuning.knobs import Knobs, random_knobs, varied_knobs

EXPLORING_SHARE = 0.4
"""Of the trials: drawn from anywhere. The rest vary the best by one knob."""


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
    """Ends the search: trials, the first is that of the knobs as they are; seconds of the given clock."""

    trials: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TuneResult:
    """trials: in their order, the given knobs first. before, after: for the users who confirm, of the given knobs and of
    the best trial's. taken: the knobs to use, the given ones where the best did not hold."""

    trials: tuple[Trial, ...]
    before: Quality
    after: Quality
    taken: Knobs

    @property
    def confirmed(self) -> Quality:
        """That of the knobs to use, for the users who confirm."""
        return self.before if self.taken == self.trials[0].knobs else self.after

    @property
    def best(self) -> Trial:
        """The best trial, the earliest of equal ones."""
        return max(self.trials, key=lambda trial: trial.quality.value)


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
) -> TuneResult:
    """Searches from the given knobs on. The same seed tries the same, as far as the seconds reach."""
    rng = np.random.default_rng(seed)
    started = clock()
    best = Trial(given, choosing(given))
    trials = [best]
    report(best)
    while len(trials) < budget.trials and clock() - started < budget.seconds:
        exploring = len(trials) < EXPLORING_SHARE * budget.trials
        knobs = random_knobs(rng) if exploring else varied_knobs(best.knobs, rng)
        trial = Trial(knobs, choosing(knobs))
        trials.append(trial)
        report(trial)
        if trial.quality.value > best.quality.value:
            best = trial
    before = confirming(given)
    after = before if best.knobs == given else confirming(best.knobs)
    taken = best.knobs if after.value > before.value else given
    return TuneResult(tuple(trials), before, after, taken)
