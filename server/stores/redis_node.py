"""One Redis server as this process sees it: a bounded pool of warm connections behind a circuit breaker.

Requests never connect. A thread of the node's own keeps the pool full, at a bounded pace, and tells the breaker when
the server answers again; a request takes an idle connection, asks once, and gives the connection back only when
nothing at all went wrong on it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import hiredis

from server.circuit_breaker import BreakerState, BreakerValues, CircuitBreaker
from server.errors import StoreUnavailable
from server.stores.reconnect_budget import BudgetValues, ReconnectBudget
from server.stores.redis_connection import (
    ConnectionBroken,
    RedisAddress,
    RedisConnection,
    RedisTimes,
    Reply,
    pack,
)
from server.stores.redis_errors import ProblemLog, as_unavailable, serves_nobody

BREAKER = BreakerValues(failures_max=5, open_ms=2_000, open_ms_max=2_000)
"""The node's own thread notices sooner that the server is back; a request that probes costs somebody its features."""

_RETRY_MS = 200
_STOP_S = 2.0
_PING = pack([("PING",)])


@dataclass(frozen=True, slots=True)
class PoolValues:
    """connections: held open to one server. reconnects_per_s: after the first fill; retry_s, retry_max_s: the pause
    after a failed attempt, which doubles. budget: attempts without either pause. revive_interval_s: the keeper closes
    the breaker at most once in it."""

    connections: int = 12
    reconnects_per_s: float = 20.0
    retry_s: float = 0.05
    retry_max_s: float = 0.8
    revive_interval_s: float = 1.2
    budget: BudgetValues = field(default_factory=BudgetValues)


