"""A gRPC connection in bare HTTP/2 frames: what one unary call needs, at a fraction of a gRPC client's cost.

A Python gRPC client spends more time on a call than the server under test, and h2load can only repeat one body. Here
every call may have a body of its own, each reply's status is read, and replies can be kept to be looked into.
Frames: RFC 9113. Headers: RFC 7541, literals only; a header table of size 0 keeps the server to literals too.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
FRAME_HEADER_BYTES = 9
FRAME_BYTES_MAX = 16_384
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
WINDOW_MAX = 2**31 - 1
WINDOW_FIRST = 65_535
WINDOW_STEP = 2**24
STATUS_OK = b"grpc-status\x010"


@dataclass(frozen=True, slots=True)
class Finished:
    """A call that has ended. reply: the message without its prefix; empty unless replies are kept."""

    call: int
    ok: bool
    reply: bytes


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Returns an HTTP/2 frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: bytes, value: bytes, name_index: int = 0) -> bytes:
    """Returns a header field, never indexed; name_index is that of the static table, 0 = the name is spelled out."""
    index = bytes([name_index]) if name_index < 15 else bytes([15, name_index - 15])
    spelled = b"" if name_index else bytes([len(name)]) + name
    return index + spelled + bytes([len(value)]) + value


class Connection:
    """One connection over which many calls of one method run at once. keep_every: of how many replies one is kept."""

    def __init__(self, port: int, method: str, keep_every: int = 0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = b"\x83\x86" + b"".join(  # :method POST, :scheme http
            (
                literal(b":path", method.encode(), 4),
                literal(b":authority", b"127.0.0.1", 1),
                literal(b"content-type", b"application/grpc", 31),
                literal(b"te", b"trailers"),
            )
        )
        self._keep_every = keep_every
        self._calls: dict[int, int] = {}
        self._replies: dict[int, bytes] = {}
        self._next_stream = 1
        self._left = b""
        self._out = b""
        self._send_window = WINDOW_FIRST
        self._received = 0
        wishes = struct.pack(">HIHI", HEADER_TABLE_SIZE, 0, INITIAL_WINDOW_SIZE, WINDOW_MAX)
        self._out += b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, wishes)
        self._out += frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW_MAX - WINDOW_FIRST))

    def start(self, call: int, body: bytes) -> None:
        """Queues a call; flush() sends what is queued. Raises ValueError for a body that one frame cannot hold."""
        message = b"\0" + struct.pack(">I", len(body)) + body
        if len(message) > FRAME_BYTES_MAX:
            raise ValueError(f"{len(body)} bytes do not fit into one frame")
        stream = self._next_stream
        self._next_stream += 2
        self._calls[stream] = call
        if self._keep_every and call % self._keep_every == 0:
            self._replies[stream] = b""
        self._send_window -= len(message)
        if self._send_window < 0:
            raise ConnectionError("the server has not taken what was sent: too many calls at once")
        self._out += frame(HEADERS, END_HEADERS, stream, self._headers) + frame(
            DATA, END_STREAM, stream, message
        )

    def flush(self) -> None:
        """Sends what is queued."""
        if self._out:
            self.socket.sendall(self._out)
            self._out = b""

    def receive(self) -> list[Finished]:
        """Reads what has arrived and returns the calls that ended with it."""
        arrived = self.socket.recv(1 << 18)
        if not arrived:
            raise ConnectionError("the server closed the connection")
        return [ended for part in self._frames(arrived) if (ended := self._take(*part)) is not None]

    def _frames(self, arrived: bytes) -> Iterator[tuple[int, int, int, bytes]]:
        buffer = self._left + arrived
        at = 0
        while at + FRAME_HEADER_BYTES <= len(buffer):
            high, low, kind, flags, stream = struct.unpack_from(">BHBBI", buffer, at)
            end = at + FRAME_HEADER_BYTES + (high << 16 | low)
            if end > len(buffer):
                break
            yield kind, flags, stream, buffer[at + FRAME_HEADER_BYTES : end]
            at = end
        self._left = buffer[at:]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> Finished | None:
        if kind == DATA:
            self._take_data(stream, payload)
        elif kind == HEADERS and flags & END_STREAM:
            reply = self._replies.pop(stream, b"")
            return Finished(self._calls.pop(stream), STATUS_OK in payload, reply[5:])
        elif kind == RST_STREAM and stream in self._calls:
            self._replies.pop(stream, None)
            return Finished(self._calls.pop(stream), False, b"")
        elif kind == GOAWAY:
            raise ConnectionError(f"the server sent the client away: {payload[8:].decode(errors='replace')}")
        elif kind in (SETTINGS, PING) and not flags & ACK:
            self._out += frame(kind, ACK, 0, payload if kind == PING else b"")
        elif kind == WINDOW_UPDATE and stream == 0:
            self._send_window += struct.unpack(">I", payload)[0]
        return None

    def _take_data(self, stream: int, payload: bytes) -> None:
        if stream in self._replies:
            self._replies[stream] += payload
        self._received += len(payload)
        if self._received >= WINDOW_STEP:
            self._out += frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self._received))
            self._received = 0

    def close(self) -> None:
        """Ends the connection."""
        self.socket.close()
