"""The Redis client below the store: URLs, one connection, what errors mean, how much is logged."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator

import hiredis
import pytest

from server.errors import InvalidRequest, StoreUnavailable
from server.stores.redis_connection import (
    ConnectionBroken,
    RedisAddress,
    RedisConnection,
    RedisTimes,
    Reply,
    pack,
)
from server.stores.redis_errors import ProblemLog, SlotMoved, as_unavailable, serves_nobody
from server.stores.redis_node import PoolValues, RedisNode
from server.stores.redis_url import parse_url
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

TIMES = RedisTimes(read_s=0.5, write_s=1.0, connect_s=1.0, handshake_s=1.0)


class Canned:
    """A server that answers whatever comes with the same bytes, on every connection."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            while client.recv(1_000):
                client.sendall(self.answer)


@pytest.fixture
def canned() -> Iterator[Canned]:
    made = Canned(b"+PONG\r\n")
    yield made
    made.close()


def ends_s() -> float:
    return time.monotonic() + 5.0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h", [RedisAddress("h", 6379)]),
        ("redis://h:7/3", [RedisAddress("h", 7, 3)]),
        ("redis://:p%40ss@h", [RedisAddress("h", 6379, password="p@ss")]),
        ("rediss://me:x@[::1]:7", [RedisAddress("::1", 7, username="me", password="x", tls=True)]),
        ("redis+cluster://a:1,b:2", [RedisAddress("a", 1), RedisAddress("b", 2)]),
    ],
)
def test_urls_name_servers(url: str, expected: list[RedisAddress]) -> None:
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://a,b",
        "redis://a:x",
        "redis://a:0",
        "redis://a/b",
        "redis+cluster://a:1/2",
        "redis://a,:1",
    ],
)
def test_urls_that_name_none_are_refused_without_their_password(url: str) -> None:
    secret = url.replace("://", "://me:secret@")
    with pytest.raises(InvalidRequest) as refusal:
        parse_url(secret)
    assert refusal.value.violations[0].field == "store.url"
    assert "secret" not in str(refusal.value)


def test_an_address_shows_no_password() -> None:
    address = RedisAddress("h", 1, password="secret")
    assert "secret" not in f"{address} {address!r}"


def test_more_replies_than_questions_break_the_connection(canned: Canned) -> None:
    connection = RedisConnection(RedisAddress("127.0.0.1", canned.port), TIMES)
    canned.answer = b"$3\r\nann\r\n$3\r\nbob\r\n"
    with pytest.raises(ConnectionBroken):
        connection.exchange(pack([("GET", "ann")]), 1, ends_s())
    connection.close()


def test_a_connection_that_broke_is_replaced_and_not_used_again(canned: Canned) -> None:
    node = RedisNode(RedisAddress("127.0.0.1", canned.port), TIMES, PoolValues(1, retry_s=0.01), ProblemLog())
    try:
        canned.answer = b"$3\r\nann\r\n$3\r\nbob\r\n"
        with pytest.raises(StoreUnavailable):
            node.ask(pack([("GET", "ann")]), 1, ends_s())
        canned.answer = b"$3\r\nann\r\n"

        def asked() -> list[Reply] | None:
            try:
                return node.ask(pack([("GET", "ann")]), 1, ends_s())
            except StoreUnavailable:
                return None

        wait_until(lambda: asked() == [b"ann"])
        assert node.connections_made >= 2
    finally:
        node.close()


def test_bytes_that_are_no_reply_break_the_connection(canned: Canned) -> None:
    connection = RedisConnection(RedisAddress("127.0.0.1", canned.port), TIMES)
    canned.answer = b"HTTP/1.1 200 OK\r\n\r\n"
    with pytest.raises(hiredis.ProtocolError):
        connection.exchange(pack([("PING",)]), 1, ends_s())
    connection.close()


def test_a_full_pool_makes_a_caller_wait_its_time_and_no_longer(canned: Canned) -> None:
    node = RedisNode(RedisAddress("127.0.0.1", canned.port), TIMES, PoolValues(1), ProblemLog())
    canned.answer = b""

    def hang() -> None:
        with pytest.raises(StoreUnavailable):
            node.ask(pack([("PING",)]), 1, time.monotonic() + 0.5)

    hanging = threading.Thread(target=hang, daemon=True)
    hanging.start()
    try:
        with pytest.raises(StoreUnavailable):
            node.ask(pack([("PING",)]), 1, time.monotonic() + 0.1)
        # The one who waited for a connection has nothing to say about the server.
        assert node.breaker.opened_total == 0
    finally:
        hanging.join(5)
        node.close()


def test_a_server_with_a_password_is_used_with_it(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.acl_setuser("shop", enabled=True, passwords=["+open"], keys=["*"], commands=["+@all"])
    address = RedisAddress("127.0.0.1", redis_server.port, username="shop", password="open")
    connection = RedisConnection(address, TIMES)
    assert connection.exchange(pack([("ACL", "WHOAMI")]), 1, ends_s()) == [b"shop"]
    connection.close()
    with pytest.raises(ConnectionBroken):
        RedisConnection(
            RedisAddress("127.0.0.1", redis_server.port, username="shop", password="wrong"), TIMES
        )


@pytest.mark.parametrize(
    ("text", "reason", "nobody"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", "STORE_FULL", False),
        ("READONLY You can't write against a read only replica.", "STORE_READ_ONLY", False),
        ("LOADING Redis is loading the dataset in memory", "STORE_LOADING", True),
        ("NOAUTH Authentication required.", "STORE_REFUSES_LOGIN", True),
        ("ERR unknown command", "STORE_UNAVAILABLE", False),
    ],
)
def test_errors_say_why_and_when_to_come_back(text: str, reason: str, nobody: bool) -> None:
    error = hiredis.ReplyError(text)
    refused = as_unavailable(error)
    assert (refused.reason, serves_nobody(error)) == (reason, nobody)
    assert refused.retry_after_ms > 0


def test_a_moved_slot_is_told_apart_and_the_key_is_not_told() -> None:
    refused = as_unavailable(hiredis.ReplyError("MOVED 3999 127.0.0.1:6381"))
    assert isinstance(refused, SlotMoved)
    assert "u:ann" not in as_unavailable(hiredis.ReplyError("WRONGTYPE u:ann")).message


def test_problems_are_logged_once_a_second_and_the_rest_counted(caplog: pytest.LogCaptureFixture) -> None:
    now_s = 10.0
    problems = ProblemLog(1.0, lambda: now_s)
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            problems.tell("h:1", "timed out")
        now_s = 11.0
        problems.tell("h:1", "timed out")
    assert [record.getMessage() for record in caplog.records] == [
        "redis h:1: timed out",
        "redis h:1: timed out (49 lines left out)",
    ]
