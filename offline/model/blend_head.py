"""A head that ranks as the blend does: for releases whose own ranker could not be trained, or lost against the blend."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from offline.model.padded_lists import SOURCE_COLUMNS
from offline.model.two_tower import CrossHead, TwoTowerModel
from server.features.fusion import above_none

BLEND_SCALE = 4.0
"""Logits from 0 to this: beside them the terms of the re-rankers weigh about what they do beside a trained head's."""


def blend_head(weights: Sequence[float]) -> CrossHead:
    """Returns the head whose term is BLEND_SCALE * the weighted mean of the sources' scores.

    weights: of collaborative, embedding, popularity. The scores are 0 or above, so a ReLU each passes them on.
    """
    head = CrossHead()
    weights = above_none(weights)
    total = sum(weights)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        for unit, (column, weight) in enumerate(zip(SOURCE_COLUMNS, weights, strict=True)):
            head.linear1.weight[unit, column] = 1
            head.linear2.weight[0, unit] = BLEND_SCALE * weight / total
    return head


def install_blend(model: TwoTowerModel, weights: Sequence[float]) -> None:
    """Makes the model rank as the blend does; a score of .5 is that of an item of half the largest blend."""
    model.head.load_state_dict(blend_head(weights).state_dict())
    with torch.no_grad():
        model.dot_scale.fill_(0)
        model.score_bias.fill_(-BLEND_SCALE / 2)
