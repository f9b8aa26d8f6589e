"""models/model.json: what a scorer must know of a model beside its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.errors import ReleaseRefused
from server.features.declarations import CROSS_FEATURES, VECTOR_DIMS
from server.features.encoding import USER_BLOCKS, USER_WIDTH, Block, item_blocks, total_width
from server.releases.format import MODEL_CONFIG_PATH

BlendWeights = tuple[float, float, float]

ANN_METRICS = ("ip", "cos")
TOWER_WIDTHS = (128, 64)
HEAD_WIDTH = 16


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """score = logistic(dot(user, item) * dot_scale + head(cross) + score_bias).

    ann_metric: ``ip`` or ``cos``, the similarity that the ANN index was built with. blend_weights: those of the
    collaborative, embedding and popularity source that training chose; None = it could not choose.
    """

    model_version: str
    dot_scale: float
    score_bias: float
    image_dims: int
    ann_metric: str = "cos"
    user_blocks: tuple[Block, ...] = USER_BLOCKS
    item_blocks: tuple[Block, ...] = ()
    cross_features: tuple[str, ...] = CROSS_FEATURES
    blend_weights: BlendWeights | None = None

    def __post_init__(self) -> None:
        if not self.item_blocks:
            object.__setattr__(self, "item_blocks", item_blocks(self.image_dims))

    def to_json(self) -> dict[str, object]:
        """Returns the content of model.json; blocks are [name, width] pairs."""
        return {
            "model_version": self.model_version,
            "dot_scale": self.dot_scale,
            "score_bias": self.score_bias,
            "image_dims": self.image_dims,
            "ann_metric": self.ann_metric,
            "user_blocks": [[block.name, block.width] for block in self.user_blocks],
            "item_blocks": [[block.name, block.width] for block in self.item_blocks],
            "cross_features": list(self.cross_features),
            "blend_weights": None if self.blend_weights is None else list(self.blend_weights),
        }


def model_config_from_json(content: object) -> ModelConfig:
    """Returns the configuration. Keys that this server does not know are ignored.

    Raises ReleaseRefused when a value is missing or the model reads other inputs than this server makes.
    """
    if not isinstance(content, Mapping):
        raise _refused("is not an object")
    try:
        config = ModelConfig(
            model_version=str(content["model_version"]),
            dot_scale=float(content["dot_scale"]),
            score_bias=float(content["score_bias"]),
            image_dims=int(content["image_dims"]),
            ann_metric=str(content["ann_metric"]),
            user_blocks=_blocks(content["user_blocks"]),
            item_blocks=_blocks(content["item_blocks"]),
            cross_features=tuple(str(name) for name in content["cross_features"]),
            blend_weights=_blend_weights(content.get("blend_weights")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _refused(f"lacks a value or has a wrong one: {error}") from None
    _check_inputs(config)
    return config


def weight_shapes(image_dims: int) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each of format.MODEL_WEIGHTS."""
    shapes: dict[str, tuple[int, ...]] = {}
    item_width = total_width(item_blocks(image_dims))
    for tower, width in (("user", USER_WIDTH), ("item", item_width)):
        widths = (width, *TOWER_WIDTHS, VECTOR_DIMS)
        for layer in (1, 2, 3):
            shapes[f"{tower}_w{layer}"] = (widths[layer - 1], widths[layer])
            shapes[f"{tower}_b{layer}"] = (widths[layer],)
    shapes["head_w1"] = (len(CROSS_FEATURES), HEAD_WIDTH)
    shapes["head_b1"] = (HEAD_WIDTH,)
    shapes["head_w2"] = (HEAD_WIDTH,)
    shapes["head_b2"] = (1,)
    return shapes


def _blocks(pairs: Sequence[Sequence[object]]) -> tuple[Block, ...]:
    return tuple(Block(str(name), int(str(width))) for name, width in pairs)


def _blend_weights(given: Sequence[object] | None) -> BlendWeights | None:
    """Returns the weights; None for a model that names none. Raises ValueError unless they are three shares."""
    if given is None:
        return None
    first, second, third = (float(str(weight)) for weight in given)
    if not (min(first, second, third) >= 0 and 0 < first + second + third < math.inf):
        raise ValueError("blend_weights must be shares, not all of them 0")
    return first, second, third


def _check_inputs(config: ModelConfig) -> None:
    if config.ann_metric not in ANN_METRICS:
        raise _refused(f"names the metric {config.ann_metric!r}, not one of {', '.join(ANN_METRICS)}")
    expected = (
        ("user_blocks", config.user_blocks, USER_BLOCKS),
        ("item_blocks", config.item_blocks, item_blocks(config.image_dims)),
        ("cross_features", config.cross_features, CROSS_FEATURES),
    )
    for name, found, wanted in expected:
        if found != wanted:
            raise ReleaseRefused(
                f"{MODEL_CONFIG_PATH}: {name} are not those that this server makes",
                reason="RELEASE_SCHEMA",
                metadata={"file": MODEL_CONFIG_PATH},
            )


def _refused(what: str) -> ReleaseRefused:
    return ReleaseRefused(
        f"{MODEL_CONFIG_PATH} {what}", reason="RELEASE_CORRUPT", metadata={"file": MODEL_CONFIG_PATH}
    )
