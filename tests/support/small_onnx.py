"""The ONNX files of a small release, built from its weights without torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from server.features.declarations import CROSS_FEATURES
from server.releases.model_config import ModelConfig

_OPSET, _IR_VERSION = 17, 8


def build_onnx_files(weights: Mapping[str, NDArray[np.float32]], config: ModelConfig) -> dict[str, bytes]:
    """Returns user tower, item tower and ranker by their path in a release.

    two_tower.onnx: user_features [n, U], item_features [n, W], cross_features [n, C] -> score [n].
    """
    user = _tower("user", weights)
    item = _tower("item", weights)
    return {
        "models/user_tower.onnx": _model(user, ["user"], weights, ("user_vector", 2)),
        "models/item_tower.onnx": _model(item, ["item"], weights, ("item_vector", 2)),
        "models/two_tower.onnx": _model(
            user + item + _score(), ["user", "item", "head"], weights, ("score", 1), config
        ),
    }


def _tower(tower: str, weights: Mapping[str, NDArray[np.float32]]) -> list[onnx.NodeProto]:
    nodes, current = [], f"{tower}_features"
    for layer in (1, 2, 3):
        linear = f"{tower}_vector" if layer == 3 else f"{tower}_linear{layer}"
        inputs = [current, f"{tower}_w{layer}", f"{tower}_b{layer}"]
        nodes.append(helper.make_node("Gemm", inputs, [linear]))
        current = f"{tower}_relu{layer}"
        if layer < 3:
            nodes.append(helper.make_node("Relu", [linear], [current]))
    return nodes


def _score() -> list[onnx.NodeProto]:
    make = helper.make_node
    return [
        make("Mul", ["user_vector", "item_vector"], ["products"]),
        make("ReduceSum", ["products", "last_axis"], ["dot"], keepdims=0),
        make("Mul", ["dot", "dot_scale"], ["scaled"]),
        make("Gemm", ["cross_features", "head_w1", "head_b1"], ["head_linear"]),
        make("Relu", ["head_linear"], ["head_hidden"]),
        make("MatMul", ["head_hidden", "head_w2"], ["head_dot"]),
        make("Add", ["head_dot", "head_b2"], ["head"]),
        make("Add", ["scaled", "head"], ["with_head"]),
        make("Add", ["with_head", "score_bias"], ["logit"]),
        make("Sigmoid", ["logit"], ["score"]),
    ]


def _model(
    nodes: list[onnx.NodeProto],
    parts: list[str],
    weights: Mapping[str, NDArray[np.float32]],
    output: tuple[str, int],
    config: ModelConfig | None = None,
) -> bytes:
    used = {name: array for name, array in weights.items() if name.split("_")[0] in parts}
    initializers = [numpy_helper.from_array(array, name) for name, array in used.items()]
    widths = {"user": "user_w1", "item": "item_w1"}
    inputs = [_value(f"{p}_features", ["n", used[widths[p]].shape[0]]) for p in parts if p in widths]
    if config is not None:
        scalars = {"dot_scale": config.dot_scale, "score_bias": config.score_bias}
        initializers += [
            numpy_helper.from_array(np.array([value], np.float32), name) for name, value in scalars.items()
        ]
        initializers.append(numpy_helper.from_array(np.array([1], np.int64), "last_axis"))
        inputs.append(_value("cross_features", ["n", len(CROSS_FEATURES)]))
    name, rank = output
    outputs = [_value(name, ["n", None][:rank])]
    graph = helper.make_graph(nodes, "small", inputs, outputs, initializers)
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _value(name: str, shape: list[str | int | None]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
