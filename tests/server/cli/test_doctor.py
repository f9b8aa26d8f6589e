"""What the doctor finds, and what it says to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from server.cli.doctor_command import Finding, Verdict, examine
from server.settings import ServerSettings, Settings
from tests.support.small_release import build_small_release


def settings_of(data_dir: Path, port: int = 0) -> Settings:
    return Settings(data_dir=data_dir, server=ServerSettings(port=port, admin_port=0))


def findings(settings: Settings) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(settings)}


def test_set_up_that_can_serve_has_nothing_bad(tmp_path: Path) -> None:
    build_small_release(tmp_path / "releases", items=20)
    bad = [finding for finding in examine(settings_of(tmp_path)) if finding.verdict is Verdict.BAD]
    assert bad == []


def test_every_finding_that_is_not_fine_says_what_to_do(tmp_path: Path) -> None:
    for finding in examine(settings_of(tmp_path / "missing")):
        assert bool(finding.advice) == (finding.verdict is not Verdict.OK), finding


@pytest.mark.parametrize("other", [True, False])
def test_corrupt_release_is_found_and_a_way_out_named(tmp_path: Path, other: bool) -> None:
    if other:
        build_small_release(tmp_path / "releases", items=20, version="good")
    price = build_small_release(tmp_path / "releases", items=20, version="bad").path / "items" / "price.npy"
    price.chmod(0o644)
    price.write_bytes(price.read_bytes()[:-1] + b"\x7f")
    found = findings(settings_of(tmp_path))["release"]
    assert found.verdict is Verdict.BAD
    assert found.advice == ("shortlist rollback good" if other else "shortlist publish")


def test_taken_port_is_found(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = findings(settings_of(tmp_path, taken.getsockname()[1]))["port"]
    assert found.verdict is Verdict.BAD
