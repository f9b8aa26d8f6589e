"""Which towers to take: trained ones, for how many epochs, or those of a factorisation.

The last part of the time is held back, which picks the number of epochs by recall and NDCG over all items; the towers
are then trained anew on everything for as many epochs, because the newest weeks are worth more than any other
(docs/model.md). Where towers made from a factorisation (factor_towers.py) are clearly better on that part, they are
taken instead.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from offline.model.factor_towers import can_factor, factor_model, item_factors
from offline.model.past_events import interactions_before
from offline.model.training import EpochReport, Report, TowerOptions, TowerTrainer, validation_start
from offline.model.training_data import DAY_S, TrainingData
from offline.model.two_tower import TwoTowerModel
from offline.model.validation import (
    USERS_MAX,
    RetrievalQuality,
    ValidationSet,
    build_validation,
    measure_retrieval,
)
from offline.model.vectors import item_vectors, user_vectors

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The best model of the validation run: it has seen nothing from cut_s on. quality: what it reached there.

    epochs: how long it was trained; 0 = it is made of factors, with this popularity_weight.
    """

    model: TwoTowerModel
    cut_s: int
    epochs: int
    quality: RetrievalQuality
    popularity_weight: float = 0.0


@dataclass(frozen=True, slots=True)
class FittedTowers:
    """The model made from everything (evaluation mode), its epochs, and the validation run if there was one."""

    model: TwoTowerModel
    epochs: int
    held_out: HeldOut | None


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held back: the queries before cut_s, and what those after it are asked."""

    cut_s: int
    earlier: Longs
    validation: ValidationSet


def fit_towers(data: TrainingData, options: TowerOptions, report: Report) -> FittedTowers:
    """Returns towers learnt from all of the data. The same data, options and threads give the same weights."""
    torch.set_num_threads(options.threads)
    held = _hold_back(data, options)
    held_out = None if held is None else _best_held_out(data, held, options, report)
    everything = np.arange(len(data.times_s), dtype=np.int64)
    if held_out is not None and not held_out.epochs:
        newest_s = int(data.times_s.max()) + 1
        weights = (held_out.popularity_weight,)
        (model,) = _factor_models(data, newest_s, everything, weights, options)
        return FittedTowers(model, 0, held_out)
    epochs = options.epochs_max if held_out is None else held_out.epochs
    trainer = TowerTrainer(data, everything, options)
    for epoch in range(epochs):
        started = time.monotonic()
        loss = trainer.run_epoch()
        report(EpochReport("final", epoch + 1, epochs, loss, None, time.monotonic() - started))
    return FittedTowers(trainer.model.eval(), epochs, held_out)


def _hold_back(data: TrainingData, options: TowerOptions) -> _Held | None:
    """Returns the last part of the time; None where that holds nothing, or everything."""
    cut_s = validation_start(data.times_s, options.validation_days)
    earlier, later = np.flatnonzero(data.times_s < cut_s), np.flatnonzero(data.times_s >= cut_s)
    validation = build_validation(data, later, cut_s // DAY_S, options.seed) if len(earlier) else None
    return None if validation is None else _Held(cut_s, earlier, validation)


def _best_held_out(data: TrainingData, held: _Held, options: TowerOptions, report: Report) -> HeldOut:
    """Returns the trained towers, or those of the factors where they are clearly better."""
    factors = _best_factors(data, held, options, report)
    enough = 0.0 if factors is None else factors.quality.target * options.factors.rival_share_min
    trained = _best_trained(data, held, options, report, enough)
    if factors is not None and factors.quality.target > trained.quality.target * options.factors.gain_min:
        return factors
    return trained


def _best_trained(
    data: TrainingData, held: _Held, options: TowerOptions, report: Report, enough: float
) -> HeldOut:
    """Returns the best epoch. enough: quality without which the training is given up after rival_epochs."""
    trainer = TowerTrainer(data, held.earlier, options)
    best: HeldOut | None = None
    for epoch in range(1, options.epochs_max + 1):
        started = time.monotonic()
        loss = trainer.run_epoch()
        quality = measure_towers(trainer.model, data, held.validation)
        report(
            EpochReport("validation", epoch, options.epochs_max, loss, quality, time.monotonic() - started)
        )
        if best is None or quality.target > best.quality.target:
            best = HeldOut(copy.deepcopy(trainer.model), held.cut_s, epoch, quality)
        hopeless = epoch >= options.factors.rival_epochs and best.quality.target < enough
        if hopeless or epoch - best.epochs >= options.patience:
            break
    assert best is not None
    return best


def _best_factors(data: TrainingData, held: _Held, options: TowerOptions, report: Report) -> HeldOut | None:
    """Returns the best of the weights that popularity may have; None where there is too little to factor."""
    weights = options.factors.popularity_weights
    best: HeldOut | None = None
    started = time.monotonic()
    models = _factor_models(data, held.cut_s, held.earlier, weights, options)
    for number, (weight, model) in enumerate(zip(weights, models, strict=False), 1):
        quality = measure_towers(model, data, held.validation)
        report(EpochReport("factors", number, len(weights), None, quality, time.monotonic() - started))
        if best is None or quality.target > best.quality.target:
            best = HeldOut(model, held.cut_s, 0, quality, weight)
    return best


def _factor_models(
    data: TrainingData, before_s: int, queries: Longs, weights: Sequence[float], options: TowerOptions
) -> Iterator[TwoTowerModel]:
    """Yields a model for each weight of popularity, of the events before a time; none where they are too few."""
    events = interactions_before(data, before_s)
    if not can_factor(events):
        return
    factors = item_factors(events, options.factors)
    rng = np.random.default_rng(options.factors.seed)
    known = queries[data.history_stop[queries] > data.history_start[queries]]
    histories = data.histories(rng.permutation(known)[:USERS_MAX])
    for weight in weights:
        model = TwoTowerModel(data.item_count, data.image_dims, options.dropout)
        with torch.no_grad():
            model.dot_scale.fill_(options.logit_scale)
        yield factor_model(model, factors, histories, weight)


def measure_towers(model: TwoTowerModel, data: TrainingData, validation: ValidationSet) -> RetrievalQuality:
    """Returns the retrieval quality of a model, which is then in evaluation mode."""
    model.eval()
    users = user_vectors(model, data, validation.queries)
    items = item_vectors(model, data.items.inputs_at(validation.day, data.all_rows))
    return measure_retrieval(users, items, validation)
