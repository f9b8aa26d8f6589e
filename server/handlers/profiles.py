"""The use cases of users: profile, erasure, and the session of someone who logs in."""

from __future__ import annotations

import time
from collections.abc import Callable

from server.errors import NotFound
from server.features.identity import storage_key
from server.handlers.messages import UserProfile
from server.stores.protocols import EventStore, UserStore


class ProfileHandler:
    """Users by user_id. now_s: epoch seconds."""

    def __init__(self, users: UserStore, events: EventStore, now_s: Callable[[], float] = time.time) -> None:
        self._users = users
        self._events = events
        self._now_s = now_s

    def upsert_profile(self, profile: UserProfile) -> None:
        """Sets a user's profile, keeping the events."""
        self._users.write_profile(
            profile.user_id, profile.age_bucket, profile.gender, profile.location_cluster
        )

    def get_profile(self, user_id: str) -> UserProfile:
        """Returns a user's profile. Raises NotFound for a user with neither profile nor events."""
        record = self._users.read(storage_key(user_id, ""))
        if record is None:
            raise NotFound("user", user_id, reason="USER_NOT_FOUND")
        return UserProfile(
            user_id=user_id,
            age_bucket=record.age_bucket,
            gender=record.gender,
            location_cluster=record.location_cluster,
            total_events=record.total_events,
            created_time_s=record.created_time_s,
            updated_time_s=record.updated_time_s,
        )

    def delete_user(self, user_id: str) -> bool:
        """Erases all that is known of a user; returns whether anything was."""
        return self._users.delete(user_id)

    def link_session(self, session_id: str, user_id: str) -> int:
        """Gives a session's events, past and future, to a user; returns how many history events moved."""
        return self._events.link_session(session_id, user_id, int(self._now_s() * 1_000_000))
