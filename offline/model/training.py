"""Stage one of the training: towers learnt by softmax over sampled items, an epoch a call.

Each query scores the items of its batch and some drawn uniformly; softmax with the sampling correction
(sampled_softmax.py). tower_fitting.py tells how many epochs, and whether these towers are the ones to take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offline.model.factor_towers import FactorOptions
from offline.model.sampled_softmax import NegativeSampler, sampled_softmax_loss
from offline.model.training_data import DAY_S, Batch, TrainingData, plan_batches
from offline.model.two_tower import DROPOUT, Tower, TwoTowerModel
from offline.model.validation import RetrievalQuality
from offline.model.vectors import HISTORY_COLUMNS, encoding_parts

SPAN_DAYS_MIN = 10
"""With fewer days, a validation period that begins at the start of one would be much longer than is asked for."""

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TowerOptions:
    """Knobs of stage one. The defaults were chosen on a validation period inside train (docs/model.md).

    validation_days: the period held back for early stopping, at most a fifth of the time there is.
    epochs_max, patience: epochs at most, and epochs without a better one after which to stop.
    example_half_life_days: an example's weight halves in this time. query_exponent: an example's weight is
    divided by the number of examples of its query to this power, so that large baskets do not rule.
    negatives: items drawn uniformly a batch. batch_queries_min, _max: see plan_batches.
    id_dropout: share of items whose id embedding is hidden in a step, so that content alone must do.
    random_hours: share of queries whose hour is replaced by any of the day, so that a request at an hour at
    which nobody has acted yet is not outside of all that the model has seen.
    logit_scale: factor on the inner product. clip_weight: the largest example weight (inverse propensities).
    factors: of the towers that the trained ones have to stand against.
    """

    validation_days: float = 30.0
    epochs_max: int = 8
    patience: int = 3
    learning_rate: float = 3e-3
    tower_decay: float = 0.2
    embedding_decay: float = 1e-2
    embedding_init: float = 0.05
    example_half_life_days: float = 45.0
    query_exponent: float = 0.5
    negatives: int = 1_024
    batch_queries_min: int = 64
    batch_queries_max: int = 512
    dropout: float = DROPOUT
    id_dropout: float = 0.1
    random_hours: float = 0.5
    logit_scale: float = 4.0
    clip_weight: float = 10.0
    factors: FactorOptions = field(default_factory=FactorOptions)
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch done. quality: None in the final run, which holds nothing back. loss: None for factors."""

    stage: str
    epoch: int
    epochs: int
    loss: float | None
    quality: RetrievalQuality | None
    seconds: float


Report = Callable[[EpochReport], None]


