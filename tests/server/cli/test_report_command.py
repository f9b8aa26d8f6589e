"""The command, up to the methods that need no release."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from server.cli import report_command


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    report_command.register(made)
    return made


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    train = [("ann", "a"), ("ann", "b"), ("bob", "a"), ("bob", "b"), ("bob", "c"), ("cat", "d")]
    for name, pairs in (("train", train), ("test", [("ann", "c"), ("cat", "c")])):
        lines = ["user_id,item_id", *(f"{user},{item}" for user, item in pairs)]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    (tmp_path / "items.csv").write_text("item_id,title,category\na,Lamp,light\nc,Candle,light\n")
    paths = (f"--{name}={tmp_path / name}.csv" for name in ("train", "test", "items"))
    return (*paths, "--method", "popularity", "--method", "collaborative", "--k", "2")


def test_the_page_is_written_where_it_is_wanted(
    app: typer.Typer, files: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "quality.html"

    result = CliRunner().invoke(app, [*files, "--resamples", "20", "--out", str(out)])

    assert result.exit_code == 0, result.output
    page = out.read_text()
    assert page.lstrip().startswith("<!doctype html>")
    assert "Candle" in page
    assert "it needs the method <code>ranked</code>" in page


def test_without_intervals_there_is_a_page_too(
    app: typer.Typer, files: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "quality.html"

    result = CliRunner().invoke(app, [*files, "--resamples", "0", "--out", str(out)])

    assert result.exit_code == 0, result.output
    assert "user by user</caption>" not in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "luck"), "there is no method luck"),
        (("--out", "no/where.html"), "there is no folder no"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_measured(
    app: typer.Typer, files: tuple[str, ...], arguments: tuple[str, ...], message: str
) -> None:
    result = CliRunner().invoke(app, [*files, *arguments])

    assert result.exit_code == 2
    assert message in result.output
