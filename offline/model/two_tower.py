"""The two-tower model in PyTorch, and its weights as serving has them.

Item vectors are of unit length and user vectors are not: for one user the order of items is that of the
cosine, which an int8 index keeps, while the length of the user's vector says how sure the model is of a
taste, so that a new user's scores stay close to the popularity that the item tower reads from its input.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from server.features.declarations import CROSS_FEATURES, VECTOR_DIMS
from server.features.encoding import USER_WIDTH, block_slices, item_blocks, total_width

Floats = NDArray[np.float32]

TOWER_WIDTHS = (128, 64)
HEAD_WIDTH = 16
DROPOUT = 0.2
_LENGTH_MIN = 1e-12


class Tower(nn.Module):
    """Linear 128, ReLU, BatchNorm, Dropout -> Linear 64, ReLU, BatchNorm, Dropout -> Linear VECTOR_DIMS.

    forward: float32[B, width] -> float32[B, VECTOR_DIMS].
    """

    def __init__(self, width: int, dropout: float = DROPOUT) -> None:
        super().__init__()
        first, second = TOWER_WIDTHS
        self.linear1 = nn.Linear(width, first)
        self.norm1 = nn.BatchNorm1d(first)
        self.linear2 = nn.Linear(first, second)
        self.norm2 = nn.BatchNorm1d(second)
        self.linear3 = nn.Linear(second, VECTOR_DIMS)
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """Returns the vectors of a batch of inputs."""
        hidden = self.dropout(self.norm1(functional.relu(self.linear1(inputs))))
        hidden = self.dropout(self.norm2(functional.relu(self.linear2(hidden))))
        output: Tensor = self.linear3(hidden)
        return output

    def folded(self) -> dict[str, Floats]:
        """Returns w1, b1, w2, b2, w3, b3 of the same function in evaluation, without normalisation layers.

        Weights are [inputs, outputs]. A normalisation layer stands behind a ReLU, so its scale and shift go
        into the linear layer that follows it.
        """
        w2, b2 = _fold_into_next(self.norm1, self.linear2)
        w3, b3 = _fold_into_next(self.norm2, self.linear3)
        weights = {
            "w1": self.linear1.weight.T,
            "b1": self.linear1.bias,
            "w2": w2,
            "b2": b2,
            "w3": w3,
            "b3": b3,
        }
        return {name: to_array(value) for name, value in weights.items()}


class CrossHead(nn.Module):
    """What the cross features of a candidate add to its score. forward: float32[..., C] -> float32[...]."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(len(CROSS_FEATURES), HEAD_WIDTH)
        self.linear2 = nn.Linear(HEAD_WIDTH, 1)

    def forward(self, cross: Tensor) -> Tensor:
        """Returns the head's term of the score."""
        output: Tensor = self.linear2(functional.relu(self.linear1(cross))).squeeze(-1)
        return output


class TwoTowerModel(nn.Module):
    """Both towers, the learnt item embeddings, the head, and the two numbers that make a logit.

    item_count: rows of the embedding table; row item_count is padding and stays zero.
    image_dims: width of image_embedding, 0 where there is none.
    """

    def __init__(self, item_count: int, image_dims: int = 0, dropout: float = DROPOUT) -> None:
        super().__init__()
        blocks = item_blocks(image_dims)
        self.item_count = item_count
        self.image_dims = image_dims
        self.id_columns = block_slices(blocks)["id_embedding"]
        self.id_embedding = nn.Embedding(item_count + 1, VECTOR_DIMS, padding_idx=item_count)
        self.user_tower = Tower(USER_WIDTH, dropout)
        self.item_tower = Tower(total_width(blocks), dropout)
        self.head = CrossHead()
        self.dot_scale = nn.Parameter(torch.tensor(1.0))
        self.score_bias = nn.Parameter(torch.tensor(0.0))

    def pool_histories(self, rows: Tensor) -> Tensor:
        """Returns the mean embedding of each history, float32[B, VECTOR_DIMS]; zero for an empty one.

        rows: int64[B, H], padded with item_count.
        """
        lengths = (rows != self.item_count).sum(1, keepdim=True).clamp(min=1)
        summed: Tensor = self.id_embedding(rows).sum(1)
        return summed / lengths

    def user_vectors(self, users: Tensor) -> Tensor:
        """Returns float32[B, VECTOR_DIMS] of user inputs as encode_users gives them."""
        vectors: Tensor = self.user_tower(users)
        return vectors

    def item_vectors(self, items: Tensor) -> Tensor:
        """Returns unit vectors, float32[N, VECTOR_DIMS], of item inputs as encode_items gives them."""
        return functional.normalize(self.item_tower(items), dim=-1, eps=_LENGTH_MIN)

    def forward(self, users: Tensor, items: Tensor, cross: Tensor) -> Tensor:
        """Returns the logits of candidates, float32[B, N]; a served score is their logistic.

        users: [B, USER_WIDTH]. items: [B, N, item width]. cross: [B, N, C], columns as CROSS_FEATURES.
        """
        batch, count, width = items.shape
        vectors = self.item_vectors(items.reshape(batch * count, width)).reshape(batch, count, VECTOR_DIMS)
        dot = torch.einsum("bv,bnv->bn", self.user_vectors(users), vectors)
        head: Tensor = self.head(cross)
        return dot * self.dot_scale + head + self.score_bias

    def serving_weights(self) -> dict[str, Floats]:
        """Returns the arrays of server.releases.format.MODEL_WEIGHTS."""
        weights = {f"user_{name}": value for name, value in self.user_tower.folded().items()}
        weights |= {f"item_{name}": value for name, value in self.item_tower.folded().items()}
        weights["head_w1"] = to_array(self.head.linear1.weight.T)
        weights["head_b1"] = to_array(self.head.linear1.bias)
        weights["head_w2"] = to_array(self.head.linear2.weight[0])
        weights["head_b2"] = to_array(self.head.linear2.bias)
        return weights

    def history_embeddings(self) -> Floats:
        """Returns the learnt embeddings by item row, float32[item_count, VECTOR_DIMS]."""
        return to_array(self.id_embedding.weight[: self.item_count])


def to_array(tensor: Tensor) -> Floats:
    """Returns a contiguous float32 copy of a tensor."""
    return np.array(tensor.detach().cpu().numpy(), dtype=np.float32, order="C")


def _fold_into_next(norm: nn.BatchNorm1d, following: nn.Linear) -> tuple[Tensor, Tensor]:
    """Returns weight [inputs, outputs] and bias of `following` applied to the output of `norm`.

    In double precision, so that the folded function differs from the layers by rounding alone.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    shift = norm.bias.double() - norm.running_mean.double() * scale
    weight = following.weight.double()
    return (weight * scale).T, following.bias.double() + weight @ shift
