"""What commands say of a store on Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.cli.doctor_command import Finding, Verdict, examine
from server.cli.main import build_app
from server.settings import Settings, StoreSettings
from tests.support.redis_server import RedisServer, free_ports


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path / "redis", free_ports(1)[0], "--appendonly", "yes")
    try:
        yield made.start()
    finally:
        made.kill()


def of_the_store(url: str, data_dir: Path) -> list[Finding]:
    settings = Settings(data_dir=data_dir, store=StoreSettings(url=url))
    return [finding for finding in examine(settings) if finding.subject == "store"]


def test_a_server_that_is_set_up_well_is_fine(server: RedisServer, tmp_path: Path) -> None:
    (found,) = of_the_store(server.url, tmp_path)
    assert (found.verdict, found.advice) == (Verdict.OK, "")
    assert str(server.port) in found.detail


def test_a_server_that_evicts_or_does_not_save_is_found(server: RedisServer, tmp_path: Path) -> None:
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
    found = {finding.advice: finding.verdict for finding in of_the_store(server.url, tmp_path)}
    assert found == {
        "CONFIG SET maxmemory-policy noeviction": Verdict.BAD,
        "CONFIG SET appendonly yes": Verdict.WARN,
    }


def test_a_server_that_is_away_is_found(tmp_path: Path) -> None:
    (found,) = of_the_store(f"redis://127.0.0.1:{free_ports(1)[0]}", tmp_path)
    assert found.verdict is Verdict.BAD
    assert found.advice


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_backup_and_restore_say_who_backs_redis_up(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORTLIST_STORE__URL", "redis://127.0.0.1:1")
    target = tmp_path / "copy"
    if command == "restore":
        target.mkdir()
    result = CliRunner().invoke(build_app(), [command, str(target)])
    assert result.exit_code == 1
    assert "BGSAVE" in result.output


def test_the_settings_show_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORTLIST_STORE__URL", "redis://me:secret@localhost:7000/1")
    result = CliRunner().invoke(build_app(), ["settings"])
    assert "secret" not in result.output
    assert "redis://***@localhost" in result.output
