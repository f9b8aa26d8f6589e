"""Triton's inference messages as bytes: requests are joined from tensors without copying them twice, replies are
believed only where everything about them is as it should be.

The protocol is KServe v2; the protobuf classes are tritonclient's. Tensors travel as raw bytes, row-major, little-endian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2

from server.errors import ModelServerUnavailable

Floats = NDArray[np.float32]

UNUSABLE = "MODEL_SERVER_REPLY"
"""Reason of a reply that came and cannot be used."""

_DATATYPE = "FP32"
_RAW_INPUT_TAG = bytes([7 << 3 | 2])
"""Tag of ModelInferRequest.raw_input_contents, field 7, length-delimited."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model of the repository and its version."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}/{self.number}"


def encode_request(
    model: ModelVersion, inputs: Sequence[tuple[str, Floats]], output: str, timeout_s: float
) -> bytes:
    """Returns a ModelInferRequest. inputs: contiguous float32 by name, batch first.

    timeout_s: how long the request may wait in Triton's queue.
    """
    header = service_pb2.ModelInferRequest(
        model_name=model.name,
        model_version=str(model.number),
        inputs=[
            service_pb2.ModelInferRequest.InferInputTensor(name=name, datatype=_DATATYPE, shape=array.shape)
            for name, array in inputs
        ],
        outputs=[service_pb2.ModelInferRequest.InferRequestedOutputTensor(name=output)],
    )
    header.parameters["timeout"].int64_param = max(1, int(timeout_s * 1e6))
    parts: list[bytes | memoryview] = [header.SerializeToString()]
    for _, array in inputs:
        content = array.data.cast("B")
        parts += (_RAW_INPUT_TAG, _varint(content.nbytes), content)
    return b"".join(parts)


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


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
