"""`shortlist off-policy` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from server.cli.main import build_app

FIXTURE = Path(__file__).parents[2] / "data" / "open_bandit"


def test_prints_and_writes_the_three_estimates(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    log = str(FIXTURE / "bts-men.csv.gz")
    result = CliRunner().invoke(
        build_app(), ["off-policy", "--log", log, "--uniform", "--json", str(numbers)]
    )
    assert result.exit_code == 0, result.output
    assert "0.00319" in result.output
    assert round(json.loads(numbers.read_text())["ipw"]["value"], 5) == 0.00301


def test_a_refusal_is_an_error_with_a_way_out() -> None:
    log = str(FIXTURE / "bts-women.csv.gz")
    result = CliRunner().invoke(build_app(), ["off-policy", "--log", log, "--uniform"])
    assert result.exit_code == 1
    assert "EFFECTIVE_SAMPLE_TOO_SMALL" in result.output


def test_clipping_is_said_aloud() -> None:
    log = str(FIXTURE / "bts-women.csv.gz")
    result = CliRunner().invoke(build_app(), ["off-policy", "--log", log, "--uniform", "--clip", "20"])
    assert result.exit_code == 0
    assert "clipped: 61 weights cut to 20" in result.output


def test_exactly_one_policy_is_judged() -> None:
    log = str(FIXTURE / "bts-men.csv.gz")
    assert CliRunner().invoke(build_app(), ["off-policy", "--log", log]).exit_code == 2
