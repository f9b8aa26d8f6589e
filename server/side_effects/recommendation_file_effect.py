"""The recommendation log as files of JSON lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from io import BufferedWriter
from pathlib import Path

from server.pipeline.side_effect_runner import SideEffect
from server.stores.entry_codec import pack_recommendation
from server.stores.protocols import LoggedRecommendation

PREFIX = "recommendations"
SECONDS_PER_DAY = 86_400.0


class RecommendationFileEffect(SideEffect[LoggedRecommendation]):
    """Writes one line a recommendation to `recommendations-<writer>-<microseconds>.jsonl`.

    directory: made when it is missing. writer: names this process among those that write there, such as
    ``worker-0``. file_bytes_max: a file that has reached it is closed and a new one begun. retention_days: files
    of any writer that were last written to longer ago are deleted when a new one is begun. now_s: epoch seconds.
    """

    def __init__(
        self,
        directory: Path,
        writer: str,
        *,
        file_bytes_max: int,
        retention_days: float,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._file_bytes_max = file_bytes_max
        self._retention_s = retention_days * SECONDS_PER_DAY
        self._now_s = now_s
        self._file: BufferedWriter | None = None

    def apply(self, entries: Sequence[LoggedRecommendation]) -> None:
        """Writes the entries, and flushes them to the operating system."""
        for entry in entries:
            self._open_file().write(pack_recommendation(entry) + b"\n")
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open_file(self) -> BufferedWriter:
        if self._file is not None and self._file.tell() >= self._file_bytes_max:
            self.close()
        if self._file is None:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._delete_expired()
            name = f"{PREFIX}-{self._writer}-{int(self._now_s() * 1e6)}.jsonl"
            self._file = (self._directory / name).open("ab")
        return self._file

    def _delete_expired(self) -> None:
        oldest_s = self._now_s() - self._retention_s
        for path in self._directory.glob(f"{PREFIX}-*.jsonl"):
            try:
                if path.stat().st_mtime < oldest_s:
                    path.unlink()
            except FileNotFoundError:
                continue  # Another worker has deleted it between the listing and here.
