"""A gRPC server that looks like Triton and answers an inference with whatever a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc
import numpy as np
from tritonclient.grpc import service_pb2

Answer = Callable[[service_pb2.ModelInferRequest], bytes]
_SERVICE = "inference.GRPCInferenceService"


def right_answer(request: service_pb2.ModelInferRequest) -> service_pb2.ModelInferResponse:
    """Returns a reply of the right form: every score one half, beside its pair id."""
    shape = tuple(request.inputs[3].shape)
    pair_ids = np.frombuffer(request.raw_input_contents[3], np.float32).reshape(shape)
    scored = np.stack((np.full(shape, 0.5, np.float32), pair_ids), axis=2)
    return reply_of(request, scored)


def reply_of(request: service_pb2.ModelInferRequest, scored: np.ndarray) -> service_pb2.ModelInferResponse:
    """Returns a reply that holds a tensor under the right name."""
    reply = service_pb2.ModelInferResponse(
        model_name=request.model_name,
        model_version=request.model_version,
        raw_output_contents=[scored.tobytes()],
    )
    reply.outputs.add(name="scored", datatype="FP32", shape=scored.shape)
    return reply


@contextmanager
def fake_triton(answer: Answer) -> Iterator[str]:
    """Runs the server and yields its address. answer: called on a thread for each inference."""

    def infer(content: bytes, _: grpc.ServicerContext) -> bytes:
        return answer(service_pb2.ModelInferRequest.FromString(content))

    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_send_message_length", 1 << 28)])
    handlers = {"ModelInfer": grpc.unary_unary_rpc_method_handler(infer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait(10)
