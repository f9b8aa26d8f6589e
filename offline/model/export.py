"""The trained model as files: ONNX for a model server, plain arrays for the compiled scorer.

The graphs are written from the folded weights, so that both forms hold the same numbers and no exporter
stands between them. A test holds PyTorch, ONNX Runtime and the kernels equal.

    user_tower.onnx   user_features [batch, U] -> user_vector [batch, V]
    item_tower.onnx   item_features [batch, F] -> item_vector [batch, V], unit length
    two_tower.onnx    user_features [batch, U], item_features [batch, candidates, F],
                      cross_features [batch, candidates, C] -> score [batch, candidates], in [0, 1]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from offline.model.two_tower import TwoTowerModel
from server.features.declarations import CROSS_FEATURES, VECTOR_DIMS, schema_hash
from server.releases.model_config import ModelConfig

Floats = NDArray[np.float32]
Dims = Sequence[str | int]

ANN_METRIC = "cos"
_OPSET, _IR_VERSION = 17, 8


def model_config(model: TwoTowerModel, model_version: str) -> ModelConfig:
    """Returns what model.json says of the model beside its weights."""
    return ModelConfig(
        model_version=model_version,
        dot_scale=model.dot_scale.item(),
        score_bias=model.score_bias.item(),
        image_dims=model.image_dims,
        ann_metric=ANN_METRIC,
    )


def model_json(config: ModelConfig, summary: Mapping[str, object]) -> dict[str, object]:
    """Returns model.json: the configuration, the schema that the model was trained for, and how it was trained."""
    return {**config.to_json(), "schema_hash": schema_hash(), "training": dict(summary)}


def onnx_files(weights: Mapping[str, Floats], config: ModelConfig) -> dict[str, bytes]:
    """Returns the three graphs by file name. weights: format.MODEL_WEIGHTS."""
    user_width, item_width = weights["user_w1"].shape[0], weights["item_w1"].shape[0]
    users = ("user_features", ("batch", user_width))
    user_nodes = _tower("user", "user_vector")
    unit_nodes = [*_tower("item", "item_raw"), _normalise()]
    ranker_inputs = [
        users,
        ("item_features", ("batch", "candidates", item_width)),
        ("cross_features", ("batch", "candidates", len(CROSS_FEATURES))),
    ]
    scalars: dict[str, NDArray[np.generic]] = {
        "dot_scale": np.array(config.dot_scale, np.float32),
        "score_bias": np.array(config.score_bias, np.float32),
        "last_axis": np.array([-1], np.int64),
        "candidate_axis": np.array([1], np.int64),
    }
    ranker: dict[str, NDArray[np.generic]] = {**weights, **scalars}
    vector = ("batch", VECTOR_DIMS)
    return {
        "user_tower.onnx": _graph("user_tower", user_nodes, [users], ("user_vector", vector), weights),
        "item_tower.onnx": _graph(
            "item_tower",
            unit_nodes,
            [("item_features", ("batch", item_width))],
            ("item_vector", vector),
            weights,
        ),
        "two_tower.onnx": _graph(
            "two_tower",
            [*user_nodes, *unit_nodes, *_score()],
            ranker_inputs,
            ("score", ("batch", "candidates")),
            ranker,
        ),
    }


def _tower(side: str, output: str) -> list[onnx.NodeProto]:
    """Linear-ReLU-Linear-ReLU-Linear by MatMul, which takes a batch of candidate lists as well as a batch."""
    nodes = []
    current = f"{side}_features"
    for layer in (1, 2, 3):
        product, linear = f"{side}_product{layer}", output if layer == 3 else f"{side}_linear{layer}"
        nodes.append(helper.make_node("MatMul", [current, f"{side}_w{layer}"], [product]))
        nodes.append(helper.make_node("Add", [product, f"{side}_b{layer}"], [linear]))
        current = linear
        if layer < 3:
            current = f"{side}_hidden{layer}"
            nodes.append(helper.make_node("Relu", [linear], [current]))
    return nodes


def _normalise() -> onnx.NodeProto:
    return helper.make_node("LpNormalization", ["item_raw"], ["item_vector"], axis=-1, p=2)


def _score() -> list[onnx.NodeProto]:
    make = helper.make_node
    return [
        make("Unsqueeze", ["user_vector", "candidate_axis"], ["user_row"]),
        make("Mul", ["user_row", "item_vector"], ["products"]),
        make("ReduceSum", ["products", "last_axis"], ["dot"], keepdims=0),
        make("Mul", ["dot", "dot_scale"], ["scaled"]),
        make("MatMul", ["cross_features", "head_w1"], ["head_product"]),
        make("Add", ["head_product", "head_b1"], ["head_linear"]),
        make("Relu", ["head_linear"], ["head_hidden"]),
        make("MatMul", ["head_hidden", "head_w2"], ["head_dot"]),
        make("Add", ["head_dot", "head_b2"], ["head"]),
        make("Add", ["scaled", "head"], ["with_head"]),
        make("Add", ["with_head", "score_bias"], ["logit"]),
        make("Sigmoid", ["logit"], ["score"]),
    ]


def _graph(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[tuple[str, Dims]],
    output: tuple[str, Dims],
    constants: Mapping[str, NDArray[np.generic]],
) -> bytes:
    """Returns a checked model that holds the constants its nodes read, and no external data."""
    read = {value for node in nodes for value in node.input}
    graph = helper.make_graph(
        list(nodes),
        name,
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(dims)) for n, dims in inputs],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, list(output[1]))],
        [numpy_helper.from_array(array, key) for key, array in constants.items() if key in read],
    )
    model = helper.make_model(
        graph,
        producer_name="shortlist",
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content
