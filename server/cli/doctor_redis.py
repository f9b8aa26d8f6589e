"""The doctor's look at a store on Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from server.errors import ShortlistError
from server.settings import Settings

if TYPE_CHECKING:
    from server.stores.redis_health import RedisHealth

_TIGHT = 0.8


def redis_facts(settings: Settings) -> Iterator[tuple[bool, bool, str, str]]:
    """Yields (fine, keeps a server from working, what was found, what to do) of every server of the store."""
    from server.storage import open_store
    from server.stores.redis_health import health_of
    from server.stores.redis_store import RedisStore

    store = open_store(settings)
    try:
        assert isinstance(store, RedisStore)
        for health in health_of(store.link):
            problems = list(_problems(health))
            found = f"Redis {health.version} on {health.address}, {health.used / 1e6:,.1f} MB used"
            if not problems:
                yield True, False, found, ""
            for bad, problem, advice in problems:
                yield False, bad, f"{found}: {problem}", advice
    except ShortlistError as error:
        yield False, True, error.message, "start Redis, or correct store.url; the log names the server"
    finally:
        store.close()


def _problems(health: RedisHealth) -> Iterator[tuple[bool, str, str]]:
    if health.is_old:
        yield True, "too old", "Redis 7.0 or newer"
    if health.evicts:
        yield True, "it removes keys when it is full", "CONFIG SET maxmemory-policy noeviction"
    if health.limit and health.used > _TIGHT * health.limit:
        yield False, f"of at most {health.limit / 1e6:,.1f} MB", "raise maxmemory"
    if not health.saves:
        yield False, "a restart loses what came since its last snapshot", "CONFIG SET appendonly yes"
