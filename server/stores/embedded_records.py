"""Databases of the embedded store's state, and the steps that its parts share inside a transaction.

users            storage key                -> user record
links            session id                 -> user id
user_sessions    digests of user, session   -> session id: the links the other way round
erased           digest of storage key      -> time of erasure, microseconds
event_ids        digest of event id         -> nothing
event_id_times   time received, digest      -> nothing: for expiry
queue            number                     -> entry for the event log
overlay          number                     -> item change
meta             name                       -> number
"""

from __future__ import annotations

from server.errors import StoreUnavailable
from server.features.identity import SESSION_PREFIX, USER_PREFIX
from server.features.record_codec import RecordRefused, new_record, pack_record, unpack_record
from server.features.user_record import UserRecord
from server.stores.entry_codec import digest, number_key, text_key
from server.stores.lmdb_environment import LmdbReader, LmdbWriter

USERS, LINKS, USER_SESSIONS, ERASED = "users", "links", "user_sessions", "erased"
EVENT_IDS, EVENT_ID_TIMES = "event_ids", "event_id_times"
QUEUE, OVERLAY, META = "queue", "overlay", "meta"
STATE_DATABASES = (USERS, LINKS, USER_SESSIONS, ERASED, EVENT_IDS, EVENT_ID_TIMES, QUEUE, OVERLAY, META)


def owner_of(reader: LmdbReader, key: str) -> str:
    """Returns the key of the record that a storage key leads to: a linked session's is its user's."""
    if not key.startswith(SESSION_PREFIX):
        return key
    linked = reader.get(LINKS, text_key(key.removeprefix(SESSION_PREFIX)))
    return USER_PREFIX + linked.decode() if linked is not None else key


def read_record(reader: LmdbReader, owner: str) -> UserRecord | None:
    """Returns an owner's record. Raises StoreUnavailable when it is damaged."""
    content = reader.get(USERS, text_key(owner))
    if content is None:
        return None
    try:
        return unpack_record(content, owner)
    except RecordRefused as error:
        raise StoreUnavailable(f"a user record is damaged: {error}", reason="RECORD_DAMAGED") from error


def read_or_new(reader: LmdbReader, owner: str) -> UserRecord:
    """Returns an owner's record, or an empty one."""
    return read_record(reader, owner) or new_record(owner)


def write_record(writer: LmdbWriter, owner: str, record: UserRecord) -> None:
    """Stores an owner's record."""
    writer.put(USERS, text_key(owner), pack_record(record))


def erased_time_us(reader: LmdbReader, owner: str) -> int:
    """Returns the time of an owner's last erasure, -1 when there was none."""
    value = reader.get(ERASED, digest(owner))
    return int.from_bytes(value, "big") if value is not None else -1


def next_number(writer: LmdbWriter, counter: str, count: int = 1) -> int:
    """Takes ``count`` numbers from a counter; returns the first. Numbers begin at 1 and never come back."""
    first = read_number(writer, counter) + 1
    write_number(writer, counter, first + count - 1)
    return first


def read_number(reader: LmdbReader, counter: str) -> int:
    """Returns the last number taken, 0 at first."""
    value = reader.get(META, counter.encode())
    return int.from_bytes(value, "big") if value is not None else 0


def write_number(writer: LmdbWriter, counter: str, number: int) -> None:
    """Sets the last number taken."""
    writer.put(META, counter.encode(), number_key(number))


def enqueue(writer: LmdbWriter, entries: list[bytes]) -> None:
    """Appends entries for the event log."""
    if entries:
        first = next_number(writer, QUEUE, len(entries))
        numbered = [(number_key(number), entry) for number, entry in enumerate(entries, first)]
        writer.put_all(QUEUE, numbered, append=True)