class RedisNode:
    """Thread-safe. Constructing it tries to fill the pool once and does not fail when that is not possible."""

    def __init__(
        self,
        address: RedisAddress,
        times: RedisTimes,
        pool: PoolValues,
        problems: ProblemLog,
        breaker: BreakerValues = BREAKER,
    ) -> None:
        self.address = address
        self.breaker = CircuitBreaker(breaker)
        self.connections_made = 0
        self._times = times
        self._pool = pool
        self._problems = problems
        self._budget = ReconnectBudget(pool.budget)
        self._changed = threading.Condition()
        self._idle: list[RedisConnection] = []
        self._open = 0
        self._waiting = 0
        self._stopped = threading.Event()
        self._revive_after_s = 0.0
        self._fill_at_start()
        self._thread = threading.Thread(target=self._keep_full, name=f"redis-{address}", daemon=True)
        self._thread.start()

    def ask(self, packed: bytes, replies: int, ends_s: float) -> list[Reply]:
        """Returns the replies to packed commands, by time.monotonic() = ends_s.

        Error replies are returned, save those by which the server can serve nobody. One try; raises StoreUnavailable.
        """
        if time.monotonic() >= ends_s:
            raise StoreUnavailable("no time was left to ask Redis", retry_after_ms=_RETRY_MS)
        if not self.breaker.allow():
            raise StoreUnavailable("Redis does not answer", retry_after_ms=_RETRY_MS)
        connection = self._take(ends_s)
        try:
            found = connection.exchange(packed, replies, ends_s)
        except (OSError, hiredis.ProtocolError) as error:
            self._discard(connection, gone=not isinstance(error, TimeoutError))
            self._failed(str(error) or type(error).__name__)
            raise StoreUnavailable("Redis did not answer", retry_after_ms=_RETRY_MS) from error
        except BaseException:
            self._discard(connection, gone=False)
            self.breaker.abandoned()
            raise
        self._give_back(connection)
        self._judge(found)
        return found

    def close(self) -> None:
        """Closes the connections; calls under way end as they would, later ones find none."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()
        self._close_idle()
        self._thread.join(_STOP_S)

    def _judge(self, found: list[Reply]) -> None:
        """Tells the breaker; raises where the server says that it can serve nobody."""
        for reply in found:
            if isinstance(reply, hiredis.ReplyError) and serves_nobody(reply):
                refused = as_unavailable(reply)
                self._failed(refused.message)
                raise refused
        self.breaker.succeeded()
        self._budget.answered()

    def _failed(self, why: str) -> None:
        self.breaker.failed()
        self._problems.tell(self.address, why)
        with self._changed:
            self._changed.notify_all()

    def _take(self, ends_s: float) -> RedisConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._wait_for_one(ends_s)

    def _wait_for_one(self, ends_s: float) -> RedisConnection:
        with self._changed:
            # Counted before looking: who gives one back either is seen here or sees the count.
            self._waiting += 1
            try:
                while self._open and not self._stopped.is_set():
                    found = self._any_idle()
                    left_s = ends_s - time.monotonic()
                    if found is not None:
                        return found
                    if left_s <= 0:
                        break
                    self._changed.wait(left_s)
            finally:
                self._waiting -= 1
        self.breaker.abandoned()
        raise StoreUnavailable("no connection to Redis is free", retry_after_ms=_RETRY_MS)

    def _give_back(self, connection: RedisConnection) -> None:
        """Makes a connection idle. A list's append and pop are atomic, so that this takes no lock."""
        self._idle.append(connection)
        if self._waiting:
            with self._changed:
                self._changed.notify()
        if self._stopped.is_set():
            self._close_idle()

    def _close_idle(self) -> None:
        """Closes the idle connections."""
        while (connection := self._any_idle()) is not None:
            connection.close()

    def _close_dead(self) -> int:
        """Closes the idle connections that the server has hung up on; returns how many.

        All of them, and a network that breaks one connection in ten leaves none.
        """
        idle = []
        while (connection := self._any_idle()) is not None:
            idle.append(connection)
        dead = [connection for connection in idle if not connection.is_quiet()]
        for connection in idle:
            if connection in dead:
                connection.close()
            else:
                self._give_back(connection)
        return len(dead)

    def _discard(self, connection: RedisConnection, *, gone: bool) -> None:
        """Closes a connection. gone: the server has hung up, perhaps on the idle ones as well."""
        connection.close()
        closed = 1 + (self._close_dead() if gone else 0)
        with self._changed:
            self._open -= closed
            # Who waits for a connection learns that there is none left; the keeper, that one is missing.
            self._changed.notify_all()

    def _fill_at_start(self) -> None:
        try:
            for _ in range(self._pool.connections):
                self._give_back(self._connect())
        except OSError as error:
            self._problems.tell(self.address, f"cannot be reached: {error}")

    def _keep_full(self) -> None:
        """Replaces connections as they go and notices when the server is back; runs until the node is closed."""
        pause_s = self._pool.retry_s
        while self._wait_for_work():
            try:
                missing = self._open < self._pool.connections
                connection = self._connect() if missing else self._any_idle()
                away = self.breaker.state is not BreakerState.CLOSED
                back = away and connection is not None and self._answers_quickly(connection)
            except OSError as error:
                self._problems.tell(self.address, f"cannot be reached: {error}")
                if self._budget.take():
                    continue
                self._stopped.wait(pause_s)
                pause_s = min(pause_s * 2, self._pool.retry_max_s)
                continue
            if connection is not None:
                self._give_back(connection)
            if back:
                self._revive()
            pause_s = self._pool.retry_s
            if not self._budget.take():
                self._stopped.wait(1 / self._pool.reconnects_per_s)

    def _wait_for_work(self) -> bool:
        """Waits until a connection is missing or the breaker is open; False when the node is closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._stopped.is_set()
                    or self._open < self._pool.connections
                    or self.breaker.state is not BreakerState.CLOSED
                )
            )
        return not self._stopped.is_set()

    def _any_idle(self) -> RedisConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _revive(self) -> None:
        """Closes the breaker, but not so often that a server that stalls again and again makes it flap."""
        now_s = time.monotonic()
        if now_s >= self._revive_after_s:
            self._revive_after_s = now_s + self._pool.revive_interval_s
            self.breaker.succeeded()

    def _connect(self) -> RedisConnection:
        """Returns a connection on which the server has answered. Raises OSError."""
        connection = RedisConnection(self.address, self._times)
        self.connections_made += 1
        try:
            self._ping(connection)
        except OSError:
            connection.close()
            raise
        with self._changed:
            self._open += 1
        return connection

    def _answers_quickly(self, connection: RedisConnection) -> bool:
        """Returns whether the server answers within a request's time. Raises OSError, having closed the connection."""
        try:
            return self._ping(connection) <= self._times.read_s
        except OSError:
            self._discard(connection, gone=False)
            raise

    def _ping(self, connection: RedisConnection) -> float:
        """Returns the seconds that the server took to answer. Raises OSError where it does not, or serves nobody."""
        started_s = time.monotonic()
        try:
            answer = connection.exchange(_PING, 1, started_s + self._times.handshake_s)[0]
        except hiredis.ProtocolError as error:
            raise ConnectionBroken(str(error)) from error
        if isinstance(answer, hiredis.ReplyError) and serves_nobody(answer):
            raise ConnectionBroken(as_unavailable(answer).message)
        return time.monotonic() - started_s
