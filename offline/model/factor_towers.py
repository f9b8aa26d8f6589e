"""Towers made from a factorisation instead of trained: what they find is linear in the items of the history.

From ids alone, softmax towers learn what is popular and then stand still: each item has a few examples, and its
random embedding says nothing to begin with. A truncated SVD of the normalised user x item matrix knows every pair at
once. With R = diag(du)^-a X diag(di)^-b as in candidates/collaborative.py and V its right singular vectors,

    score(history, item) = sum over j of the history of  dj^-b V[j] diag(strengths)^g V[item]^T di^b

(PureSVD, Cremonesi, Koren and Turrin, RecSys 2010, with the strengths of the directions as a soft cut). It is written
into the same weights, so that nothing changes for serving: the hidden layers pass their inputs on,
x = relu(x) - relu(-x) in the first and relu(x + 1) - 1 in the second, with |x| <= 1.

Item vectors are of unit length, but an item's length is what the order of inner products lives on. The last dimension
takes up what is missing: (v, sqrt(1 - |v|^2)) . (u, 0) = v . u (Bachrach et al., "Speeding up the Xbox recommender
system using a Euclidean transformation for inner-product spaces", RecSys 2014). A user's last component, the tilt, is
not quite 0 but -t, which makes up for the lengths' being evened out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from offline.candidates.collaborative import CollaborativeOptions, normalised_ratings
from offline.candidates.interactions import Interactions
from offline.model.two_tower import Tower, TwoTowerModel
from offline.model.vectors import HISTORY_COLUMNS
from server.features.declarations import VECTOR_DIMS

Doubles = NDArray[np.float64]

TASTE_DIMS = VECTOR_DIMS - 1
RANK_TOLERANCE = 1e-6
"""Singular values of less than this share of the largest are taken for 0."""
SHORTEST = 1e-4
"""Factors of less than this share of the longest one's length say nothing."""
LENGTH_QUANTILE = 0.99
LENGTH_EXPONENT = 0.5
LENGTH_MIN = 0.4
"""An item of length m has LENGTH_MIN + (1 - LENGTH_MIN) (m / quantile)^LENGTH_EXPONENT, at most 1, for its taste. With the
true lengths most items would be alike but for the last dimension: int8 has no steps to tell them apart, and in a graph
of neighbours nothing leads from that crowd to the few that everybody asks for."""
TILT_MIN = 1e-3
"""A user's last component is never above minus this: whoever has no history gets what is popular."""
UNKNOWN = 1e-6
"""What is added to an item's last dimension: without factors it comes last."""


@dataclass(frozen=True, slots=True)
class FactorForm:
    """One kind of factorisation: a, b and g of the module's docstring, and t in lengths of a mean taste.

    half_life_days: a pair weighs .5^(age of its latest event / half-life); None = 1.
    """

    user_exponent: float = 0.25
    item_exponent: float = 0.3
    half_life_days: float | None = None
    strength_exponent: float = 0.5
    tilt: float = 0.2


@dataclass(frozen=True, slots=True)
class FactorOptions:
    """What is tried on the validation set, one knob after another (factor_search.py).

    exponents: (user_exponent, item_exponent). half_lives_days: None = no decay; the others are tried where the events
    span the shortest. strength_exponents, tilts: of every factorisation, for they cost little. trials_pairs_max: with
    more events, only the first exponents and half-life. gain_min: quality over that of trained towers from which factors are
    taken. rival_share_min: towers in training that have less than this share of the factors' quality after
    rival_epochs are given up.
    """

    exponents: tuple[tuple[float, float], ...] = ((0.25, 0.3), (0.5, 0.4))
    half_lives_days: tuple[float | None, ...] = (None, 180.0, 45.0)
    strength_exponents: tuple[float, ...] = (0.5, 0.0)
    tilts: tuple[float, ...] = (0.2, 0.1, 0.3)
    trials_pairs_max: int = 5_000_000
    gain_min: float = 1.05
    rival_epochs: int = 3
    rival_share_min: float = 0.6
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Factorisation:
    """directions: V, float64[I, TASTE_DIMS]. strengths: float64[TASTE_DIMS], the largest 1. item_weights: di^b,
    float64[I], 0 for an item without events.
    """

    directions: Doubles
    strengths: Doubles
    item_weights: Doubles

    def embeddings(self) -> Doubles:
        """Returns float64[I, VECTOR_DIMS], the id embeddings; zero for an item without events, else none above 1.

        A row's direction is the item's vector, its length what the item weighs in a history.
        """
        known = self.item_weights > 0
        lengths = np.linalg.norm(self.directions, axis=1)
        shortest = SHORTEST * lengths.max()
        # What the factors hardly know must not crowd into one place: it gets a direction of chance.
        chance = np.random.default_rng(0).normal(size=self.directions.shape)
        directions = np.where((lengths > shortest)[:, None], self.directions, chance)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = np.maximum(lengths, shortest)
        asked = lengths * self.item_weights
        relative = np.minimum(asked / np.quantile(asked[known], LENGTH_QUANTILE), 1)
        parts = LENGTH_MIN + (1 - LENGTH_MIN) * relative**LENGTH_EXPONENT
        # In a history an item is to weigh its true factor, lengths / item_weights, whatever its part in the vector is.
        weights = lengths / np.where(known, self.item_weights, 1) / parts * known
        vectors = np.column_stack([directions * parts[:, None], np.sqrt(1 - parts**2)])
        rows = vectors * weights[:, None]
        return np.asarray(rows / np.abs(rows).max())


