"""The generator's own connection, against a real gRPC server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc
import pytest

from perf.serving.wire import Connection, Finished

SERVICE, METHOD = "test.Echo", "/test.Echo/Twice"


def twice(request: bytes, context: grpc.ServicerContext) -> bytes:
    if request == b"refuse":
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
    return request * 2


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    handlers = {"Twice": grpc.unary_unary_rpc_method_handler(twice)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    number = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield number
    server.stop(0).wait()


def finish(connection: Connection, bodies: dict[int, bytes]) -> dict[int, Finished]:
    for call, body in bodies.items():
        connection.start(call, body)
    ended: dict[int, Finished] = {}
    while len(ended) < len(bodies):
        connection.flush()
        ended |= {done.call: done for done in connection.receive()}
    return ended


def test_every_call_gets_its_own_reply(port):
    with closing(Connection(port, METHOD, keep_every=1)) as connection:
        ended = finish(connection, {call: b"%d" % call for call in range(40)})
    assert all(done.ok and done.reply == b"%d" % call * 2 for call, done in ended.items())


def test_a_failed_call_is_told_from_an_answered_one(port):
    with closing(Connection(port, METHOD)) as connection:
        ended = finish(connection, {0: b"a", 1: b"refuse", 2: b"b"})
    assert [ended[call].ok for call in range(3)] == [True, False, True]


def test_replies_are_kept_as_seldom_as_asked(port):
    with closing(Connection(port, METHOD, keep_every=3)) as connection:
        ended = finish(connection, dict.fromkeys(range(7), b"x"))
    assert [call for call, done in sorted(ended.items()) if done.reply] == [0, 3, 6]


def test_replies_beyond_a_window_and_a_frame_arrive_whole(port):
    body = bytes(range(256)) * 50
    with closing(Connection(port, METHOD, keep_every=1)) as connection:
        for call in range(10):
            assert finish(connection, {call: body})[call].reply == body * 2


def test_a_body_that_one_frame_cannot_hold_is_refused(port):
    with closing(Connection(port, METHOD)) as connection, pytest.raises(ValueError, match="one frame"):
        connection.start(0, bytes(16_384))
