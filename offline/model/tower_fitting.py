"""Which towers to take: trained ones, for how many epochs, or those of a factorisation.

The last part of the time is held back, which picks the number of epochs by recall and NDCG over all items; the towers
are then trained anew on everything for as many epochs, because the newest weeks are worth more than any other
(docs/model.md). Where towers made from a factorisation (factor_towers.py) are clearly better on that part, they are
taken instead.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from offline.model.factor_search import best_factors, towers_of_factors
from offline.model.factor_towers import FactorForm
from offline.model.training import EpochReport, Report, TowerOptions, TowerTrainer, validation_start
from offline.model.training_data import DAY_S, TrainingData
from offline.model.two_tower import TwoTowerModel
from offline.model.validation import HeldBack, RetrievalQuality, build_validation, measure_towers

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The best model of the validation run: it has seen nothing from cut_s on. quality: what it reached there.

    epochs: how long it was trained, 0 where it is made of factors of this form.
    """

    model: TwoTowerModel
    cut_s: int
    epochs: int
    quality: RetrievalQuality
    factors: FactorForm | None = None


@dataclass(frozen=True, slots=True)
class FittedTowers:
    """The model made from everything (evaluation mode), its epochs, and the validation run if there was one."""

    model: TwoTowerModel
    epochs: int
    held_out: HeldOut | None


def fit_towers(data: TrainingData, options: TowerOptions, report: Report) -> FittedTowers:
    """Returns towers learnt from all of the data. The same data, options and threads give the same weights."""
    torch.set_num_threads(options.threads)
    held = _hold_back(data, options)
    held_out = None if held is None else _best_held_out(data, held, options, report)
    everything = np.arange(len(data.times_s), dtype=np.int64)
    if held_out is not None and held_out.factors is not None:
        newest_s = int(data.times_s.max()) + 1
        model = towers_of_factors(data, newest_s, everything, held_out.factors, options)
        return FittedTowers(model, 0, held_out)
    epochs = options.epochs_max if held_out is None else held_out.epochs
    trainer = TowerTrainer(data, everything, options)
    for epoch in range(epochs):
        started = time.monotonic()
        loss = trainer.run_epoch()
        report(EpochReport("final", epoch + 1, epochs, loss, None, time.monotonic() - started))
    return FittedTowers(trainer.model.eval(), epochs, held_out)


def _hold_back(data: TrainingData, options: TowerOptions) -> HeldBack | None:
    """Returns the last part of the time; None where that holds nothing, or everything."""
    cut_s = validation_start(data.times_s, options.validation_days)
    earlier, later = np.flatnonzero(data.times_s < cut_s), np.flatnonzero(data.times_s >= cut_s)
    validation = build_validation(data, later, cut_s // DAY_S, options.seed) if len(earlier) else None
    return None if validation is None else HeldBack(cut_s, earlier, validation)


def _best_held_out(data: TrainingData, held: HeldBack, options: TowerOptions, report: Report) -> HeldOut:
    """Returns the trained towers, or those of the factors where they are clearly better."""
    factors = best_factors(data, held, options, report)
    enough = 0.0 if factors is None else factors.quality.target * options.factors.rival_share_min
    trained = _best_trained(data, held, options, report, enough)
    if factors is not None and factors.quality.target > trained.quality.target * options.factors.gain_min:
        return HeldOut(factors.model, held.cut_s, 0, factors.quality, factors.form)
    return trained


def _best_trained(
    data: TrainingData, held: HeldBack, options: TowerOptions, report: Report, enough: float
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
