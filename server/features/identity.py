"""Public strings to the stable 64-bit keys under which anything outside a release is stored."""

from __future__ import annotations

import xxhash

USER_PREFIX = "u:"
SESSION_PREFIX = "s:"


def item_key(item_id: str) -> int:
    """Returns the item's key: XXH3-64 of its UTF-8 bytes. 0 is never a key (it marks a vacant row)."""
    return xxhash.xxh3_64_intdigest(item_id.encode()) or 1


def storage_key(user_id: str, session_id: str) -> str:
    """Returns the key of the record that a user's, or else a session's, events belong to."""
    return USER_PREFIX + user_id if user_id else SESSION_PREFIX + session_id


def storage_key_hash(key: str) -> int:
    """Returns the echo of a storage key that its record carries, so that a wrong record is noticed."""
    return xxhash.xxh3_64_intdigest(key.encode())


def hash_bucket(text: str, buckets: int) -> int:
    """Returns the feature-hashing bucket of a string, 0 to buckets-1; the same in every process."""
    return xxhash.xxh3_64_intdigest(text.encode(), seed=1) % buckets