def can_factor(events: Interactions) -> bool:
    """Whether there are users and items enough for so many dimensions."""
    return min(np.unique(events.users).size, np.unique(events.item_rows).size) > VECTOR_DIMS


def factorise(events: Interactions, now_s: float, form: FactorForm, seed: int) -> Factorisation:
    """Returns the factors of the events as of now_s. The same events, form and seed give the same."""
    options = CollaborativeOptions(
        user_exponent=form.user_exponent,
        item_exponent=form.item_exponent,
        half_life_days=form.half_life_days,
    )
    ratings = normalised_ratings(events, now_s, options)
    start = np.random.default_rng(seed).normal(size=min(ratings.shape))
    _, strengths, directions = svds(ratings, k=TASTE_DIMS, v0=start, return_singular_vectors="vh")
    strengths = strengths / strengths.max()
    # Directions beyond the rank are any.
    taste = directions.T * (strengths > RANK_TOLERANCE)
    users_of_item = np.diff(sp.csc_matrix(ratings).indptr)
    weights = np.where(users_of_item > 0, np.maximum(users_of_item, 1.0) ** form.item_exponent, 0.0)
    return Factorisation(taste, strengths, weights)


def factor_model(
    model: TwoTowerModel, factors: Factorisation, form: FactorForm, histories: NDArray[np.int64]
) -> TwoTowerModel:
    """Makes the model's towers those of the factors, in evaluation mode; returns it.

    histories: int64[Q, H] of training queries, padded with item_count: their mean taste becomes of length 1.
    """
    scale = factors.strengths**form.strength_exponent
    with torch.no_grad():
        embeddings = torch.from_numpy(factors.embeddings().astype(np.float32))
        model.id_embedding.weight[: model.item_count] = embeddings
        model.id_embedding.weight[model.item_count] = 0
        pooled = model.pool_histories(torch.from_numpy(histories))[:, :TASTE_DIMS]
        length = float((pooled * torch.from_numpy(scale)).norm(dim=1).mean())
    user_scale = np.append(scale / max(length, 1e-12), 0.0)
    _pass_on(model.user_tower, HISTORY_COLUMNS, user_scale, -max(form.tilt, TILT_MIN))
    _pass_on(model.item_tower, model.id_columns, np.ones(VECTOR_DIMS), UNKNOWN)
    return model.eval()


def _pass_on(tower: Tower, columns: slice, scale: Doubles, last: float) -> None:
    """Makes a tower return scale * its inputs of these columns, of absolute value 1 at most, `last` added to the last."""
    eye = torch.eye(VECTOR_DIMS)
    scales = torch.from_numpy(scale.astype(np.float32))
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.zero_()
        tower.linear1.weight[:, columns] = torch.cat([eye, -eye])
        tower.linear2.weight.copy_(torch.cat([eye, -eye], 1))
        tower.linear2.bias.fill_(1)
        tower.linear3.weight.copy_(torch.diag(scales))
        tower.linear3.bias.copy_(-scales)
        tower.linear3.bias[-1] += last
        for norm in (tower.norm1, tower.norm2):
            norm.reset_running_stats()
            norm.weight.fill_((1 + norm.eps) ** 0.5)
