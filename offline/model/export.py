"""What model.json says of a trained model. Its weights become plain arrays, and ONNX files by onnx_graphs.py."""

from __future__ import annotations

from collections.abc import Mapping

from offline.model.two_tower import TwoTowerModel
from server.features.declarations import schema_hash
from server.releases.model_config import BlendWeights, ModelConfig

ANN_METRIC = "cos"


def model_config(
    model: TwoTowerModel, model_version: str, blend_weights: BlendWeights | None = None
) -> ModelConfig:
    """Returns what model.json says of the model beside its weights. blend_weights: None where none were chosen."""
    return ModelConfig(
        model_version=model_version,
        dot_scale=model.dot_scale.item(),
        score_bias=model.score_bias.item(),
        image_dims=model.image_dims,
        ann_metric=ANN_METRIC,
        blend_weights=blend_weights,
    )


def model_json(config: ModelConfig, summary: Mapping[str, object]) -> dict[str, object]:
    """Returns model.json: the configuration, the schema that the model was trained for, and how it was trained."""
    return {**config.to_json(), "schema_hash": schema_hash(), "training": dict(summary)}
