"""From the store's URL in the settings to a store."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from server.errors import FieldViolation, InvalidRequest
from server.stores.embedded_store import EmbeddedStore
from server.stores.memory_store import MemoryStore
from server.stores.store import Store, StoreLimits

if TYPE_CHECKING:
    from server.stores.redis_store import RedisValues

REDIS_SCHEMES = ("redis", "rediss", "redis+cluster", "rediss+cluster")
SCHEMES = ("lmdb", "memory", *REDIS_SCHEMES)


def open_store(
    url: str,
    default_directory: Path,
    limits: StoreLimits | None = None,
    redis: RedisValues | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> Store:
    """Returns the store of a URL: ``lmdb:`` (in default_directory), ``lmdb:/path``, ``memory:``, ``redis://...``.

    redis: the Redis client's knobs. Raises InvalidRequest for another scheme, StoreUnavailable when the store
    cannot be opened.
    """
    if on_redis(url):
        # Only who uses Redis pays for its client.
        from server.stores.redis_url import open_redis

        return open_redis(url, limits, redis, clock=clock)
    directory = store_directory(url, default_directory)
    return EmbeddedStore(directory, limits, clock=clock) if directory else MemoryStore(limits, clock=clock)


def store_directory(url: str, default_directory: Path) -> Path | None:
    """Returns where a URL's store lies, None for one that is not on disk. Raises InvalidRequest as open_store does."""
    scheme, separator, path = url.partition(":")
    if not separator or scheme not in SCHEMES:
        known = ", ".join(f"{name}:" for name in SCHEMES)
        description = f"{scheme!r} names no known kind of store; known are {known}"
        raise InvalidRequest([FieldViolation("store.url", "STORE_UNKNOWN", description)])
    if scheme == "memory" or scheme in REDIS_SCHEMES:
        return None
    return Path(path.removeprefix("//")) if path.removeprefix("//") else default_directory


def on_redis(url: str) -> bool:
    """Returns whether a URL's store is on Redis."""
    return url.partition(":")[0] in REDIS_SCHEMES
