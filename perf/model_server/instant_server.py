"""A server that answers every inference at once with scores of one half; prints its port and runs until it is ended."""

from __future__ import annotations

from concurrent import futures

import grpc
from tritonclient.grpc import service_pb2

from tests.support.fake_triton import right_answer

_MESSAGE_BYTES_MAX = 1 << 28


def main() -> None:
    """Serves."""

    def infer(content: bytes, _: grpc.ServicerContext) -> bytes:
        reply: bytes = right_answer(service_pb2.ModelInferRequest.FromString(content)).SerializeToString()
        return reply

    sizes = ("grpc.max_send_message_length", "grpc.max_receive_message_length")
    server = grpc.server(
        futures.ThreadPoolExecutor(4), options=[(size, _MESSAGE_BYTES_MAX) for size in sizes]
    )
    handler = grpc.unary_unary_rpc_method_handler(infer)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("inference.GRPCInferenceService", {"ModelInfer": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
