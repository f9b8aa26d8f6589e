"""The yardstick: a raw-bytes synchronous handler that answers every Recommend with the same bytes.

`python -m perf.serving.echo_server REPLY_FILE` prints its port. Same options and threads as the real server.
"""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from server.rpc.server_builder import ServerOptions, channel_options

METHOD_SERVICE = "shortlist.v1.RecommendationService"


def main() -> None:
    """Serves until SIGTERM."""
    reply = Path(sys.argv[1]).read_bytes()
    options = ServerOptions()
    server = grpc.server(ThreadPoolExecutor(options.threads), options=channel_options(options))
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: reply)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(METHOD_SERVICE, {"Recommend": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    server.start()
    print(port, flush=True)
    signal.sigwait({signal.SIGTERM})
    server.stop(1).wait()


if __name__ == "__main__":
    main()
