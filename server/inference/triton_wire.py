"""Triton's inference messages as bytes: what stands before a request's tensors, which ext.encode_candidates writes, and
replies, believed only where everything about them is as it should be.

The protocol is KServe v2; the protobuf classes are tritonclient's. Tensors travel as raw bytes, row-major, little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2

from server.errors import ModelServerUnavailable

Floats = NDArray[np.float32]

UNUSABLE = "MODEL_SERVER_REPLY"
"""Reason of a reply that came and cannot be used."""

_DATATYPE = "FP32"
_DECLARED_MAX = 256
"""Numbers of users and candidates whose headers are kept."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model of the repository and its version."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}/{self.number}"


def encode_header(
    model: ModelVersion, inputs: tuple[tuple[str, tuple[int, ...]], ...], output: str, timeout_s: float
) -> bytes:
    """Returns a ModelInferRequest without its tensors' content. inputs: names and shapes, of float32.

    timeout_s: how long the request may wait in Triton's queue.
    """
    parameters = service_pb2.ModelInferRequest()
    parameters.parameters["timeout"].int64_param = max(1, int(timeout_s * 1e6))
    content: bytes = parameters.SerializeToString()
    # Protobuf's messages are joined by joining their bytes.
    return _declared(model, inputs, output) + content


@lru_cache(_DECLARED_MAX)
def _declared(model: ModelVersion, inputs: tuple[tuple[str, tuple[int, ...]], ...], output: str) -> bytes:
    declared = service_pb2.ModelInferRequest(
        model_name=model.name,
        model_version=str(model.number),
        inputs=[
            service_pb2.ModelInferRequest.InferInputTensor(name=name, datatype=_DATATYPE, shape=shape)
            for name, shape in inputs
        ],
        outputs=[service_pb2.ModelInferRequest.InferRequestedOutputTensor(name=output)],
    )
    content: bytes = declared.SerializeToString()
    return content


def decode_reply(content: bytes, model: ModelVersion, output: str, shape: tuple[int, ...]) -> Floats:
    """Returns the one tensor of a ModelInferResponse, float32 of the shape.

    Raises ModelServerUnavailable where the reply is of another model or version, or holds anything else.
    """
    try:
        reply = service_pb2.ModelInferResponse.FromString(content)
    except DecodeError:
        raise unusable(model, "is not a message") from None
    # An empty version is what some front-ends send; any other than the one asked for is a wrong model's.
    if reply.model_name != model.name or reply.model_version not in ("", str(model.number)):
        raise unusable(model, f"comes from {reply.model_name!r} version {reply.model_version!r}")
    if len(reply.outputs) != 1 or len(reply.raw_output_contents) != 1:
        raise unusable(model, f"holds {len(reply.outputs)} outputs")
    tensor, raw = reply.outputs[0], reply.raw_output_contents[0]
    if tensor.name != output or tensor.datatype != _DATATYPE or tuple(tensor.shape) != shape:
        raise unusable(model, f"holds {tensor.name!r} {tensor.datatype} {list(tensor.shape)}")
    if len(raw) != 4 * int(np.prod(shape)):
        raise unusable(model, f"holds {len(raw)} bytes for {list(shape)}")
    return np.frombuffer(raw, np.float32).reshape(shape)


def unusable(model: ModelVersion, what: str) -> ModelServerUnavailable:
    """Returns the error for a reply that cannot be used."""
    return ModelServerUnavailable(f"the reply of {model} {what}", reason=UNUSABLE)
