"""Towers made from a factorisation instead of trained: what they find is linear in the items of the history.

From ids alone, softmax towers learn what is popular and then stand still: each item has a few examples, and its
random embedding says nothing to begin with. A truncated SVD of the normalised user x item matrix (Cremonesi, Koren and
Turrin, "Performance of Recommender Algorithms on Top-N Recommendation Tasks", RecSys 2010) knows every pair at once.
It is written into the same weights, so that nothing changes for serving: the hidden layers pass their inputs on,
x = relu(x) - relu(-x) in the first and relu(x + 1) - 1 in the second, with |x| <= 1.

Item vectors are of unit length, so the length of a factor cannot say how popular an item is. The last dimension does:
an item's is its direction and, beside it, its popularity; a user's is the mean of the history and a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from offline.candidates.interactions import Interactions
from offline.model.two_tower import Tower, TwoTowerModel
from offline.model.vectors import HISTORY_COLUMNS
from server.features.declarations import VECTOR_DIMS

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

TASTE_DIMS = VECTOR_DIMS - 1
RANK_TOLERANCE = 1e-6
"""Singular values, and lengths of factors, of less than this share of the largest are taken for 0."""


@dataclass(frozen=True, slots=True)
class FactorOptions:
    """user_exponent, item_exponent: a pair weighs (pairs of its user)^-u (pairs of its item)^-i.

    history_exponent: an item of a history weighs its count to minus this. popularity_slope: the last component of the
    most popular item before it is brought to unit length. popularity_weights: a user's constant, in mean lengths of a
    taste; each is tried on the validation set. gain_min: quality over that of trained towers from which factors are
    taken. rival_share_min: towers in training that have less than this share of the factors' quality after
    rival_epochs are given up.
    """

    user_exponent: float = 0.5
    item_exponent: float = 0.4
    history_exponent: float = 0.4
    popularity_slope: float = 1.0
    popularity_weights: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0)
    gain_min: float = 1.05
    rival_epochs: int = 3
    rival_share_min: float = 0.6
    seed: int = 0


def can_factor(events: Interactions) -> bool:
    """Whether there are users and items enough for so many dimensions."""
    return min(np.unique(events.users).size, np.unique(events.item_rows).size) > VECTOR_DIMS


def item_factors(events: Interactions, options: FactorOptions) -> Doubles:
    """Returns float64[I, VECTOR_DIMS], the id embeddings; zero for an item without events, else none above 1.

    A row's direction is the item's vector, its length what the item weighs in a history.
    """
    shape = (events.user_count, events.item_count)
    ones = np.ones(len(events.users))
    pairs = sp.csr_matrix((ones, (events.users, events.item_rows)), shape=shape)
    pairs.data[:] = 1
    per_user, per_item = (np.asarray(pairs.sum(axis)).ravel() for axis in (1, 0))
    normalised = (
        sp.diags(np.maximum(per_user, 1) ** -options.user_exponent)
        @ pairs
        @ sp.diags(np.maximum(per_item, 1) ** -options.item_exponent)
    )
    start = np.random.default_rng(options.seed).normal(size=min(shape))
    _, strengths, directions = svds(normalised, k=TASTE_DIMS, v0=start, return_singular_vectors="vh")
    # Directions beyond the rank are any.
    taste = directions.T * (strengths > RANK_TOLERANCE * strengths.max())
    lengths = np.linalg.norm(taste, axis=1, keepdims=True)
    # An item that the factors do not know must not pass for a purely popular one: it gets a direction of chance.
    chance = np.random.default_rng(options.seed).normal(size=taste.shape)
    known = lengths > RANK_TOLERANCE * lengths.max()
    directions = np.where(known, taste, chance)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    popularity = options.popularity_slope * np.log1p(per_item) / np.log1p(per_item.max())
    vectors = np.column_stack([directions, popularity])
    weights = np.maximum(lengths[:, 0], 1e-4 * lengths.max())
    weights = weights * np.maximum(per_item, 1) ** -options.history_exponent * (per_item > 0)
    factors = vectors * weights[:, None]
    return np.asarray(factors / np.abs(factors).max())


def factor_model(
    model: TwoTowerModel, factors: Doubles, histories: NDArray[np.int64], popularity_weight: float
) -> TwoTowerModel:
    """Makes the model's towers those of the factors, in evaluation mode; returns it.

    histories: int64[Q, H] of training queries, padded with item_count: their mean taste becomes of length 1.
    """
    with torch.no_grad():
        model.id_embedding.weight[: model.item_count] = torch.from_numpy(factors.astype(np.float32))
        model.id_embedding.weight[model.item_count] = 0
        pooled = model.pool_histories(torch.from_numpy(histories))[:, :TASTE_DIMS]
        length = float(pooled.norm(dim=1).mean())
    user_scale = np.full(VECTOR_DIMS, 1 / max(length, 1e-12))
    user_scale[-1] = 0
    _pass_on(model.user_tower, HISTORY_COLUMNS, user_scale, popularity_weight)
    # An item without events has no factors; away from all that is popular is where it is ranked last.
    _pass_on(model.item_tower, model.id_columns, np.ones(VECTOR_DIMS), -1e-6)
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
