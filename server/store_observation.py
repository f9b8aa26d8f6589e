"""The stores' hook into telemetry: a read on another server is a remote call of the request that it is made for."""

from __future__ import annotations

from server.errors import StoreUnavailable
from server.features.user_record import UserRecord
from server.stores.protocols import UserStore
from server.telemetry.remote_calls import begin_remote_call

_ATTRIBUTES = {"db.system.name": "redis", "db.operation.name": "MGET"}


class ObservedUsers:
    """protocols.UserStore of a store on Redis, whose reads are stamped; no key or id is."""

    def __init__(self, users: UserStore) -> None:
        self._users = users

    def read(self, key: str) -> UserRecord | None:
        """Returns the record; see protocols.UserStore."""
        call = begin_remote_call("MGET", _ATTRIBUTES)
        try:
            record = self._users.read(key)
        except StoreUnavailable as error:
            call.end(error.reason)
            raise
        call.end()
        return record

    def write_profile(self, user_id: str, age_bucket: int, gender: int, location_cluster: int) -> None:
        """Creates or changes a user's profile; see protocols.UserStore."""
        self._users.write_profile(user_id, age_bucket, gender, location_cluster)

    def delete(self, user_id: str) -> bool:
        """Erases a user; see protocols.UserStore."""
        return self._users.delete(user_id)
