"""One gRPC channel to Triton: inference, and the calls that look after models."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as messages

from server.errors import ModelServerUnavailable
from server.inference.triton_wire import ModelVersion

REFUSED = "MODEL_SERVER_REFUSED"
"""Reason of an answer that says no, as against none in time."""

LATE = "MODEL_SERVER_LATE"
"""Reason of no answer in time."""

UNREACHED = "MODEL_SERVER_UNAVAILABLE"
"""Reason of a connection that is lost or cannot be made, and of a queue that is full."""

CONTROL_TIMEOUT_S = 1.0

_SERVICE = "/inference.GRPCInferenceService"
_DETAILS_CHARS_MAX = 500
_KEEPALIVE_MS = 10_000
_CONNECT_MS = 1_000
_RECONNECT_MS_MIN, _RECONNECT_MS_MAX = 100, 1_000


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output as the server declares it; shape with -1 for free axes."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """What the server says of a loaded version."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class TritonChannel:
    """Thread-safe; one a worker. Every call has a timeout; none is tried twice.

    message_bytes_max: largest message either way; a longer reply is refused by gRPC before it is read.
    control_timeout_s: of every call but inferences and loads.
    """

    def __init__(
        self, address: str, message_bytes_max: int, control_timeout_s: float = CONTROL_TIMEOUT_S
    ) -> None:
        self._control_timeout_s = control_timeout_s
        self._channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_send_message_length", message_bytes_max),
                ("grpc.max_receive_message_length", message_bytes_max),
                ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
                ("grpc.enable_retries", 0),
                # How long one attempt to connect may take, whatever its name says.
                ("grpc.min_reconnect_backoff_ms", _CONNECT_MS),
                ("grpc.initial_reconnect_backoff_ms", _RECONNECT_MS_MIN),
                ("grpc.max_reconnect_backoff_ms", _RECONNECT_MS_MAX),
                # Its own connections: two channels of one process to one address would share them.
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )
        # Bytes in and out: the messages are made and read by triton_wire.
        self._infer: Any = self._channel.unary_unary(f"{_SERVICE}/ModelInfer")

    def close(self) -> None:
        """Ends the calls under way and closes the connection."""
        self._channel.close()

    def infer(self, request: bytes, timeout_s: float) -> bytes:
        """Returns the reply to a ModelInferRequest. Raises ModelServerUnavailable.

        Blocks the calling thread: for a future gRPC starts a thread, which costs several times the call.
        """
        try:
            reply: bytes = self._infer(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise _unavailable(error) from None
        return reply

    def ready_versions(self, name: str) -> list[int]:
        """Returns the loaded versions of a model, ascending."""
        request = messages.RepositoryIndexRequest(ready=True)
        index = self._call("RepositoryIndex", request, messages.RepositoryIndexResponse)
        return sorted(int(m.version) for m in index.models if m.name == name and m.version.isdigit())

    def load(self, name: str, config: dict[str, object], timeout_s: float) -> None:
        """Loads a model as its configuration says, its warm-up included, and returns when it is ready.

        Versions that the configuration does not name are unloaded afterwards. Raises ModelServerUnavailable with
        reason REFUSED where the server says no.
        """
        request = messages.RepositoryModelLoadRequest(model_name=name)
        request.parameters["config"].string_param = json.dumps(config)
        self._call("RepositoryModelLoad", request, messages.RepositoryModelLoadResponse, timeout_s)

    def signature(self, model: ModelVersion) -> ModelSignature:
        """Returns the inputs and outputs of a loaded version."""
        request = messages.ModelMetadataRequest(name=model.name, version=str(model.number))
        found = self._call("ModelMetadata", request, messages.ModelMetadataResponse)
        return ModelSignature(_specs(found.inputs), _specs(found.outputs))

    def _call(self, method: str, request: Any, reply: Any, timeout_s: float | None = None) -> Any:
        call = self._channel.unary_unary(
            f"{_SERVICE}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=reply.FromString,
        )
        try:
            return call(request, timeout=timeout_s or self._control_timeout_s)
        except grpc.RpcError as error:
            raise _unavailable(error) from None


def _specs(tensors: Iterable[Any]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(t.name, t.datatype, tuple(t.shape)) for t in tensors)


_REASONS = {
    grpc.StatusCode.DEADLINE_EXCEEDED: LATE,
    grpc.StatusCode.UNAVAILABLE: UNREACHED,
    grpc.StatusCode.CANCELLED: "MODEL_SERVER_CLOSED",
}


def _unavailable(error: grpc.RpcError) -> ModelServerUnavailable:
    """Returns the error by its status. A full queue, a queue timeout and a lost connection are all UNAVAILABLE."""
    reason = _REASONS.get(error.code(), REFUSED)
    details = (error.details() or "")[:_DETAILS_CHARS_MAX]
    return ModelServerUnavailable(f"{error.code().name}: {details}", reason=reason)
