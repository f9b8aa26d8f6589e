"""PyTorch, ONNX Runtime and the kernels give the same scores."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from ext import score_candidates, tower_forward
from offline.model.export import model_config, model_json
from offline.model.onnx_graphs import onnx_files
from offline.model.two_tower import TwoTowerModel
from server.errors import ReleaseRefused
from server.features.declarations import CROSS_FEATURES, VECTOR_DIMS
from server.features.encoding import USER_WIDTH, item_blocks, total_width
from server.releases.format import MODEL_WEIGHTS
from server.releases.model_config import model_config_from_json, weight_shapes

Floats = NDArray[np.float32]

PAIR_IDS = np.array([np.arange(7), 2**24 - 1 - np.arange(7)], np.float32)


@pytest.fixture(scope="module", params=[0, 5])
def model(request: pytest.FixtureRequest) -> TwoTowerModel:
    """A model whose normalisation layers do something, with and without images."""
    torch.manual_seed(0)
    made = TwoTowerModel(item_count=10, image_dims=request.param)
    with torch.no_grad():
        for tower in (made.user_tower, made.item_tower):
            for norm in (tower.norm1, tower.norm2):
                assert norm.running_mean is not None
                assert norm.running_var is not None
                norm.running_mean.uniform_(-1, 1)
                norm.running_var.uniform_(0.3, 2)
                norm.weight.uniform_(-1.5, 1.5)
                norm.bias.uniform_(-1, 1)
        made.dot_scale.fill_(3.5)
        made.score_bias.fill_(-0.7)
    return made.eval()


@pytest.fixture(scope="module")
def inputs(model: TwoTowerModel) -> tuple[Floats, Floats, Floats]:
    """Two users with seven candidates each."""
    rng = np.random.default_rng(1)
    width = total_width(item_blocks(model.image_dims))
    shapes = ((2, USER_WIDTH), (2, 7, width), (2, 7, len(CROSS_FEATURES)))
    users, items, cross = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    return users, items, cross


def run(content: bytes, feeds: dict[str, Floats]) -> Floats:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    output: Floats = session.run(None, feeds)[0]
    return output


def folded_tower(weights: dict[str, Floats], side: str, rows: Floats) -> Floats:
    names = [f"{side}_{kind}{layer}" for layer in (1, 2, 3) for kind in ("w", "b")]
    return tower_forward(rows, *(weights[name] for name in names))


def test_scores_agree_in_all_three_forms(model: TwoTowerModel, inputs: tuple[Floats, Floats, Floats]) -> None:
    users, items, cross = inputs
    weights, config = model.serving_weights(), model_config(model, "m1")
    with torch.inference_mode():
        expected = torch.sigmoid(model(*(torch.from_numpy(array) for array in inputs))).numpy()
    files = onnx_files(weights, config)
    vectors = np.stack([run(files["item_tower.onnx"], {"item_features": rows}) for rows in items])
    feeds = {"user_features": users, "item_vectors": vectors, "cross_features": cross, "pair_ids": PAIR_IDS}
    scored = run(files["two_tower.onnx"], feeds)
    np.testing.assert_allclose(scored[:, :, 0], expected, atol=1e-5)
    np.testing.assert_array_equal(scored[:, :, 1], PAIR_IDS)
    user_vectors = folded_tower(weights, "user", users)
    for user in range(2):
        vectors = folded_tower(weights, "item", items[user])
        vectors = np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        scores = score_candidates(
            np.arange(7, dtype=np.int32),
            np.ascontiguousarray(user_vectors[user]),
            vectors,
            cross[user],
            weights["head_w1"],
            weights["head_b1"],
            weights["head_w2"],
            weights["head_b2"],
            config.dot_scale,
            config.score_bias,
        )
        np.testing.assert_allclose(scores, expected[user], atol=1e-5)


def test_towers_agree_in_all_three_forms(model: TwoTowerModel, inputs: tuple[Floats, Floats, Floats]) -> None:
    users, items, _ = inputs
    weights = model.serving_weights()
    files = onnx_files(weights, model_config(model, "m1"))
    with torch.inference_mode():
        user_expected = model.user_vectors(torch.from_numpy(users)).numpy()
        item_expected = model.item_vectors(torch.from_numpy(items[0])).numpy()
    np.testing.assert_allclose(folded_tower(weights, "user", users), user_expected, atol=1e-5)
    np.testing.assert_allclose(
        run(files["user_tower.onnx"], {"user_features": users}), user_expected, atol=1e-5
    )
    item_vectors = run(files["item_tower.onnx"], {"item_features": items[0]})
    np.testing.assert_allclose(item_vectors, item_expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(item_vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
def test_batch_and_candidate_axes_are_free(model: TwoTowerModel, batch: int) -> None:
    feeds = {
        "user_features": np.ones((batch, USER_WIDTH), np.float32),
        "item_vectors": np.ones((batch, 2 + batch, VECTOR_DIMS), np.float32),
        "cross_features": np.ones((batch, 2 + batch, len(CROSS_FEATURES)), np.float32),
        "pair_ids": np.ones((batch, 2 + batch), np.float32),
    }
    content = onnx_files(model.serving_weights(), model_config(model, "m1"))["two_tower.onnx"]
    assert run(content, feeds).shape == (batch, 2 + batch, 2)


def test_weights_have_the_names_and_shapes_of_the_release_format(model: TwoTowerModel) -> None:
    weights = model.serving_weights()
    assert set(weights) == set(MODEL_WEIGHTS)
    assert {name: array.shape for name, array in weights.items()} == weight_shapes(model.image_dims)
    assert all(array.dtype == np.float32 and array.flags.c_contiguous for array in weights.values())


def test_a_server_reads_the_model_json_that_training_writes(model: TwoTowerModel) -> None:
    config = model_config(model, "m1")
    content = json.loads(json.dumps(model_json(config, {"seed": 0})))
    assert model_config_from_json(content) == config
    assert content["training"] == {"seed": 0}


def test_blend_weights_travel_with_the_model() -> None:
    model = TwoTowerModel(item_count=3)
    content = json.loads(json.dumps(model_json(model_config(model, "m", (0.6, 0.4, 0.0)), {})))
    assert model_config_from_json(content).blend_weights == (0.6, 0.4, 0.0)
    for none in (model_json(model_config(model, "m"), {}), {**content, "blend_weights": None}):
        assert model_config_from_json(none).blend_weights is None
    # A release from before models named them.
    del content["blend_weights"]
    assert model_config_from_json(content).blend_weights is None


@pytest.mark.parametrize(
    "weights", [[1, 0], [0.5, 0.5, "much"], [-0.1, 0.5, 0.6], [0, 0, 0], [0.5, 0.5, "nan"], 3]
)
def test_blend_weights_that_are_none_are_refused(weights: object) -> None:
    content = model_json(model_config(TwoTowerModel(item_count=3), "m"), {})
    with pytest.raises(ReleaseRefused, match="wrong one"):
        model_config_from_json({**content, "blend_weights": weights})
