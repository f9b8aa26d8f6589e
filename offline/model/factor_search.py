"""Which factorisation to make towers of: tried on what is held back, one knob after another."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from offline.candidates.interactions import SECONDS_PER_DAY, Interactions
from offline.model.factor_towers import (
    FactorForm,
    Factorisation,
    can_factor,
    factor_model,
    factorise,
)
from offline.model.past_events import interactions_before
from offline.model.training import EpochReport, Report, TowerOptions
from offline.model.training_data import TrainingData
from offline.model.two_tower import TwoTowerModel
from offline.model.validation import USERS_MAX, HeldBack, RetrievalQuality, measure_towers

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BestFactors:
    """The best form that was tried, its towers, and what they reached."""

    form: FactorForm
    model: TwoTowerModel
    quality: RetrievalQuality


def best_factors(
    data: TrainingData, held: HeldBack, options: TowerOptions, report: Report
) -> BestFactors | None:
    """Returns the best form of the events before held.cut_s; None where there is too little to factor.

    Exponents are chosen first, then the half-life with those exponents.
    """
    events = interactions_before(data, held.cut_s)
    return _Search(data, events, held, options, report).run() if can_factor(events) else None


def towers_of_factors(
    data: TrainingData, before_s: int, queries: Longs, form: FactorForm, options: TowerOptions
) -> TwoTowerModel:
    """Returns the towers of the factors of all events before a time."""
    factors = factorise(interactions_before(data, before_s), before_s, form, options.factors.seed)
    return _towers(factors, form, _some_histories(data, queries, options), data, options)


class _Search:
    """The best so far, from which every next form differs by one knob."""

    def __init__(
        self,
        data: TrainingData,
        events: Interactions,
        held: HeldBack,
        options: TowerOptions,
        report: Report,
    ) -> None:
        self._data = data
        self._events = events
        self._held = held
        self._histories = _some_histories(data, held.earlier, options)
        self._options = options
        self._report = report
        self._best: BestFactors | None = None
        self._tried = 0
        self._started = time.monotonic()

    def run(self) -> BestFactors:
        """Tries one knob after another."""
        knobs = self._options.factors
        for user_exponent, item_exponent in knobs.exponents[: self._most(len(knobs.exponents))]:
            self._try(FactorForm(user_exponent, item_exponent, knobs.half_lives_days[0]))
        assert self._best is not None
        for days in self._other_half_lives():
            self._try(replace(self._best.form, half_life_days=days))
        return self._best

    def _other_half_lives(self) -> Iterator[float | None]:
        tried = self._options.factors.half_lives_days
        shortest = min((days for days in tried if days is not None), default=0.0)
        if np.ptp(self._events.times_s) >= shortest * SECONDS_PER_DAY:
            yield from tried[1 : self._most(len(tried))]

    def _most(self, forms: int) -> int:
        return forms if len(self._events) <= self._options.factors.trials_pairs_max else 1

    def _try(self, form: FactorForm) -> None:
        factors = factorise(self._events, self._held.cut_s, form, self._options.factors.seed)
        knobs = self._options.factors
        for exponent, tilt in itertools.product(knobs.strength_exponents, knobs.tilts):
            tried = replace(form, strength_exponent=exponent, tilt=tilt)
            model = _towers(factors, tried, self._histories, self._data, self._options)
            quality = measure_towers(model, self._data, self._held.validation)
            self._tried += 1
            seconds = time.monotonic() - self._started
            self._report(EpochReport("factors", self._tried, self._all(), None, quality, seconds))
            if self._best is None or quality.target > self._best.quality.target:
                self._best = BestFactors(tried, model, quality)

    def _all(self) -> int:
        knobs = self._options.factors
        forms = self._most(len(knobs.exponents)) + len(list(self._other_half_lives()))
        return forms * len(knobs.strength_exponents) * len(knobs.tilts)


def _some_histories(data: TrainingData, queries: Longs, options: TowerOptions) -> Longs:
    rng = np.random.default_rng(options.factors.seed)
    known = queries[data.history_stop[queries] > data.history_start[queries]]
    return data.histories(rng.permutation(known)[:USERS_MAX])


def _towers(
    factors: Factorisation, form: FactorForm, histories: Longs, data: TrainingData, options: TowerOptions
) -> TwoTowerModel:
    model = TwoTowerModel(data.item_count, data.image_dims, options.dropout)
    model.dot_scale.data.fill_(options.logit_scale)
    return factor_model(model, factors, form, histories)
