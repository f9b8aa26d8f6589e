"""What did not get in: one JSON object a line, `{"line": 17, "reason": "MISSING_USER", "row": ...}`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa

from offline.importing.readers import Chunk
from offline.importing.rows import MappedRows


class RejectsWriter:
    """Writes one file's rejects, in line order. counts: how many by reason."""

    def __init__(self, temporary: Path) -> None:
        self._file = temporary.open("wb")
        self.counts: Counter[str] = Counter()

    def write(self, chunk: Chunk, rows: MappedRows) -> None:
        """Writes the bad lines of a chunk and its rows that are not right, the latter with all of their columns."""
        refused = np.flatnonzero(~rows.right)
        table = chunk.columns.take(pa.array(refused))
        entries = [
            (int(chunk.lines[place]), rows.reason_names[rows.reasons[place]], row)
            for place, row in zip(refused, table.to_pylist(), strict=True)
        ]
        entries += [(bad.line, bad.reason, bad.text) for bad in chunk.bad_lines]
        for line, reason, row in sorted(entries, key=lambda entry: entry[0]):
            self.counts[reason] += 1
            entry = {"line": line, "reason": reason, "row": row}
            self._file.write(orjson.dumps(entry, default=str, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


@contextmanager
def writing_rejects(path: Path) -> Iterator[RejectsWriter]:
    """Gives a writer whose file takes its place when the block ends well; without rejects there is no file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    writer = RejectsWriter(temporary)
    try:
        yield writer
    except BaseException:
        writer.close()
        temporary.unlink()
        raise
    writer.close()
    if writer.counts:
        temporary.replace(path)
    else:
        temporary.unlink()
        path.unlink(missing_ok=True)