class TowerTrainer:
    """Trains the towers on some of the queries, an epoch a call, on one learning-rate schedule of epochs_max."""

    def __init__(self, data: TrainingData, queries: Longs, options: TowerOptions) -> None:
        self.data = data
        self.options = options
        self._queries = queries
        self._rng = np.random.default_rng(options.seed)
        torch.manual_seed(options.seed)
        self.model = TwoTowerModel(data.item_count, data.image_dims, options.dropout)
        torch.nn.init.normal_(self.model.id_embedding.weight, 0.0, options.embedding_init)
        with torch.no_grad():
            self.model.id_embedding.weight[data.item_count] = 0
            self.model.dot_scale.fill_(options.logit_scale)
        self._newest_s = int(data.times_s[queries].max())
        mute_constant_inputs(self.model.user_tower, self._user_ranges())
        mute_constant_inputs(self.model.item_tower, self._item_ranges())
        self._sampler = NegativeSampler(self._item_share(), options.negatives, options.seed)
        self._optimizer = self._make_optimizer()
        # The plan's length hardly varies between epochs; one step to spare keeps the schedule in range.
        steps = len(self._plan(np.random.default_rng(options.seed))) * options.epochs_max
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, options.learning_rate, total_steps=steps + 1, pct_start=0.1
        )

    def run_epoch(self) -> float:
        """Trains on every query once; returns the mean loss of an example."""
        self.model.train()
        total = weight = 0.0
        for batch in self._plan(self._rng):
            place, rows, weights = self.batch_examples(batch.queries)
            if not len(rows):
                continue
            loss = self._loss(batch, place, rows, weights)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            self._schedule.step()
            total += loss.item()
            weight += float(weights.sum())
        return total / max(weight, 1e-12)

    def _loss(self, batch: Batch, place: Longs, rows: Longs, weights: Floats) -> Tensor:
        columns = self._sampler.sample(rows)
        users = self._user_inputs(batch.queries)
        items = torch.from_numpy(self.data.items.inputs_at(batch.day, columns.rows))
        ids = self.model.id_embedding(torch.from_numpy(columns.rows))
        items[:, self.model.id_columns] = _drop_rows(ids, self.options.id_dropout)
        scores = self.model.user_vectors(users) @ self.model.item_vectors(items).T
        return sampled_softmax_loss(
            scores * self.options.logit_scale,
            torch.from_numpy(columns.log_inclusion),
            torch.from_numpy(place),
            torch.from_numpy(columns.example_column),
            torch.from_numpy(weights),
        )

    def _user_inputs(self, queries: Longs) -> Tensor:
        pooled = self.model.pool_histories(torch.from_numpy(self.data.histories(queries)))
        hours = self.data.contexts.hour_of_day[queries]
        replaced = self._rng.random(len(queries)) < self.options.random_hours
        hours = np.where(replaced, self._rng.integers(0, 24, len(queries)), hours).astype(np.float32)
        inputs = torch.from_numpy(self.data.user_inputs(queries, hours))
        inputs[:, HISTORY_COLUMNS] = pooled
        return inputs

    def batch_examples(self, queries: Longs) -> tuple[Longs, Longs, Floats]:
        """Returns place, item row and final weight of the queries' distinct examples that weigh anything."""
        place, rows, weights = self.data.examples(queries)
        weights = np.minimum(weights, self.options.clip_weight)
        counts = np.bincount(place, minlength=len(queries))
        age_days = (self._newest_s - self.data.times_s[queries]) / DAY_S
        recency = np.exp2(-age_days / self.options.example_half_life_days)
        factor = recency / np.maximum(counts, 1) ** self.options.query_exponent
        weights = (weights * factor[place]).astype(np.float32)
        kept = weights > 0
        return place[kept], rows[kept], weights[kept]

    def _plan(self, rng: np.random.Generator) -> list[Batch]:
        least, most = self.options.batch_queries_min, self.options.batch_queries_max
        return list(plan_batches(self.data.times_s, self._queries, least, most, rng))

    def _user_ranges(self) -> Floats:
        """Returns largest - smallest of each column of the user tower's input; the history vector's vary."""
        parts = [self.data.user_inputs(self._queries[part]) for part in encoding_parts(len(self._queries))]
        ranges = np.ptp(np.stack([f(axis=0) for p in parts for f in (p.min, p.max)]), axis=0)
        ranges[HISTORY_COLUMNS] = 1
        return np.asarray(ranges)

    def _item_ranges(self) -> Floats:
        """Returns the same of the item tower's input, over items, as of the newest day."""
        ranges = np.ptp(self.data.items.inputs_at(self._newest_s // DAY_S, self.data.all_rows), axis=0)
        ranges[self.model.id_columns] = 1
        return np.asarray(ranges)

    def _item_share(self) -> NDArray[np.float64]:
        _, rows, _ = self.data.examples(self._queries)
        counts = np.bincount(rows, minlength=self.data.item_count)
        return np.asarray(counts / max(counts.sum(), 1))

    def _make_optimizer(self) -> torch.optim.AdamW:
        towers = [*self.model.user_tower.parameters(), *self.model.item_tower.parameters()]
        return torch.optim.AdamW(
            [
                {"params": towers, "weight_decay": self.options.tower_decay},
                {
                    "params": self.model.id_embedding.parameters(),
                    "weight_decay": self.options.embedding_decay,
                },
            ],
            lr=self.options.learning_rate,
        )


def mute_constant_inputs(tower: Tower, ranges: Floats) -> None:
    """Makes a tower deaf, for good, to input columns that hold one value in all of the training data.

    Such a column (a page type that no event names, an age in a shop without profiles) would keep its random
    weights, or act as part of the bias, and so move the vector at the first request that has another value.
    ranges: float32[width], largest - smallest value of each column.
    """
    varies = torch.from_numpy((ranges > 0).astype(np.float32))
    with torch.no_grad():
        tower.linear1.weight.mul_(varies)
    tower.linear1.weight.register_hook(lambda gradient: gradient * varies)  # type: ignore[no-untyped-call]


def _drop_rows(vectors: Tensor, share: float) -> Tensor:
    """Returns the vectors with a random share of the rows zeroed. No rescaling: a zero row is what a new item has."""
    if share <= 0:
        return vectors
    return vectors * (torch.rand(len(vectors), 1) >= share)


def validation_start(times_s: Longs, days: float) -> int:
    """Returns when the validation period begins: at the start of a UTC day where there are days enough.

    Lines without times are a second apart, and a whole file of them may be less than a day.
    """
    first, last = int(times_s.min()), int(times_s.max())
    begin = int(max(last - days * DAY_S, last - (last - first) / 5))
    return begin // DAY_S * DAY_S if last - first >= SPAN_DAYS_MIN * DAY_S else begin
