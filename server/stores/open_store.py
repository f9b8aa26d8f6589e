"""From the store's URL in the settings to a store."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from server.errors import FieldViolation, InvalidRequest
from server.stores.embedded_store import EmbeddedStore
from server.stores.memory_store import MemoryStore
from server.stores.store import Store, StoreLimits

SCHEMES = ("lmdb", "memory")


def open_store(
    url: str,
    default_directory: Path,
    limits: StoreLimits | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> Store:
    """Returns the store of a URL: ``lmdb:`` (in default_directory), ``lmdb:/path`` or ``memory:``.

    Raises InvalidRequest for another scheme, StoreUnavailable when the store cannot be opened.
    """
    directory = store_directory(url, default_directory)
    return EmbeddedStore(directory, limits, clock=clock) if directory else MemoryStore(limits, clock=clock)


def store_directory(url: str, default_directory: Path) -> Path | None:
    """Returns where a URL's store lies, None for one in memory. Raises InvalidRequest as open_store does."""
    scheme, separator, path = url.partition(":")
    if not separator or scheme not in SCHEMES:
        known = ", ".join(f"{name}:" for name in SCHEMES)
        description = f"{url!r} names no known kind of store; known are {known}"
        raise InvalidRequest([FieldViolation("store.url", "STORE_UNKNOWN", description)])
    if scheme == "memory":
        return None
    return Path(path.removeprefix("//")) if path.removeprefix("//") else default_directory
