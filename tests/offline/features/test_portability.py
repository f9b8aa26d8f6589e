"""Every expression compiles for Spark and keeps to the operations that DuckDB and Spark compute alike."""

from __future__ import annotations

import ibis
import ibis.expr.operations as ops
import pytest
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.backends.sql.dialects import PySpark
from ibis.config import Config

from tests.support.feature_expressions import EXPRESSIONS, NUMBERED

# What fails on one engine, or gives other values: docs/features.md has the reason for each.
FORBIDDEN = (
    ops.First,
    ops.Last,
    ops.ArgMin,
    ops.ArgMax,
    ops.ArrayCollect,
    ops.ApproxMedian,
    ops.ApproxQuantile,
    ops.ApproxCountDistinct,
    ops.Hash,
    ops.RandomScalar,
    ops.Sample,
    ops.TimestampDelta,
    ops.TimestampBucket,
    ops.ArrayIndex,
)
WINDOWED_FORBIDDEN = (ops.CountDistinct, ops.CountDistinctStar)


class _PysparkOptions(Config):
    """What the Spark backend would register, were Spark installed; its compiler reads it."""

    treat_nan_as_null: bool = False


@pytest.fixture
def spark_compiler(monkeypatch: pytest.MonkeyPatch) -> PySparkCompiler:
    monkeypatch.setattr(ibis.options, "pyspark", _PysparkOptions())
    return PySparkCompiler()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expression_compiles_for_spark(name: str, spark_compiler: PySparkCompiler) -> None:
    sql = spark_compiler.to_sqlglot(EXPRESSIONS[name]()).sql(dialect=PySpark)
    assert sql.startswith(("SELECT", "WITH"))


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expression_keeps_to_what_both_engines_compute_alike(name: str) -> None:
    root = EXPRESSIONS[name]().op()
    assert [type(node).__name__ for node in root.find(FORBIDDEN)] == []
    for window in root.find(ops.WindowFunction):
        assert not window.find(WINDOWED_FORBIDDEN), "nunique in a window fails on Spark"
        assert not any(getattr(node, "where", None) is not None for node in window.find(ops.Reduction)), (
            "a reduction's where in a window gives NULL on Spark and 0 on DuckDB"
        )


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expression_orders_by_times_as_integers(name: str) -> None:
    assert not [node for node in EXPRESSIONS[name]().op().find(ops.Field) if node.dtype.is_timestamp()]


def test_the_check_itself_notices_a_forbidden_operation() -> None:
    expression = NUMBERED.group_by("owner").aggregate(last=NUMBERED.item_row.last())
    assert expression.op().find(FORBIDDEN)
