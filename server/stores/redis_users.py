"""User records in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from server.features.history_batch import HistoryBatch
from server.features.identity import SESSION_PREFIX, USER_PREFIX
from server.features.record_codec import RecordLimits, merge_records, new_record, pack_record
from server.features.user_record import UserRecord
from server.stores.embedded_users import history_record
from server.stores.entry_codec import digest, pack_queued_erasure
from server.stores.redis_commit import Commit, Outcome
from server.stores.redis_keys import RedisKeys
from server.stores.redis_link import RedisLink, read, write
from server.stores.redis_recommendations import RedisRecommendationLog
from server.stores.redis_records import (
    Held,
    attempts,
    by_partition,
    check_links,
    owner_of,
    read_held,
    read_links,
    unpack_held,
)

_MERGED_USERS = 256
_US = 1_000_000


class RedisUserStore:
    """protocols.UserStore, and the bulk merge.

    saw_sequence: told the number of the newest item change, which a read brings along. clock: epoch seconds.
    """

    def __init__(
        self,
        link: RedisLink,
        keys: RedisKeys,
        recommendations: RedisRecommendationLog,
        limits: RecordLimits,
        saw_sequence: Callable[[int], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._link = link
        self._keys = keys
        self._recommendations = recommendations
        self._limits = limits
        self._saw_sequence = saw_sequence
        self._clock = clock

    def read(self, key: str) -> UserRecord | None:
        """Returns the record, or None for an unknown user: one command, one try, within the read's time.

        A linked session's record is its user's, read by a second command within the same time.
        """
        ends_s = time.monotonic() + self._link.times.read_s
        content, user = self._read(key, ends_s)
        if user:
            key = USER_PREFIX + user.decode()
            content, _ = self._read(key, ends_s)
        return unpack_held(content, key).record

    def write_profile(self, user_id: str, age_bucket: int, gender: int, location_cluster: int) -> None:
        """Creates or changes a user's profile, keeping the events."""
        owner = USER_PREFIX + user_id
        now_s = int(self._clock())

        def change(record: UserRecord) -> UserRecord:
            return replace(
                record,
                age_bucket=age_bucket,
                gender=gender,
                location_cluster=location_cluster,
                created_time_s=record.created_time_s or now_s,
                updated_time_s=max(record.updated_time_s, now_s),
            )

        for _ in attempts():
            held = read_held(self._link, self._keys, [owner])[owner]
            commit = Commit()
            held.check(commit, self._keys)
            commit.write_record(self._keys.user(owner), pack_record(change(held.record_or_new())))
            if commit.run(self._link, self._keys.partition_of(owner)) is Outcome.DONE:
                return

    def delete(self, user_id: str) -> bool:
        """Erases a user; see protocols.UserStore. Also removes what the user's linked sessions left.

        In a cluster the user's own partition comes last: a call that failed half-way is completed by the next.
        """
        user = USER_PREFIX + user_id
        sessions = self._sessions_of(user_id)
        logged = self._recommendations.delete_owners([user, *sessions])
        groups = by_partition(self._keys, [*sessions, user])
        groups[self._keys.partition_of(user)] = groups.pop(self._keys.partition_of(user))
        found = bool(sessions) or logged > 0
        for partition, owners in groups.items():
            found |= self._erase(partition, owners, user_id, sessions)
        return found

    def merge_histories(self, batch: HistoryBatch) -> int:
        """Unites histories with the records, some users a transaction; returns how many records changed."""
        changed = 0
        for start in range(0, len(batch), _MERGED_USERS):
            waiting = {
                batch.keys[index]: index for index in range(start, min(start + _MERGED_USERS, len(batch)))
            }
            for _ in attempts():
                done, waiting = self._merge(batch, waiting)
                changed += done
                if not waiting:
                    break
        return changed

    def _read(self, key: str, ends_s: float) -> tuple[bytes | None, bytes | None]:
        """Returns what is stored under a storage key, and the user that it is linked to."""
        keys = self._keys
        partition = keys.partition_of(key)
        names = [keys.user(key)]
        session = key.startswith(SESSION_PREFIX)
        if session:
            names.append(keys.link(key))
        if partition == 0:
            names.append(keys.overlay_sequence)
        values = read(self._link, partition, [("MGET", *names)], ends_s)[0]
        if partition == 0 and values[-1] is not None:
            self._saw_sequence(int(values[-1]))
        return values[0], values[1] if session else None

    def _sessions_of(self, user_id: str) -> list[str]:
        """Returns the storage keys of the sessions that are linked to a user."""
        user = USER_PREFIX + user_id
        noted = write(self._link, self._keys.partition_of(user), [("HKEYS", self._keys.sessions(user))])[0]
        links = read_links(self._link, self._keys, [SESSION_PREFIX + name.decode() for name in noted])
        return [session for session, linked in links.items() if linked == user_id.encode()]

    def _erase(self, partition: int, owners: list[str], user_id: str, sessions: list[str]) -> bool:
        """Removes a user's and sessions' records of one partition; returns whether there was one."""
        user, keys, found = USER_PREFIX + user_id, self._keys, False
        for _ in attempts():
            held = read_held(self._link, keys, owners)
            # An event may be dated a little ahead of the clock: it is erased as well.
            erased_us = max([int(self._clock() * _US), *(_last_event_us(each) for each in held.values())])
            commit = Commit(allow_oom=True)
            for owner in owners:
                held[owner].check(commit, keys)
                commit.write("DEL", keys.user(owner))
                commit.mark_erased(keys.erased(partition), digest(owner), keys.queue(partition), erased_us)
                if owner != user:
                    commit.write("DEL", keys.link(owner))
            if user in owners:
                if sessions:
                    commit.write("HDEL", keys.sessions(user), *(session[2:] for session in sessions))
                entry = pack_queued_erasure(user_id, erased_us)
                commit.write("XADD", keys.queue(partition), "*", "e", entry)
            found = any(each.record is not None for each in held.values())
            if commit.run(self._link, partition) is Outcome.DONE:
                break
        return found

    def _merge(self, batch: HistoryBatch, waiting: dict[str, int]) -> tuple[int, dict[str, int]]:
        """Returns how many records were written, and the histories that others overtook."""
        links = read_links(self._link, self._keys, waiting)
        owners = {key: owner_of(key, links) for key in waiting}
        held = read_held(self._link, self._keys, owners.values())
        changed, overtaken = 0, {}
        for partition, group in by_partition(self._keys, waiting, owners.__getitem__).items():
            records = self._united(batch, {key: waiting[key] for key in group}, owners, held)
            commit = Commit()
            check_links(commit, self._keys, partition, {key: links[key] for key in group if key in links})
            for owner, record in records.items():
                held[owner].check(commit, self._keys)
                commit.write_record(self._keys.user(owner), pack_record(record))
            if not records or commit.run(self._link, partition) is Outcome.DONE:
                changed += len(records)
            else:
                overtaken.update({key: waiting[key] for key in group})
        return changed, overtaken

    def _united(
        self, batch: HistoryBatch, group: dict[str, int], owners: dict[str, str], held: dict[str, Held]
    ) -> dict[str, UserRecord]:
        """Returns the records that the histories change, by owner."""
        records: dict[str, UserRecord] = {}
        for key, index in group.items():
            owner = owners[key]
            history = history_record(batch, index, owner, held[owner].erased_us)
            if history is None:
                continue
            before = records.get(owner, held[owner].record)
            merged = merge_records(history, before or new_record(owner), self._limits)
            if before is None or pack_record(before) != pack_record(merged):
                records[owner] = merged
        return records


def _last_event_us(held: Held) -> int:
    record = held.record
    return (record.updated_time_s + 1) * _US if record is not None and len(record.events) else 0
