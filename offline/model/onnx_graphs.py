"""The model as ONNX files, for a model server.

The graphs are written from the folded weights, so that they hold the same numbers as the plain arrays and no
exporter stands between them. A test holds PyTorch, ONNX Runtime and the kernels equal.

    user_tower.onnx   user_features [batch, U] -> user_vector [batch, V]
    item_tower.onnx   item_features [batch, F] -> item_vector [batch, V], unit length
    two_tower.onnx    user_features [batch, U], item_vectors [batch, candidates, V],
                      cross_features [batch, candidates, C], pair_ids [batch, candidates]
                      -> scored [batch, candidates, 2]: the score in [0, 1], and the pair id as it came in

The ranker takes the item tower's output and not its input: vectors are what a release and its item changes hold,
and a quarter of the bytes. A pair id stands in the same tensor as the score, so that a reply whose entries were moved
or that belongs to another request can be told from the right one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from server.features.declarations import CROSS_FEATURES, VECTOR_DIMS
from server.releases.model_config import ModelConfig

Floats = NDArray[np.float32]
Dims = Sequence[str | int]

_OPSET, _IR_VERSION = 17, 8


def onnx_files(weights: Mapping[str, Floats], config: ModelConfig) -> dict[str, bytes]:
    """Returns the three graphs by file name. weights: format.MODEL_WEIGHTS."""
    user_width, item_width = weights["user_w1"].shape[0], weights["item_w1"].shape[0]
    users = ("user_features", ("batch", user_width))
    user_nodes = _tower("user", "user_vector")
    ranker_inputs = [
        users,
        ("item_vectors", ("batch", "candidates", VECTOR_DIMS)),
        ("cross_features", ("batch", "candidates", len(CROSS_FEATURES))),
        ("pair_ids", ("batch", "candidates")),
    ]
    scalars: dict[str, NDArray[np.generic]] = {
        "dot_scale": np.array(config.dot_scale, np.float32),
        "score_bias": np.array(config.score_bias, np.float32),
        "vector_axis": np.array([2], np.int64),
        "head_axis": np.array([1], np.int64),
    }
    ranker: dict[str, NDArray[np.generic]] = {**weights, **scalars}
    vector = ("batch", VECTOR_DIMS)
    return {
        "user_tower.onnx": _graph("user_tower", user_nodes, [users], ("user_vector", vector), weights),
        "item_tower.onnx": _graph(
            "item_tower",
            [*_tower("item", "item_raw"), _normalise()],
            [("item_features", ("batch", item_width))],
            ("item_vector", vector),
            weights,
        ),
        "two_tower.onnx": _graph(
            "two_tower",
            [*user_nodes, *_score()],
            ranker_inputs,
            ("scored", ("batch", "candidates", 2)),
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
    """The dot product of the towers plus the head, and each candidate's pair id beside its score."""
    make = helper.make_node
    return [
        make("Unsqueeze", ["user_vector", "vector_axis"], ["user_column"]),
        make("MatMul", ["item_vectors", "user_column"], ["dot"]),
        make("Mul", ["dot", "dot_scale"], ["scaled"]),
        make("MatMul", ["cross_features", "head_w1"], ["head_product"]),
        make("Add", ["head_product", "head_b1"], ["head_linear"]),
        make("Relu", ["head_linear"], ["head_hidden"]),
        make("Unsqueeze", ["head_w2", "head_axis"], ["head_column"]),
        make("MatMul", ["head_hidden", "head_column"], ["head_dot"]),
        make("Add", ["head_dot", "head_b2"], ["head"]),
        make("Add", ["scaled", "head"], ["with_head"]),
        make("Add", ["with_head", "score_bias"], ["logit"]),
        make("Sigmoid", ["logit"], ["score"]),
        make("Unsqueeze", ["pair_ids", "vector_axis"], ["pair_column"]),
        make("Concat", ["score", "pair_column"], ["scored"], axis=2),
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
