"""The engine that runs the offline side's expressions: ibis on DuckDB, in a process of its own.

Expressions are written so that Spark runs them too (docs/features.md lists the forms); only this module names DuckDB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import ibis
import pyarrow as pa
from ibis.expr.types import Table


class Engine:
    """One connection. Tables that it makes live until it is closed, in memory or, where they do not fit, on disk."""

    def __init__(
        self, spill_dir: Path, *, threads: int | None = None, memory_limit: str | None = None
    ) -> None:
        """spill_dir: for what does not fit into memory. memory_limit: such as ``8GB``; default 80 % of memory."""
        spill_dir.mkdir(parents=True, exist_ok=True)
        options: dict[str, str | int] = {"temp_directory": str(spill_dir)}
        if threads is not None:
            options["threads"] = threads
        if memory_limit is not None:
            options["memory_limit"] = memory_limit
        self._connection = ibis.duckdb.connect(**options)
        self._made = 0

    def from_files(self, paths: Sequence[Path], schema: pa.Schema) -> Table:
        """Returns a table over Parquet files, which are read when a result is asked for; empty without files."""
        if not paths:
            return self.from_arrow(schema.empty_table())
        return self._connection.read_parquet([str(path) for path in paths]).select(*schema.names)

    def from_arrow(self, table: pa.Table) -> Table:
        """Returns a table with these rows."""
        return self._connection.create_table(self._name(), table)

    def keep(self, expression: Table) -> Table:
        """Returns a table with the expression's rows, computed now, so that it is computed once."""
        return self._connection.create_table(self._name(), expression)

    def drop(self, table: Table) -> None:
        """Frees a table that this engine made."""
        self._connection.drop_table(table.op().name)

    def to_arrow(self, expression: Table) -> pa.Table:
        """Returns an expression's rows."""
        return self._connection.to_pyarrow(expression)

    def row_count(self, expression: Table) -> int:
        """Returns how many rows an expression has."""
        return int(self.to_arrow(expression.aggregate(rows=expression.count())).column("rows")[0].as_py())

    def to_parquet(self, expression: Table, path: Path) -> None:
        """Writes an expression's rows, in its order, without holding them all."""
        self._connection.to_parquet(expression, path, compression="zstd")

    def close(self) -> None:
        """Ends the connection and frees its tables."""
        self._connection.disconnect()

    def _name(self) -> str:
        self._made += 1
        return f"shortlist_{self._made}"


@contextmanager
def opened_engine(spill_dir: Path, *, threads: int | None = None) -> Iterator[Engine]:
    """Gives an engine that is closed when the block ends."""
    engine = Engine(spill_dir, threads=threads)
    try:
        yield engine
    finally:
        engine.close()
