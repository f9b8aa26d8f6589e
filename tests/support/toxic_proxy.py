"""A TCP proxy on 127.0.0.1 that does to a connection what networks do; the toxics are those of Toxiproxy.

    with ToxicProxy(("127.0.0.1", port)) as proxy:
        proxy.set(latency_s=0.03, jitter_s=0.02)      # towards the client; up_ for towards the server
        proxy.set(blackhole=True)                     # takes bytes and passes none on
        proxy.set(slice_bytes=7, slice_pause_s=0.001)
        proxy.set(reset_share=0.1)                    # RST in place of one answer in ten
        proxy.reset_connections()                     # RST to both sides
        proxy.set(down=True)                          # refuses new connections, drops those that are open
        proxy.set()                                   # healthy again

Each connection has a thread for each direction. Toxics that are set hold for bytes that arrive from then on.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType

_CHUNK_BYTES = 64 << 10
_LOOK_S = 0.05
_HARD_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Toxics:
    """What is wrong with the network now.

    latency_s, jitter_s: delay towards the client, evenly spread by jitter_s both ways; up_latency_s: towards the
    server. slice_bytes: bytes come in pieces of so many, slice_pause_s apart. limit_bytes: a connection is closed
    after so many bytes to the client. bytes_per_s: the speed towards the client. blackhole: bytes vanish. reset_share: of
    what the server sends, so much is answered with RST instead, where it is at least reset_bytes_min long: with HTTP/2 an
    answer is one long piece among short ones. late_share: of the same, so much comes late_s late. down: connections are
    refused.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    up_latency_s: float = 0.0
    slice_bytes: int = 0
    slice_pause_s: float = 0.0
    limit_bytes: int = 0
    bytes_per_s: float = 0.0
    blackhole: bool = False
    reset_share: float = 0.0
    reset_bytes_min: int = 0
    late_share: float = 0.0
    late_s: float = 0.0
    down: bool = False


class ToxicProxy:
    """A proxy to one server. seed: of the jitter. connections_total: accepted so far."""

    def __init__(self, server: tuple[str, int], *, seed: int = 1) -> None:
        self.server = server
        self.toxics = Toxics()
        self.connections_total = 0
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._pairs: set[_Pair] = set()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="toxic-proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> ToxicProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def set(self, **toxics: float | bool) -> None:
        """Replaces all toxics by those given; fields of Toxics."""
        self.toxics = Toxics(**toxics)  # type: ignore[arg-type]
        if self.toxics.down:
            self.reset_connections()

    def reset_connections(self) -> None:
        """Sends RST on every open connection, to both sides."""
        for pair in self._take_pairs():
            pair.close(hard=True)

    def delay_s(self) -> float:
        """Returns the delay of the next bytes towards the client."""
        toxics = self.toxics
        with self._lock:
            late_s = toxics.late_s if self._random.random() < toxics.late_share else 0.0
            return max(0.0, late_s + toxics.latency_s + toxics.jitter_s * self._random.uniform(-1, 1))

    def resets(self, size: int) -> bool:
        """Returns whether the next bytes towards the client, so many, are lost with their connection."""
        toxics = self.toxics
        if not toxics.reset_share or size < toxics.reset_bytes_min:
            return False
        with self._lock:
            return self._random.random() < toxics.reset_share

    def close(self) -> None:
        """Closes the port and every connection, and ends all threads."""
        self._stopped.set()
        self._listener.close()
        self._thread.join()
        for pair in self._take_pairs():
            pair.close(hard=False)
            pair.join()

    def _take_pairs(self) -> Iterable[_Pair]:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        return pairs

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                if not select.select([self._listener], [], [], _LOOK_S)[0]:
                    continue
                client, _ = self._listener.accept()
            except (OSError, ValueError):
                return
            self.connections_total += 1
            self._begin(client)

    def _begin(self, client: socket.socket) -> None:
        try:
            if self.toxics.down:
                raise ConnectionRefusedError
            server = socket.create_connection(self.server, timeout=5.0)
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HARD_CLOSE)
            client.close()
            return
        pair = _Pair(self, client, server)
        with self._lock:
            self._pairs.add(pair)
        pair.start()


class _Pair:
    """One connection through the proxy."""

    def __init__(self, proxy: ToxicProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._sockets = (client, server)
        for each in self._sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.settimeout(None)
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._up, args=(client, server), daemon=True),
            threading.Thread(target=self._down, args=(server, client), daemon=True),
        ]

    def start(self) -> None:
        """Begins to pass bytes on."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Waits until both directions have ended."""
        for thread in self._threads:
            thread.join(5.0)

    def close(self, *, hard: bool) -> None:
        """Closes both sides. hard: with RST."""
        self._closed.set()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                if hard:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HARD_CLOSE)
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _up(self, source: socket.socket, target: socket.socket) -> None:
        while content := self._receive(source):
            toxics = self._proxy.toxics
            if toxics.blackhole:
                continue
            self._sleep(toxics.up_latency_s)
            if not self._send(target, content):
                break
        self.close(hard=False)

    def _down(self, source: socket.socket, target: socket.socket) -> None:
        passed = 0
        while content := self._receive(source):
            toxics = self._proxy.toxics
            if toxics.blackhole:
                continue
            if self._proxy.resets(len(content)):
                return self.close(hard=True)
            self._sleep(self._proxy.delay_s())
            if toxics.bytes_per_s:
                self._sleep(len(content) / toxics.bytes_per_s)
            if toxics.limit_bytes:
                content = content[: max(0, toxics.limit_bytes - passed)]
            passed += len(content)
            spent = toxics.limit_bytes and passed >= toxics.limit_bytes
            if not self._send_sliced(target, content, toxics) or spent:
                break
        self.close(hard=False)

    def _receive(self, source: socket.socket) -> bytes:
        """Returns what has come, empty at the end."""
        try:
            return source.recv(_CHUNK_BYTES)
        except OSError:
            return b""

    def _send(self, target: socket.socket, content: bytes) -> bool:
        try:
            target.sendall(content)
        except OSError:
            return False
        return True

    def _send_sliced(self, target: socket.socket, content: bytes, toxics: Toxics) -> bool:
        size = toxics.slice_bytes or len(content) or 1
        for start in range(0, len(content), size):
            if start:
                self._sleep(toxics.slice_pause_s)
            if not self._send(target, content[start : start + size]):
                return False
        return True

    def _sleep(self, seconds: float) -> None:
        """Waits, but no longer than the connection lives."""
        if seconds > 0:
            self._closed.wait(seconds)
