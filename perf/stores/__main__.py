"""The cost of Redis in a request: the read of a user's record, beside LMDB's, from many threads on one core.

All threads run on core 0 and redis-server on core 1, over loopback. The figure is the processor time of this process for
each read: what a read takes from the other requests of a busy core, whoever else uses the machine. Rounds alternate
between the forms; the median of the rounds' differences counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

from perf.machine import machine_facts
from server.errors import StoreUnavailable
from server.features.event_types import EventType
from server.features.user_event import UserEvent
from server.stores.embedded_store import EmbeddedStore
from server.stores.redis_connection import RedisTimes
from server.stores.redis_node import PoolValues
from server.stores.redis_store import RedisValues
from server.stores.redis_url import open_redis
from server.stores.store import Store, StoreLimits
from tests.support.redis_server import RedisServer, free_ports

IN_FLIGHT = 32
MARK_US = 60.0
USERS = [f"user-{number}" for number in range(1_000)]
HISTORY = 60
WARM_UP = 20


def main() -> None:
    """Measures, prints and writes perf/results/stores.json."""
    parser = argparse.ArgumentParser(prog="python -m perf.stores", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--reads", type=int, default=500, help="reads of each thread in a round")
    parser.add_argument("--json", type=Path, default=Path("perf/results/stores.json"))
    arguments = parser.parse_args()
    rounds = measured(arguments.rounds, arguments.reads)
    added = statistics.median(redis - lmdb for lmdb, redis in rounds)
    result = {
        "machine": machine_facts(),
        "in_flight": IN_FLIGHT,
        "history_events": HISTORY,
        "lmdb_us": statistics.median(lmdb for lmdb, _ in rounds),
        "redis_us": statistics.median(redis for _, redis in rounds),
        "redis_over_lmdb_us": added,
        "at_most_us": MARK_US,
        "load_average": os.getloadavg()[0],
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def measured(rounds: int, reads: int) -> list[tuple[float, float]]:
    """Returns microseconds a read of (LMDB, Redis), of each round."""
    values = RedisValues(times=RedisTimes(read_s=1.0, write_s=5.0), pool=PoolValues(IN_FLIGHT))
    with tempfile.TemporaryDirectory() as name:
        server = RedisServer(Path(name) / "redis", free_ports(1)[0])
        try:
            server.start()
            os.sched_setaffinity(server.pid, {1})
            os.sched_setaffinity(0, {0})
            lmdb = EmbeddedStore(Path(name) / "lmdb", StoreLimits(durable_writes=False))
            redis = open_redis(server.url, values=values)
            for store in (lmdb, redis):
                fill(store)
                read_us(store, WARM_UP)
            found = [(read_us(lmdb, reads), read_us(redis, reads)) for _ in range(rounds)]
            lmdb.close()
            redis.close()
            return found
        finally:
            server.kill()


def fill(store: Store) -> None:
    """Gives every user a history."""
    now_us = int(time.time() * 1e6)
    for start in range(0, len(USERS), 20):
        store.events.append(
            [
                UserEvent(f"{user}-{step}", user, "", f"item-{step}", EventType.VIEW, now_us - 10**6 * step)
                for user in USERS[start : start + 20]
                for step in range(HISTORY)
            ]
        )


def read_us(store: Store, reads: int) -> float:
    """Returns the microseconds of processor time a read while IN_FLIGHT threads read. Raises StoreUnavailable."""
    begin = threading.Barrier(IN_FLIGHT + 1)
    failed: list[StoreUnavailable] = []

    def read(number: int) -> None:
        begin.wait()
        try:
            for step in range(reads):
                store.users.read(f"u:{USERS[(number * 131 + step * 7) % len(USERS)]}")
        except StoreUnavailable as error:
            failed.append(error)

    threads = [threading.Thread(target=read, args=(number,), daemon=True) for number in range(IN_FLIGHT)]
    for thread in threads:
        thread.start()
    begin.wait()
    start_s = time.process_time()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return (time.process_time() - start_s) / (reads * IN_FLIGHT) * 1e6


if __name__ == "__main__":
    main()
