"""One connection to a Redis server, on which every exchange has one deadline, whatever the replies' size.

redis-py makes the connection: address, TLS, AUTH, SELECT, without retries, health checks or maintenance
notifications. What follows does not go through its reader, whose timeout begins anew with every packet: a reply that
trickles in would take as long as it likes. An exchange here ends at its deadline, and costs a third of the time.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import hiredis
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

Command = tuple[bytes | str | int | float, ...]
"""One command with its arguments."""

Reply = Any
"""What hiredis makes of a reply: bytes, int, list, None, or a hiredis.ReplyError, which is returned, not raised."""

_READ_BYTES = 32 << 10
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_INCOMPLETE = object()


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One server. database: a number; a cluster has only 0. secret fields are never logged."""

    host: str
    port: int
    database: int = 0
    username: str = ""
    password: str = ""
    tls: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"RedisAddress({self})"


@dataclass(frozen=True, slots=True)
class RedisTimes:
    """Times of the client, seconds.

    read_s: a request's whole read. write_s: one step of a write, and of whatever no request waits for.
    connect_s: TCP connect. handshake_s: what comes after it until the server has answered once; no request waits
    for it, and a server that was stopped answers it the moment it goes on.
    """

    read_s: float = 0.008
    write_s: float = 0.25
    connect_s: float = 0.02
    handshake_s: float = 1.0


class ConnectionBroken(OSError):
    """The connection ended, or holds bytes that are no reply to what was asked."""


class RedisConnection:
    """An open connection. One thread at a time; after any exception but a full answer it must be closed.

    Constructing it raises OSError when the server cannot be reached, does not answer or refuses the credentials.
    """

    def __init__(self, address: RedisAddress, times: RedisTimes) -> None:
        self._client = _client(address, times)
        try:
            self._client.connect()  # type: ignore[no-untyped-call]
        except RedisError as error:
            raise ConnectionBroken(str(error)) from error
        # redis-py has no public way to its socket; subclasses and this are given it by this method.
        self._socket: socket.socket = self._client._get_socket()  # type: ignore[assignment]
        # Never blocks by itself: send, poll and recv are half the system calls of a socket with a time-out.
        self._socket.setblocking(False)
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self._writable.register(self._socket, select.POLLOUT)
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)

    def exchange(self, packed: bytes, replies: int, ends_s: float) -> list[Reply]:
        """Sends packed commands and returns their replies, by time.monotonic() = ends_s or not at all.

        Raises TimeoutError or another OSError, hiredis.ProtocolError for bytes that are no reply.
        """
        self._send(packed, ends_s)
        found: list[Reply] = []
        while True:
            reply = self._reader.gets()
            if reply is _INCOMPLETE:
                self._receive(ends_s)
                continue
            found.append(reply)
            if len(found) == replies:
                break
        if self._reader.has_data():
            raise ConnectionBroken("more replies came than were asked for")
        return found

    def is_quiet(self) -> bool:
        """Returns whether nothing has come that nobody asked for, such as the end of the connection."""
        return not self._holds_decrypted() and not self._readable.poll(0)

    def close(self) -> None:
        """Closes the socket."""
        self._client.disconnect()  # type: ignore[no-untyped-call]

    def _send(self, packed: bytes, ends_s: float) -> None:
        sent = 0
        while sent < len(packed):
            try:
                # One send is nearly always enough, and then nothing is copied.
                sent += self._socket.send(packed[sent:] if sent else packed)
            except _WOULD_BLOCK:
                _wait(self._writable, ends_s)

    def _receive(self, ends_s: float) -> None:
        if not self._holds_decrypted():
            _wait(self._readable, ends_s)
        try:
            received = self._socket.recv(_READ_BYTES)
        except _WOULD_BLOCK:
            return
        if not received:
            raise ConnectionBroken("the server closed the connection")
        self._reader.feed(received)

    def _holds_decrypted(self) -> bool:
        """Returns whether TLS holds bytes that poll cannot see."""
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0


def pack(commands: Sequence[Command]) -> bytes:
    """Returns commands as they are sent."""
    # hiredis declares a tuple of one argument; it takes any number.
    return b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]


def _wait(poll: select.poll, ends_s: float) -> None:
    """Waits until a socket is ready. A thread that was late still takes what is there: only waiting has an end."""
    if not poll.poll(max(0.0, ends_s - time.monotonic()) * 1_000):
        raise TimeoutError("no answer in time")


def _client(address: RedisAddress, times: RedisTimes) -> Connection:
    kind = SSLConnection if address.tls else Connection
    return kind(
        host=address.host,
        port=address.port,
        db=address.database,
        username=address.username or None,
        password=address.password or None,
        socket_timeout=times.handshake_s,
        socket_connect_timeout=times.connect_s,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        # RESP2: a server never speaks unasked, so a reply is always the answer to the oldest open question.
        protocol=2,
        driver_info=None,
    )
