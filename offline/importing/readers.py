"""Files to chunks of columns. A chunk is bounded, so a file may be larger than memory."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offline.importing.line_numbers import BadLine, LineCounter
from offline.importing.mapping import SourceOptions
from offline.importing.refusals import ImportRefused

BLOCK_BYTES = 8 << 20
CHUNK_ROWS = 65_536

_ENDINGS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}
_READ_ERRORS = (OSError, EOFError, gzip.BadGzipFile, pa.ArrowInvalid, UnicodeDecodeError)

Advance = Callable[[int], None]
"""Takes the number of bytes of the file read so far."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows as columns.

    columns: by source name; text, except from Parquet. lines: int64, the line (Parquet: row) from 1 of each row.
    row_texts: the whole row as one text, for its identity. bad_lines: lines of this stretch that are no rows.
    """

    columns: pa.Table
    lines: NDArray[np.int64]
    row_texts: pa.Array
    bad_lines: list[BadLine] = field(default_factory=list)


def file_format(path: Path, options: SourceOptions) -> str:
    """Returns csv, jsonl or parquet. Raises ImportRefused for another ending."""
    ending = (Path(path.stem) if path.suffix == ".gz" else path).suffix.lower()
    form = options.format or _ENDINGS.get(ending, "")
    if not form:
        raise ImportRefused(f"{path}: neither .csv, .jsonl nor .parquet (.gz); set format in the mapping")
    return form


def file_stem(path: Path) -> str:
    """Returns a file's name without .csv.gz and the like."""
    return Path(path.stem).stem if path.suffix == ".gz" else path.stem


def column_names(path: Path, options: SourceOptions) -> list[str]:
    """Returns the columns of a file; of JSONL, the keys of its first line."""
    with _refusing(path), path.open("rb") as raw:
        form = file_format(path, options)
        if form == "parquet":
            with _seekable(raw, path) as seekable:
                return [str(name) for name in pq.ParquetFile(seekable).schema_arrow.names]
        first = _unzipped(raw, path)
        if form == "csv":
            return _header(first, path, options)
        return _keys(first.readline(), path)


def read_chunks(
    path: Path, columns: Sequence[str], options: SourceOptions, advance: Advance
) -> Iterator[Chunk]:
    """Yields a file's rows. columns: those needed, at the least. Raises ImportRefused naming file and line."""
    form = file_format(path, options)
    with _refusing(path), path.open("rb") as raw:
        chunks = {"csv": _csv_chunks, "jsonl": _jsonl_chunks, "parquet": _parquet_chunks}[form]
        for chunk in chunks(raw, path, columns, options):
            advance(raw.tell())
            yield chunk
        advance(path.stat().st_size)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except _READ_ERRORS as error:
        advice = "; name the file's encoding under [source] in a mapping" if "UTF8" in str(error) else ""
        raise ImportRefused(f"{path}: {error}{advice}") from error


def _header(file: IO[bytes], path: Path, options: SourceOptions) -> list[str]:
    encoding = options.encoding.replace("utf-8", "utf-8-sig")
    with io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="") as text:
        names = next(csv.reader(text, delimiter=options.delimiter), [])
    repeated = {n for n in names if names.count(n) > 1}
    if not names or repeated:
        what = f"names {', '.join(sorted(repeated))} twice" if repeated else "is empty: no header"
        raise ImportRefused(f"{path}: line 1 {what}")
    return names


