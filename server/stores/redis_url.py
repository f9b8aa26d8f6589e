"""From a redis URL to a store on Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import unquote

from server.errors import FieldViolation, InvalidRequest
from server.stores.redis_cluster import RedisCluster
from server.stores.redis_connection import RedisAddress
from server.stores.redis_link import RedisLink, SingleServer
from server.stores.redis_store import RedisStore, RedisValues
from server.stores.store import StoreLimits

_PORT = 6379
_FORM = (
    "redis://[user:password@]host[:port][/database] or redis+cluster://[user:password@]host:port,host:port"
)


def open_redis(
    url: str,
    limits: StoreLimits | None = None,
    values: RedisValues | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> RedisStore:
    """Returns the store of a ``redis:``, ``rediss:`` (TLS) or ``redis+cluster:``, ``rediss+cluster:`` URL.

    Raises InvalidRequest for a URL that is none. A server that does not answer is no error: see RedisStore.
    """
    values = values or RedisValues()
    addresses = parse_url(url)
    link: RedisLink
    if url.partition(":")[0].endswith("+cluster"):
        link = RedisCluster(addresses, values.times, values.pool)
    else:
        link = SingleServer(addresses[0], values.times, values.pool)
    return RedisStore(link, limits, values, clock=clock)


def parse_url(url: str) -> list[RedisAddress]:
    """Returns the servers that a URL names. Raises InvalidRequest, whose text holds no password."""
    scheme, _, rest = url.partition("://")
    where, _, path = rest.partition("/")
    login, _, hosts = where.rpartition("@")
    username, separator, password = login.partition(":")
    if not separator:
        username, password = "", login
    cluster = scheme.endswith("+cluster")
    names = hosts.split(",")
    if (not cluster and len(names) > 1) or (cluster and path) or not (path.isdecimal() or not path):
        raise _refused()
    return [
        RedisAddress(
            host=host,
            port=port,
            database=int(path or 0),
            username=unquote(username),
            password=unquote(password),
            tls=scheme.startswith("rediss"),
        )
        for host, port in map(_place, names)
    ]


def _place(name: str) -> tuple[str, int]:
    """Returns host and port of ``host``, ``host:port`` or ``[v6]:port``."""
    host, separator, port = name.rpartition(":")
    if not separator or name.endswith("]"):
        host, port = name, str(_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise _refused()
    return host.strip("[]"), int(port)


def _refused() -> InvalidRequest:
    return InvalidRequest([FieldViolation("store.url", "STORE_URL_INVALID", f"must look like {_FORM}")])
