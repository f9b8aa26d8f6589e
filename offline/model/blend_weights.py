"""The weights of the sources in the blend, chosen on past candidate lists.

How much each source is worth differs by the data: where nothing has a time, popularity says little, and neighbours
alone may beat any mixture. The lists are those that the ranker learns from: their sources knew nothing of what was
chosen.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from offline.model.list_quality import list_qualities, mean_quality
from offline.model.padded_lists import PaddedLists
from offline.model.validation import RetrievalQuality

STEPS = 10
GAIN_ERRORS = 2.0
"""The best of so many weights is partly luck."""
LISTS_MIN = 20
"""With fewer, the best weights are those of luck."""

Weights = tuple[float, float, float]
ALONE: tuple[Weights, ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class ChosenWeights:
    """weights: of collaborative, embedding, popularity; they sum to 1. quality: theirs on the lists. given: that of the
    weights that were given."""

    weights: Weights
    quality: RetrievalQuality
    given: RetrievalQuality


def choose_weights(lists: PaddedLists, given: Weights, *, choose: bool = True) -> ChosenWeights:
    """Returns the weights with the best mean of recall and NDCG, of all in steps of 1 / STEPS.

    lists: each with a chosen candidate. The given weights stay unless others are better by more than GAIN_ERRORS of
    the gain's standard errors over the lists, where there are fewer than LISTS_MIN, and where `choose` is not set.
    """
    given = shares(given)
    tried = {weights: _qualities(lists, weights) for weights in dict.fromkeys((given, *_grid()))}
    best = max(tried, key=lambda weights: float(tried[weights].mean()))
    gain = (tried[best] - tried[given]).mean(1)
    error = float(gain.std()) / len(lists) ** 0.5
    if not choose or len(lists) < LISTS_MIN or float(gain.mean()) <= GAIN_ERRORS * error:
        best = given
    return ChosenWeights(best, mean_quality(tried[best]), mean_quality(tried[given]))


def blend_quality(lists: PaddedLists, weights: Weights) -> RetrievalQuality:
    """Returns how good the lists are in the blend's order."""
    return mean_quality(_qualities(lists, weights))


def shares(weights: Weights) -> Weights:
    """Returns the weights with the sum 1; as they are where all are 0."""
    total = sum(weights)
    if not total:
        return weights
    first, second, third = (weight / total for weight in weights)
    return first, second, third


def _grid() -> list[Weights]:
    steps = range(STEPS + 1)
    return [
        (first / STEPS, second / STEPS, (STEPS - first - second) / STEPS)
        for first, second in itertools.product(steps, steps)
        if first + second <= STEPS
    ]


def _qualities(lists: PaddedLists, weights: Weights) -> Tensor:
    with torch.no_grad():
        return list_qualities(lists.blend(weights), lists.chosen)
