"""Which column of a file becomes which field: a TOML file, a preset, or simply equal names.

[source]                       # all optional
format = "csv"                 # csv, jsonl or parquet; else by the file's ending
delimiter = ";"
encoding = "latin-1"

[events]                       # or [items], [users]; a field is a column's name or a table
user_id    = { column = "CustomerID", strip_suffix = ".0" }
item_id    = { column = "StockCode", prefix = "shop-" }
event_type = { constant = "purchase" }
event_time = { column = "InvoiceDate", format = "%d.%m.%Y %H:%M", zone = "Europe/Berlin" }

[[events_reject]]              # rows of the file that are no events
column = "InvoiceNo"
starts_with = "C"
reason = "CANCELLED_INVOICE"

[items_from_events]            # the catalogue, from the same file
title = "Description"          # text: the most frequent value; number: the median
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

from offline.importing.fields import FIELDS, required_fields
from offline.importing.refusals import ImportRefused

KINDS = ("events", "items", "users")
FORMATS = ("csv", "jsonl", "parquet")
TIME_UNITS = ("s", "ms", "us", "ns")
DERIVED_FIELDS = ("title", "category", "brand", "price")


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a field's value comes from, and what is done to its text, in this order.

    column or constant: one of the two. strip_prefix, strip_suffix: taken off. values: text for text, other
    values stay. prefix, suffix: put on, unless the value is empty.
    format: of a time (strptime); empty = ISO 8601. unit: of a time that is a number. zone: of times that name none.
    """

    column: str = ""
    constant: str = ""
    strip_prefix: str = ""
    strip_suffix: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    suffix: str = ""
    format: str = ""
    unit: str = ""
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class RejectRule:
    """Rows whose column starts with a text are rejected with a reason."""

    column: str
    starts_with: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a file is read. format empty = by its ending."""

    format: str = ""
    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One kind's mapping. Its file's name is for messages."""

    kind: str
    origin: str
    cells: Mapping[str, Cell]
    source: SourceOptions = SourceOptions()
    rejects: Sequence[RejectRule] = ()
    items_from_events: Mapping[str, Cell] = field(default_factory=dict)

    def columns(self) -> list[str]:
        """Returns the columns that a file must have, each once."""
        cells = [*self.cells.values(), *self.items_from_events.values()]
        names = [c.column for c in cells if c.column] + [r.column for r in self.rejects]
        return list(dict.fromkeys(names))


def preset_names() -> list[str]:
    """Returns the names of the mappings that come with the project."""
    folder = resources.files("offline") / "presets"
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))


def load_preset(name: str, kind: str) -> FieldMapping:
    """Returns a preset's mapping. Raises ImportRefused naming the presets that there are."""
    if name not in preset_names():
        raise ImportRefused(f"there is no preset {name!r}; there are {', '.join(preset_names())}")
    text = (resources.files("offline") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    return parse_mapping(text, kind, origin=f"preset {name}")


def load_mapping(path: Path, kind: str) -> FieldMapping:
    """Returns the mapping of a TOML file. Raises ImportRefused naming the file and the line or field."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ImportRefused(f"{path}: {error}") from error
    return parse_mapping(text, kind, origin=str(path))


def mapping_by_name(kind: str, columns: Iterable[str], origin: str) -> FieldMapping:
    """Returns the mapping of a file whose columns bear the fields' names; other columns are left alone."""
    present = set(columns)
    cells = {f.name: Cell(column=f.name) for f in FIELDS[kind] if f.name in present}
    return _checked(FieldMapping(kind, origin, cells))


def parse_mapping(text: str, kind: str, origin: str) -> FieldMapping:
    """Returns one kind's mapping from TOML text. Raises ImportRefused naming origin and the line or field."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ImportRefused(f"{origin}: {error}") from error
    tables = {"source", "events_reject", "items_from_events", *KINDS}
    _only_known(document, tables, f"{origin}: unknown table")
    if kind not in document:
        raise ImportRefused(f"{origin}: has no [{kind}] table, so it cannot import {kind}")
    known = {f.name for f in FIELDS[kind]}
    mapping = FieldMapping(
        kind=kind,
        origin=origin,
        cells=_cells(document[kind], known, f"{origin}: [{kind}]"),
        source=_source(document.get("source", {}), f"{origin}: [source]"),
        rejects=_rejects(document.get("events_reject", []), origin) if kind == "events" else (),
        items_from_events=_cells(
            document.get("items_from_events", {}), set(DERIVED_FIELDS), f"{origin}: [items_from_events]"
        )
        if kind == "events"
        else {},
    )
    return _checked(mapping)


def _checked(mapping: FieldMapping) -> FieldMapping:
    missing = [name for name in required_fields(mapping.kind) if name not in mapping.cells]
    if mapping.kind == "events" and not {"user_id", "session_id"} & set(mapping.cells):
        missing.append("user_id or session_id")
    if missing:
        raise ImportRefused(
            f"{mapping.origin}: {mapping.kind} need {', '.join(missing)}; give a column of that name, or a mapping"
        )
    return mapping


def _cells(table: object, known: set[str], where: str) -> dict[str, Cell]:
    if not isinstance(table, dict):
        raise ImportRefused(f"{where}: must be a table")
    _only_known(table, known, f"{where}: unknown field")
    return {name: _cell(value, f"{where} {name}") for name, value in table.items()}


def _cell(value: object, where: str) -> Cell:
    if isinstance(value, str):
        return Cell(column=value)
    if not isinstance(value, dict):
        raise ImportRefused(f"{where}: must be a column's name or a table")
    _only_known(value, {f.name for f in dataclass_fields(Cell)}, f"{where}: unknown key")
    for key, text in value.items():
        if not isinstance(text, dict if key == "values" else str):
            raise ImportRefused(f"{where}: {key} must be {'a table' if key == 'values' else 'text'}")
    cell = Cell(**value)
    if bool(cell.column) == bool(cell.constant):
        raise ImportRefused(f"{where}: give either column or constant")
    if cell.unit and cell.unit not in TIME_UNITS:
        raise ImportRefused(f"{where}: unit must be one of {', '.join(TIME_UNITS)}")
    _check_zone(cell.zone, where)
    return cell


def _check_zone(zone: str, where: str) -> None:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise ImportRefused(f"{where}: there is no time zone {zone!r}") from error


def _source(table: object, where: str) -> SourceOptions:
    if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
        raise ImportRefused(f"{where}: must be a table of texts")
    _only_known(table, {f.name for f in dataclass_fields(SourceOptions)}, f"{where}: unknown key")
    options = SourceOptions(**table)
    if options.format and options.format not in FORMATS:
        raise ImportRefused(f"{where}: format must be one of {', '.join(FORMATS)}")
    if len(options.delimiter) != 1:
        raise ImportRefused(f"{where}: delimiter must be one character")
    return options


def _rejects(tables: object, origin: str) -> list[RejectRule]:
    rules = []
    keys = {f.name for f in dataclass_fields(RejectRule)}
    for place, table in enumerate(tables if isinstance(tables, list) else [tables]):
        if not isinstance(table, dict) or set(table) != keys:
            raise ImportRefused(f"{origin}: events_reject[{place}] must have {', '.join(sorted(keys))}")
        rules.append(RejectRule(**{k: str(v) for k, v in table.items()}))
    return rules


def _only_known(table: Mapping[str, object], known: set[str], what: str) -> None:
    for key in table:
        if key not in known:
            raise ImportRefused(f"{what} {key!r}; there are {', '.join(sorted(known))}")
