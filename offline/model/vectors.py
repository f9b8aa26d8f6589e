"""Vectors of many users and items from a trained model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from offline.model.training_data import TrainingData
from offline.model.two_tower import TwoTowerModel, to_array
from server.features.encoding import USER_BLOCKS, block_slices

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]

HISTORY_COLUMNS = block_slices(USER_BLOCKS)["history_vector"]
_ENCODE_ROWS = 8_192


def user_vectors(model: TwoTowerModel, data: TrainingData, queries: Longs) -> Floats:
    """Returns float32[B, V] of queries, in evaluation mode."""
    vectors = []
    with torch.inference_mode():
        for part in encoding_parts(len(queries)):
            inputs = torch.from_numpy(data.user_inputs(queries[part]))
            inputs[:, HISTORY_COLUMNS] = model.pool_histories(torch.from_numpy(data.histories(queries[part])))
            vectors.append(to_array(model.user_vectors(inputs)))
    return np.concatenate(vectors)


def item_vectors(model: TwoTowerModel, inputs: Floats) -> Floats:
    """Returns unit float32[I, V] of all items' inputs, with their id embeddings filled in, in evaluation mode."""
    vectors = []
    embeddings = model.history_embeddings()
    with torch.inference_mode():
        for part in encoding_parts(len(inputs)):
            filled = inputs[part].copy()
            filled[:, model.id_columns] = embeddings[part]
            vectors.append(to_array(model.item_vectors(torch.from_numpy(filled))))
    return np.concatenate(vectors)


def encoding_parts(count: int) -> Iterator[slice]:
    """Returns slices that cover `count` rows, at least one, each of a size that fits memory."""
    return (slice(start, start + _ENCODE_ROWS) for start in range(0, max(count, 1), _ENCODE_ROWS))
