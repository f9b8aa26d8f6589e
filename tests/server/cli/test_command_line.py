"""The frame of the command line."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from server.cli.main import COMMAND_MODULES, build_app

OFFLINE = ("torch", "ibis", "duckdb", "sklearn", "scipy", "pyarrow", "grpc", "numpy")

COMMANDS = [
    "import",
    "build",
    "train",
    "evaluate",
    "report",
    "publish",
    "demo",
    "serve",
    "restart",
    "recommend",
    "releases",
    "rollback",
    "compact",
    "backup",
    "restore",
    "doctor",
    "settings",
    "token",
    "version",
]


def test_help_lists_every_command_and_hides_the_worker() -> None:
    result = CliRunner().invoke(build_app(), ["--help"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    words = set(result.output.split())
    assert [command for command in COMMANDS if command not in words] == []
    assert "worker" not in words


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(build_app(), [command, "--help"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_command_line_starts_without_the_offline_side() -> None:
    code = (
        "import sys; from server.cli.main import build_app; build_app(); "
        f"print([name for name in {OFFLINE!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_command_module_is_in_the_list() -> None:
    from pathlib import Path

    folder = Path(__file__).resolve().parents[3] / "server" / "cli"
    assert sorted(path.stem for path in folder.glob("*_command.py")) == sorted(COMMAND_MODULES)


def test_wrong_setting_is_told_by_name_without_a_traceback() -> None:
    result = CliRunner().invoke(build_app(), ["settings"], env={"SHORTLIST_SERVER__WORKERS": "0"})
    assert result.exit_code == 2
    assert "server.workers" in result.output
