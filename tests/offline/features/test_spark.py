"""DuckDB and Spark give the same rows. Runs where pyspark is installed (docs/features.md), else is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.feature_expressions import EXPRESSIONS, KEPT
from tests.support.random_log import links, random_events, random_items

pyspark = pytest.importorskip("pyspark")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with the Parquet file of every table that an expression reads, as DuckDB computes it."""
    directory = tmp_path_factory.mktemp("tables")
    profiles = pa.table(
        {
            "owner": ["u:u1"],
            "age_bucket": pa.array([3], pa.int8()),
            "gender": pa.array([2], pa.int8()),
            "location_cluster": pa.array([77], pa.int16()),
        }
    )
    tables = {
        "events": random_events(1, 600),
        "links": links(),
        "items": random_items(1),
        "profiles": profiles,
    }
    duckdb = ibis.duckdb.connect(threads=1)
    for name, table in tables.items():
        duckdb.create_table(name, table)
    for expression, name in KEPT.items():
        tables[name] = duckdb.to_pyarrow(EXPRESSIONS[expression]())
        duckdb.create_table(name, tables[name])
    for name, table in tables.items():
        pq.write_table(table, directory / f"{name}.parquet")
    return directory


@pytest.fixture(scope="module")
def spark(inputs: Path) -> Iterator[ibis.BaseBackend]:
    session = (
        pyspark.sql.SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.memory", "1g")
        .getOrCreate()
    )
    connection = ibis.pyspark.connect(session)
    for path in inputs.glob("*.parquet"):
        session.read.parquet(str(path)).createOrReplaceTempView(path.stem)
    yield connection
    session.stop()


@pytest.fixture(scope="module")
def duckdb(inputs: Path) -> ibis.BaseBackend:
    connection = ibis.duckdb.connect(threads=1)
    for path in inputs.glob("*.parquet"):
        connection.read_parquet(path, table_name=path.stem)
    return connection


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_both_engines_give_the_same_rows(
    name: str, spark: ibis.BaseBackend, duckdb: ibis.BaseBackend
) -> None:
    expression = EXPRESSIONS[name]()
    ours, theirs = (rows_of(engine.to_pyarrow(expression)) for engine in (duckdb, spark))
    assert len(ours) == len(theirs) > 0
    for mine, other in zip(ours, theirs, strict=True):
        assert exact_part(mine) == exact_part(other)
        assert float_part(mine) == pytest.approx(float_part(other), rel=1e-6)


def rows_of(table: pa.Table) -> list[tuple[object, ...]]:
    rows = [tuple(row.values()) for row in table.to_pylist()]
    return sorted(rows, key=lambda row: [str(value) for value in exact_part(row)])


def exact_part(row: tuple[object, ...]) -> list[object]:
    return [value for value in row if not isinstance(value, float)]


def float_part(row: tuple[object, ...]) -> list[float]:
    return [value for value in row if isinstance(value, float)]
