"""Item changes in Redis: a stream whose entries are numbered without gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from server.stores.entry_codec import pack_change, unpack_change
from server.stores.protocols import ItemChange
from server.stores.redis_commit import Script
from server.stores.redis_keys import RedisKeys
from server.stores.redis_link import RedisLink, read, write

_READ_CHUNK = 64

_APPEND = Script("""
local number = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[1]))
for n = 2, #ARGV do
  number = number + 1
  redis.call('XADD', KEYS[1], string.format('%.0f-0', number), 'c', ARGV[n])
end
redis.call('SET', KEYS[2], string.format('%.0f', number))
return number
""")


class RedisOverlayLog:
    """protocols.OverlayLog.

    A server that was emptied must not give a number again that this process has seen: the largest one is remembered
    here and handed over with every append.
    """

    def __init__(self, link: RedisLink, keys: RedisKeys) -> None:
        self._link = link
        self._keys = keys
        self._seen = 0

    def append(self, changes: Sequence[tuple[str, bool, dict[str, object]]]) -> int:
        """Appends (item_id, deleted, patch) entries atomically; returns the last sequence number."""
        if not changes:
            return self.last_sequence()
        return self._append([pack_change(*change) for change in changes])

    def read_after(self, sequence: int) -> Iterator[ItemChange]:
        """Yields entries with a larger sequence number, in order, in bounded portions: requests wait for them."""
        while True:
            command = ("XRANGE", self._keys.overlay, f"({sequence}-0", "+", "COUNT", _READ_CHUNK)
            chunk = read(self._link, 0, [command])[0]
            for name, fields in chunk:
                sequence = int(name.partition(b"-")[0])
                self.saw(sequence)
                yield unpack_change(sequence, fields[1])
            if len(chunk) < _READ_CHUNK:
                return

    def last_sequence(self) -> int:
        """Returns the newest entry's number, 0 when there never was one."""
        sequence = int(read(self._link, 0, [("GET", self._keys.overlay_sequence)])[0] or 0)
        self.saw(sequence)
        return sequence

    def trim(self, sequence: int) -> int:
        """Removes entries up to a sequence number; returns how many. Numbers are never given again."""
        removed: int = write(self._link, 0, [("XTRIM", self._keys.overlay, "MINID", f"{sequence + 1}-0")])[0]
        return removed

    def raise_sequence(self, sequence: int) -> None:
        """Makes the next entry's number larger than this one, even where the server cannot be told now."""
        self.saw(sequence)
        self._append([])

    def saw(self, sequence: int) -> None:
        """Notes that a number is taken."""
        if sequence > self._seen:
            self._seen = sequence

    def _append(self, entries: list[bytes]) -> int:
        names = [self._keys.overlay, self._keys.overlay_sequence]
        number = int(_APPEND.run(self._link, 0, names, (self._seen, *entries)))
        self.saw(number)
        return number
