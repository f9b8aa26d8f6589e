"""Whose events they are: links of sessions to users, and erasures that survive a replay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from server.stores.event_log_days import make_durable
from server.stores.protocols import SessionLink

LINK_SCHEMA = pa.schema([("session_id", pa.string()), ("user_id", pa.string()), ("link_time_us", pa.int64())])
LINK_INTERVAL_SCHEMA = pa.schema(
    [("session_id", pa.string()), ("user_id", pa.string()), ("from_us", pa.int64()), ("until_us", pa.int64())]
)
FOREVER_US = np.iinfo(np.int64).max
LINK_FILES_MAX = 16


class SessionLinks:
    """Links in `links/*.parquet`. Writing one twice changes nothing: equal rows count once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def append(self, links: Sequence[SessionLink], name: str) -> None:
        """Adds links under a name; the same name and links again change nothing."""
        columns = [
            [x.session_id for x in links],
            [x.user_id for x in links],
            [x.link_time_us for x in links],
        ]
        self._write(pa.Table.from_arrays([pa.array(c) for c in columns], schema=LINK_SCHEMA), name)
        files = self._files()
        if len(files) > LINK_FILES_MAX:
            self._write(self.read(), f"merged-{name}")
            for path in files:
                if path.stem != f"merged-{name}":
                    path.unlink()

    def read(self) -> pa.Table:
        """Returns LINK_SCHEMA, each link once, by session and time."""
        tables = [pq.ParquetFile(path).read() for path in self._files()]
        links = pa.concat_tables(tables) if tables else LINK_SCHEMA.empty_table()
        distinct = links.group_by(LINK_SCHEMA.names).aggregate([])
        keys = [("session_id", "ascending"), ("link_time_us", "ascending"), ("user_id", "ascending")]
        return distinct.select(LINK_SCHEMA.names).sort_by(keys)

    def intervals(self) -> pa.Table:
        """Returns LINK_INTERVAL_SCHEMA: the user of a session's events with from_us <= time < until_us.

        A session's first link reaches back to its beginning; each link holds until the next one.
        """
        links = self.read()
        sessions = np.array(links.column("session_id").to_pylist(), object)
        times = links.column("link_time_us").to_numpy()
        same_as_next = np.append(sessions[1:] == sessions[:-1], False) if len(sessions) else np.empty(0, bool)
        until = np.where(same_as_next, np.append(times[1:], 0), FOREVER_US) if len(times) else times
        first = ~np.insert(same_as_next[:-1], 0, False) if len(sessions) else same_as_next
        start = np.where(first, 0, times)
        columns = [
            links.column("session_id").combine_chunks(),
            links.column("user_id").combine_chunks(),
            pa.array(start, pa.int64()),
            pa.array(until, pa.int64()),
        ]
        return pa.Table.from_arrays(columns, schema=LINK_INTERVAL_SCHEMA)

    def forget_user(self, user_id: str, name: str) -> list[str]:
        """Removes a user's links; returns the sessions that were linked."""
        links = self.read()
        theirs = pc.equal(links.column("user_id"), user_id)
        sessions = sorted(set(links.filter(theirs).column("session_id").to_pylist()))
        if sessions:
            files = self._files()
            self._write(links.filter(pc.invert(theirs)), f"without-{name}")
            for path in files:
                if path.stem != f"without-{name}":
                    path.unlink()
            make_durable([self._directory])
        return sessions

    def _files(self) -> list[Path]:
        return sorted(self._directory.glob("*.parquet"))

    def _write(self, table: pa.Table, name: str) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        temporary = self._directory / f".{name}.tmp"
        pq.write_table(table, temporary)
        make_durable([temporary])
        temporary.replace(self._directory / f"{name}.parquet")
        make_durable([self._directory])


class Erasures:
    """Who was erased, and when. Holds hashes of ids only; an event of theirs from before then is never stored again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, storage_keys: Iterable[str], time_us: int) -> None:
        """Notes the erasure of users and sessions, on the disk when the call returns."""
        times = self._read()
        for key in storage_keys:
            digest = _digest(key)
            times[digest] = max(time_us, times.get(digest, 0))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(times), encoding="utf-8")
        make_durable([temporary])
        temporary.replace(self._path)
        make_durable([self._path.parent])

    def erased(self, table: pa.Table) -> NDArray[np.bool_]:
        """Returns which of the events belong to somebody who was erased after them."""
        times = self._read()
        hit = np.zeros(table.num_rows, bool)
        if not times:
            return hit
        event_times = table.column("event_time_us").to_numpy()
        for column, prefix in (("user_id", "u:"), ("session_id", "s:")):
            encoded = table.column(column).combine_chunks().dictionary_encode()
            erased_us = np.array(
                [times.get(_digest(prefix + v), -1) if v else -1 for v in encoded.dictionary.to_pylist()],
                np.int64,
            )
            if len(erased_us):
                hit |= event_times <= erased_us[encoded.indices.to_numpy()]
        return hit

    def _read(self) -> dict[str, int]:
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
