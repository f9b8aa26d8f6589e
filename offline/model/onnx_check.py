"""Decides whether an ONNX file may be given to a model server.

A model server trusts its repository: an external-data path reads any file that the server may read, a custom operator
loads code. So a file must be whole in itself, of the standard operators, of a bounded size, and of the inputs and outputs
that requests have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import onnx
from onnx import TensorProto

from server.errors import ReleaseRefused

MODEL_BYTES_MAX = 1 << 30
"""Half of what a protobuf may have: a larger file cannot be read by everything that must read it."""

INPUTS: Mapping[str, Mapping[str, int]] = {
    "user_tower": {"user_features": 2},
    "two_tower": {"user_features": 2, "item_vectors": 3, "cross_features": 3, "pair_ids": 2},
}
"""Inputs of each model by name, with their rank; all are float32 and batch first."""

OUTPUTS: Mapping[str, Mapping[str, int]] = {"user_tower": {"user_vector": 2}, "two_tower": {"scored": 3}}

_STANDARD_DOMAINS = ("", "ai.onnx")


def check_onnx(path: Path, model: str) -> None:
    """Raises ReleaseRefused, naming the file, unless it may be served as the model."""
    name = f"{model}.onnx"
    if path.is_symlink() or not path.is_file():
        raise _refused(name, "is not a plain file")
    if path.stat().st_size > MODEL_BYTES_MAX:
        raise _refused(name, f"has more than {MODEL_BYTES_MAX} bytes")
    try:
        # From bytes: given a path, the checker would follow external data itself.
        parsed = onnx.load_model_from_string(path.read_bytes())
    except Exception as error:
        raise _refused(name, f"is not an ONNX file: {error}") from None
    _check_contents(name, parsed)
    _check_values(name, "input", parsed.graph.input, INPUTS[model])
    _check_values(name, "output", parsed.graph.output, OUTPUTS[model])
    try:
        onnx.checker.check_model(parsed, full_check=True)
    except Exception as error:
        raise _refused(name, f"is not a valid model: {error}") from None


def _check_contents(name: str, model: onnx.ModelProto) -> None:
    """Refuses what reaches outside the file, or claims to hold more than the file does."""
    if model.functions or any(opset.domain not in _STANDARD_DOMAINS for opset in model.opset_import):
        raise _refused(name, "needs operators of its own")
    for graph in _graphs(model.graph):
        for node in graph.node:
            if node.domain not in _STANDARD_DOMAINS:
                raise _refused(name, f"uses the operator {node.domain}.{node.op_type}")
        if graph.sparse_initializer:
            raise _refused(name, "holds sparse tensors")
        for tensor in _tensors(graph):
            _check_tensor(name, tensor)


def _check_tensor(name: str, tensor: TensorProto) -> None:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise _refused(name, f"keeps {tensor.name!r} in another file")
    cells = 1
    for size in tensor.dims:
        cells *= size
    if min(tensor.dims, default=0) < 0 or cells > MODEL_BYTES_MAX:
        raise _refused(name, f"claims {cells} values for {tensor.name!r}")


def _tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Yields the constants of a graph, be they its own or a node's."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yields a graph and those inside its nodes, such as the branches of an If."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _graphs(inner)


def _check_values(
    name: str, what: str, values: Iterable[onnx.ValueInfoProto], wanted: Mapping[str, int]
) -> None:
    values = list(values)
    found = {value.name: len(value.type.tensor_type.shape.dim) for value in values}
    floats = all(value.type.tensor_type.elem_type == TensorProto.FLOAT for value in values)
    if found != wanted or not floats:
        raise _refused(name, f"has the {what}s {sorted(found)}, not float32 {sorted(wanted)}")


def _refused(name: str, what: str) -> ReleaseRefused:
    return ReleaseRefused(f"models/{name} {what}", reason="MODEL_FILE", metadata={"file": f"models/{name}"})
