"""One import: files in, event log or catalogue out, rejects beside it, a summary back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from offline.importing.catalog import read_items, upsert_items, upsert_users
from offline.importing.derive import ItemsFromEvents
from offline.importing.fields import AGE_BUCKET_STARTS, EVENT_FIELDS
from offline.importing.identity import RowIds
from offline.importing.mapping import FieldMapping, SourceOptions, load_mapping, load_preset, mapping_by_name
from offline.importing.readers import Advance, Chunk, column_names, file_stem, read_chunks
from offline.importing.refusals import ImportRefused
from offline.importing.rejects import RejectsWriter, writing_rejects
from offline.importing.rows import MappedRows, map_rows
from server.stores.event_log import EVENT_LOG_SCHEMA, EventLog

APPEND_ROWS = 500_000
"""Events held before they are appended to the log; more at once means fewer files."""

FileProgress = Callable[[Path], Advance]
"""Called when a file is begun; returns what takes the bytes read."""


@dataclass(slots=True)
class ImportSummary:
    """What an import did. rows = kept + rejected; kept = stored + duplicates for events."""

    kind: str
    rows: int = 0
    kept: int = 0
    stored: int = 0
    duplicates: int = 0
    items: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    reject_files: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportJob:
    """What to import. preset and mapping_path: at most one; without either, columns are found by name."""

    kind: str
    paths: Sequence[Path]
    data_dir: Path
    preset: str = ""
    mapping_path: Path | None = None


def run_import(job: ImportJob, begin_file: FileProgress) -> ImportSummary:
    """Imports files in order. Running it again changes nothing. Raises ImportRefused naming file, line or field."""
    if job.preset and job.mapping_path:
        raise ImportRefused("give either a preset or a mapping, not both")
    stems = [file_stem(path) for path in job.paths]
    if len(set(stems)) < len(stems):
        raise ImportRefused(
            "two files have the same name, and would share a rejects file: import them one by one"
        )
    mappings = [_mapping(job, path) for path in job.paths]
    summary = ImportSummary(job.kind)
    for path, mapping in zip(job.paths, mappings, strict=True):
        file_import = _FileImport(path, mapping, job.data_dir, summary)
        file_import.run(begin_file(path))
    return summary


def _mapping(job: ImportJob, path: Path) -> FieldMapping:
    if not path.is_file():
        raise ImportRefused(f"there is no file {path}")
    if job.preset:
        return load_preset(job.preset, job.kind)
    if job.mapping_path:
        return load_mapping(job.mapping_path, job.kind)
    return mapping_by_name(job.kind, column_names(path, SourceOptions()), str(path))


class _FileImport:
    """The import of one file."""

    def __init__(self, path: Path, mapping: FieldMapping, data_dir: Path, summary: ImportSummary) -> None:
        self._path = path
        self._mapping = mapping
        self._data_dir = data_dir
        self._summary = summary

    def run(self, advance: Advance) -> None:
        name = f"{self._mapping.kind}-{file_stem(self._path)}.jsonl"
        rejects_path = self._data_dir / "rejects" / name
        with writing_rejects(rejects_path) as rejects:
            chunks = self._mapped_chunks(rejects, advance)
            if self._mapping.kind == "events":
                self._take_events(chunks)
            else:
                self._take_catalogue(chunks)
        self._summary.rejected.update(rejects.counts)
        self._summary.rows += rejects.counts.total()
        if rejects.counts:
            self._summary.reject_files.append(rejects_path)

    def _mapped_chunks(self, rejects: RejectsWriter, advance: Advance) -> Iterator[tuple[Chunk, MappedRows]]:
        for chunk in read_chunks(self._path, self._mapping.columns(), self._mapping.source, advance):
            rows = map_rows(chunk, self._mapping)
            rejects.write(chunk, rows)
            kept = int(rows.right.sum())
            self._summary.rows += kept
            self._summary.kept += kept
            yield chunk, rows

    def _take_events(self, chunks: Iterator[tuple[Chunk, MappedRows]]) -> None:
        log = EventLog(self._data_dir / "events")
        row_ids, items = RowIds(), ItemsFromEvents(self._mapping.items_from_events)
        waiting: list[pa.Table] = []
        for chunk, rows in chunks:
            items.collect(chunk, rows)
            waiting.append(_event_rows(chunk, rows, row_ids))
            if sum(table.num_rows for table in waiting) >= APPEND_ROWS:
                self._append(log, waiting)
        self._append(log, waiting)
        self._summary.items += upsert_items(self._data_dir, _not_younger(items.items(), self._data_dir))

    def _append(self, log: EventLog, waiting: list[pa.Table]) -> None:
        if waiting:
            result = log.append_table(pa.concat_tables(waiting), f"import-{file_stem(self._path)}")
            self._summary.stored += result.stored
            self._summary.duplicates += result.duplicates
            waiting.clear()

    def _take_catalogue(self, chunks: Iterator[tuple[Chunk, MappedRows]]) -> None:
        shape, upsert = (
            (_item_rows, upsert_items) if self._mapping.kind == "items" else (_user_rows, upsert_users)
        )
        tables = [shape(rows) for _, rows in chunks]
        if tables:
            self._summary.items += upsert(self._data_dir, pa.concat_tables(tables))


def _event_rows(chunk: Chunk, rows: MappedRows, row_ids: RowIds) -> pa.Table:
    """Returns the right rows as EVENT_LOG_SCHEMA."""
    right = pa.array(rows.right)
    kept = int(rows.right.sum())
    hashed = row_ids.assign(chunk.row_texts.filter(right))
    columns = []
    for source in EVENT_FIELDS:
        place = EVENT_LOG_SCHEMA.field(_log_name(source.name))
        values = rows.columns.get(source.name)
        values = pa.nulls(kept, place.type) if values is None else pc.cast(values.filter(right), place.type)
        if source.name == "event_id":
            values = pc.coalesce(values, hashed)
        elif source.default is not None:
            values = pc.fill_null(values, pa.scalar(source.default, place.type))
        columns.append((place.name, values))
    by_name = dict(columns)
    return pa.Table.from_arrays([by_name[name] for name in EVENT_LOG_SCHEMA.names], schema=EVENT_LOG_SCHEMA)


def _log_name(field_name: str) -> str:
    return "event_time_us" if field_name == "event_time" else field_name


def _item_rows(rows: MappedRows) -> pa.Table:
    right = pa.array(rows.right)
    columns = {name: values.filter(right) for name, values in rows.columns.items()}
    for name in ("added_time", "expire_time"):
        if name in columns:
            columns[f"{name}_s"] = pa.array(_seconds(columns.pop(name)), pa.int64())
    return pa.table(columns)


def _user_rows(rows: MappedRows) -> pa.Table:
    right = pa.array(rows.right)
    columns = {name: values.filter(right) for name, values in rows.columns.items()}
    if "age" in columns:
        age = columns.pop("age")
        bucket = np.searchsorted(AGE_BUCKET_STARTS, pc.fill_null(age, -1).to_numpy(), "right")
        columns["age_bucket"] = pc.if_else(pc.is_valid(age), pa.array(bucket), None)
    return pa.table(columns)


def _seconds(times_us: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_valid(times_us), pc.floor(pc.divide(times_us, 1_000_000)), None)


def _not_younger(items: pa.Table, data_dir: Path) -> pa.Table:
    """Returns items whose added time is that of the catalogue where that is earlier and known."""
    known = read_items(data_dir)
    at = pc.index_in(items.column("item_id"), value_set=known.column("item_id").combine_chunks())
    before = known.column("added_time_s").take(at)
    before = pc.if_else(pc.greater(before, 0), before, None)
    times = pc.min_element_wise(items.column("added_time_s"), before, skip_nulls=True)
    return items.set_column(items.column_names.index("added_time_s"), "added_time_s", times)