def _csv_chunks(
    raw: IO[bytes], path: Path, columns: Sequence[str], options: SourceOptions
) -> Iterator[Chunk]:
    names = column_names(path, options)
    _require(columns, names, f"{path}: line 1")
    bad: list[pacsv.InvalidRow] = []

    def note(row: pacsv.InvalidRow) -> str:
        bad.append(row)
        return "skip"

    reader = pacsv.open_csv(
        _unzipped(raw, path),
        read_options=pacsv.ReadOptions(
            use_threads=False, block_size=BLOCK_BYTES, encoding=options.encoding.replace("utf-8", "utf8")
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=options.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=note,
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    lines = LineCounter()
    for batch in reader:
        table = pa.Table.from_batches([batch]).combine_chunks()
        if not table.num_rows:
            continue
        numbers, bad_lines = lines.number(table, bad)
        joined = pc.binary_join_element_wise(
            *(table.column(n).combine_chunks() for n in sorted(names)), "\x1f"
        )
        yield Chunk(table, numbers, joined, bad_lines)
    rest = lines.number_bad(bad)
    if rest:
        yield Chunk(reader.schema.empty_table(), np.empty(0, np.int64), pa.array([], pa.string()), rest)


def _jsonl_chunks(
    raw: IO[bytes], path: Path, columns: Sequence[str], options: SourceOptions
) -> Iterator[Chunk]:
    line = 0
    file = _unzipped(raw, path)
    while texts := file.readlines(BLOCK_BYTES):
        rows: list[dict[str, object]] = []
        good: list[bytes] = []
        numbers: list[int] = []
        bad: list[BadLine] = []
        for line, text in enumerate(texts, line + 1):  # noqa: B020 (the count goes on from block to block)
            row = _json_object(text)
            if row is None:
                bad.append(BadLine(line, "BAD_JSON", text.decode(errors="replace").rstrip("\r\n")))
            elif row:
                rows.append(row)
                good.append(text)
                numbers.append(line)
        table = pa.table({name: _json_column([row.get(name) for row in rows]) for name in columns})
        row_texts = pa.array([text.strip().decode() for text in good], pa.string())
        yield Chunk(table, np.array(numbers, np.int64), row_texts, bad)


def _json_object(text: bytes) -> dict[str, object] | None:
    """Returns a line's object; {} for an empty line, None for anything else."""
    if not text.strip():
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and value else None


def _json_column(values: Sequence[object]) -> pa.Array:
    return pa.array([v if isinstance(v, str) else _json_text(v) for v in values], pa.string())


def _json_text(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _parquet_chunks(
    raw: IO[bytes], path: Path, columns: Sequence[str], options: SourceOptions
) -> Iterator[Chunk]:
    row = 0
    with _seekable(raw, path) as seekable:
        file = pq.ParquetFile(seekable)
        _require(columns, file.schema_arrow.names, f"{path}: schema")
        for batch in file.iter_batches(batch_size=CHUNK_ROWS):
            table = pa.Table.from_batches([batch]).combine_chunks()
            lines = np.arange(row + 1, row + 1 + table.num_rows)
            yield Chunk(table, lines, _joined_texts(table))
            row += table.num_rows


def _joined_texts(table: pa.Table) -> pa.Array:
    plain = [n for n in sorted(table.column_names) if not pa.types.is_nested(table.schema.field(n).type)]
    texts = [pc.fill_null(pc.cast(table.column(n).combine_chunks(), pa.string()), "") for n in plain]
    return pc.binary_join_element_wise(*texts, "\x1f")


def _keys(text: bytes, path: Path) -> list[str]:
    row = _json_object(text)
    if not row:
        raise ImportRefused(f"{path}: line 1 is no JSON object")
    return list(row)


def _require(columns: Sequence[str], present: Sequence[str], where: str) -> None:
    missing = [c for c in columns if c not in present]
    if missing:
        raise ImportRefused(f"{where}: no column {', '.join(missing)}; there are {', '.join(present)}")


def _unzipped(raw: IO[bytes], path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw


@contextmanager
def _seekable(raw: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    """Gives a file that can be read from any place: Parquet begins with its end."""
    if path.suffix != ".gz":
        yield raw
        return
    with tempfile.TemporaryFile() as whole, gzip.GzipFile(fileobj=raw) as unzipped:
        shutil.copyfileobj(unzipped, whole, BLOCK_BYTES)
        yield whole
