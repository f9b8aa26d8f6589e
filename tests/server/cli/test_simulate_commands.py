"""`shortlist generate` and `shortlist simulate` as they are typed; the latter against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.cli.main import build_app
from tests.support.server_process import running_server
from tests.support.small_release import build_small_release

SMALL = ["--items", "400", "--users", "40", "--days", "7", "--future-days", "30", "--sessions", "100"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "store"
    result = CliRunner().invoke(
        build_app(), ["generate", "--out", str(folder), *SMALL, "--end", "2026-01-01"]
    )
    assert result.exit_code == 0, result.output
    return folder


def test_generated_files_import_without_a_reject(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORTLIST_DATA_DIR", str(tmp_path))
    for kind in ("items", "users", "events"):
        result = CliRunner().invoke(build_app(), ["import", kind, str(store / f"{kind}.parquet")])
        assert result.exit_code == 0, result.output
        assert not any(path.stat().st_size for path in (tmp_path / "rejects").glob("*"))


def test_a_store_is_not_written_over(store: Path) -> None:
    result = CliRunner().invoke(build_app(), ["generate", "--out", str(store)])
    assert result.exit_code == 2
    assert "holds a store already" in result.output


def test_users_talk_to_a_running_server(store: Path, tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    build_small_release(tmp_path / "data" / "releases", items=60, categories=6, version="r1")
    with running_server(tmp_path / "data", workers=1, BUDGET__DEADLINE_MS=10_000) as server:
        arguments = ["--server", server.address, "--sessions", "40", "--days", "20", "--json", str(numbers)]
        result = CliRunner().invoke(build_app(), ["simulate", "--store", str(store), *arguments])
    assert result.exit_code == 0, result.output
    found = json.loads(numbers.read_text())
    assert found["policies"]["server"]["lists"] == 40
    assert found["policies"]["oracle"]["true_click_rate"]["value"] > 0
    assert set(found["new_users"]) == {"0", "1 to 2", "3 to 9", "10+"}


def test_a_folder_without_a_store_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(build_app(), ["simulate", "--store", str(tmp_path)])
    assert result.exit_code == 1
    assert "is no store" in result.output
