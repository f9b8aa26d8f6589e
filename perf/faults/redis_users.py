"""The users whose records the fault scripts read."""

from __future__ import annotations

import time

from server.features.event_types import EventType
from server.features.user_event import UserEvent
from server.stores.redis_url import open_redis

USERS = [f"user-{number}" for number in range(200)]


def fill(url: str) -> None:
    """Gives every user one event, of an item that is named like the user."""
    store = open_redis(url)
    try:
        now_us = int(time.time() * 1e6)
        store.events.append(
            [UserEvent(f"e-{user}", user, "", user, EventType.VIEW, now_us - 1_000_000) for user in USERS]
        )
    finally:
        store.close()
