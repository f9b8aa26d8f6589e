"""The command, up to the methods that need no release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from offline.evaluation import bootstrap
from server.cli import evaluate_command
from server.cli.evaluation import evaluation_options


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    evaluate_command.register(made)
    return made


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    train = [("ann", "a"), ("ann", "b"), ("bob", "a"), ("bob", "b"), ("bob", "c"), ("cat", "d")]
    for name, pairs in (("train", train), ("test", [("ann", "c"), ("cat", "c")])):
        lines = ["user_id,item_id", *(f"{user},{item}" for user, item in pairs)]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    return ("--train", str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv"))


LOCAL = ("--method", "popularity", "--method", "collaborative")


def test_the_report_names_k_users_and_each_methods_metrics(
    app: typer.Typer, files: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "out.json"

    result = CliRunner().invoke(app, [*files, *LOCAL, "--k", "2", "--json", str(out)])

    assert result.exit_code == 0, result.output
    report = json.loads(out.read_text())
    assert (report["k"], report["users"]) == (2, 2)
    assert list(report["methods"]) == ["popularity", "collaborative"]
    names = {"recall", "ndcg", "precision", "map", "hit_rate", "coverage", "mrr"}
    assert all(names <= set(metrics) for metrics in report["methods"].values())
    assert report["methods"]["collaborative"]["recall"] == 0.5


def test_a_person_gets_a_table(app: typer.Typer, files: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*files, *LOCAL, "--k", "2"])

    assert "2 users, 4 items ranked, seen items masked" in result.output
    assert "NDCG@2" in result.output


def test_the_table_and_the_report_hold_intervals(
    app: typer.Typer, files: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "out.json"

    result = CliRunner().invoke(app, [*files, *LOCAL, "--k", "2", "--resamples", "50", "--json", str(out)])

    assert "over popularity" in result.output
    report = json.loads(out.read_text())
    recall = report["intervals"]["collaborative"]["recall"]
    assert (recall["mean"], recall["low"], recall["high"]) == (0.5, 0.0, 1.0)
    assert list(report["differences"]["collaborative"]) == ["popularity"]


def test_no_resamples_are_no_intervals(app: typer.Typer, files: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "out.json"

    result = CliRunner().invoke(app, [*files, *LOCAL, "--resamples", "0", "--json", str(out)])

    assert result.exit_code == 0, result.output
    assert json.loads(out.read_text())["intervals"] == {}


def test_the_option_has_the_bootstraps_own_limit() -> None:
    assert evaluation_options.RESAMPLES_MAX == bootstrap.RESAMPLES_MAX
    assert evaluation_options.RESAMPLES_DEFAULT == bootstrap.RESAMPLES_DEFAULT


def test_repeats_can_be_allowed(app: typer.Typer, files: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*files, *LOCAL, "--allow-repeats"])

    assert "repeats allowed" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "luck"), "there is no method luck"),
        (("--items", "nowhere.csv"), "there is no file nowhere.csv"),
    ],
)
def test_what_is_wrong_is_named(
    app: typer.Typer, files: tuple[str, ...], arguments: tuple[str, ...], message: str
) -> None:
    result = CliRunner().invoke(app, [*files, *arguments])

    assert result.exit_code == 2
    assert message in result.output


def test_a_folder_with_something_in_it_is_refused(
    app: typer.Typer, files: tuple[str, ...], tmp_path: Path
) -> None:
    result = CliRunner().invoke(app, [*files, *LOCAL, "--work", str(tmp_path)])

    assert result.exit_code == 2
    assert "not empty" in result.output
