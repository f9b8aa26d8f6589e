"""Files of logged choices: one row a shown item, with the probability with which it was shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offline.evaluation.off_policy.logged_choices import LoggedChoices
from server.errors import FieldViolation, InvalidRequest

ALIASES = {
    "item_id": ("item_id",),
    "position": ("position",),
    "reward": ("reward", "click"),
    "propensity": ("propensity", "propensity_score"),
    "recommendation_id": ("recommendation_id",),
    "probability": ("probability",),
}
"""Field: the columns that may hold it. The second names are the Open Bandit dataset's."""


def read_choices(path: Path) -> LoggedChoices:
    """Returns a log of item_id, position, reward (or click), propensity (or propensity_score) and, optionally,
    recommendation_id, from CSV or Parquet, plain or gzip.

    Positions are numbered from 0 in the order of their values. Raises InvalidRequest that names file, line and field.
    """
    table = read_columns(path, ("item_id", "position", "reward", "propensity"), ("recommendation_id",))
    if not len(table):
        raise wrong(f"{path}", "EMPTY", "holds no rows")
    rewards = numbers(table, "reward", path)
    propensities = numbers(table, "propensity", path)
    refuse_lines((propensities <= 0) | (propensities > 1), path, "propensity", "is not above 0 and at most 1")
    item_ids, items = codes(table.column("item_id"))
    _, positions = np.unique(numbers(table, "position", path), return_inverse=True)
    if "recommendation_id" not in table.column_names:
        request_ids: list[str] = []
        groups = np.arange(len(table))
    else:
        request_ids, groups = codes(table.column("recommendation_id"))
    return LoggedChoices(
        item_ids, items, positions.astype(np.int64), rewards, propensities, groups, request_ids
    )


def read_columns(path: Path, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> pa.Table:
    """Returns the fields under their own names. Raises InvalidRequest for a missing column or an unknown file kind."""
    table = _read(path)
    found = {}
    for field in (*required, *optional):
        name = next((name for name in ALIASES[field] if name in table.column_names), None)
        if name is None and field in required:
            raise wrong(f"{path}.{field}", "FIELD_MISSING", "is not among the columns of the file")
        if name is not None:
            found[field] = table.column(name)
    return pa.table(found)


def numbers(table: pa.Table, field: str, path: Path) -> NDArray[np.float64]:
    """Returns a column of finite numbers. Raises InvalidRequest with the first line that holds none."""
    column = table.column(field)
    try:
        values = np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    except pa.ArrowInvalid as error:
        raise wrong(f"{path}.{field}", "BAD_NUMBER", f"holds what is no number: {error}") from None
    refuse_lines(~np.isfinite(values), path, field, "is empty or not finite")
    return values


def codes(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """Returns the distinct texts in order of appearance, and each row's index among them."""
    encoded = pc.cast(column, pa.string()).combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def refuse_lines(bad: NDArray[np.bool_], path: Path, field: str, problem: str) -> None:
    """Raises InvalidRequest with the first bad row's line; the header is line 1."""
    if bad.any():
        line = int(np.argmax(bad)) + 2
        raise wrong(f"{path}:{line} {field}", "BAD_VALUE", problem)


def wrong(field: str, reason: str, problem: str) -> InvalidRequest:
    """Returns the refusal of a file."""
    return InvalidRequest([FieldViolation(field, reason, problem)])


def _read(path: Path) -> pa.Table:
    kind = next((suffix for suffix in reversed(path.suffixes) if suffix != ".gz"), "")
    if kind == ".parquet":
        return pq.read_table(path)
    if kind != ".csv":
        raise wrong(str(path), "FILE_KIND", "is neither .csv (also .gz) nor .parquet")
    try:
        text = {name: pa.string() for name in ("item_id", "recommendation_id")}
        return pcsv.read_csv(
            pa.input_stream(path, compression="detect"),
            convert_options=pcsv.ConvertOptions(column_types=text),
        )
    except pa.ArrowInvalid as error:
        raise wrong(str(path), "BAD_CSV", f"cannot be read: {error}") from None
