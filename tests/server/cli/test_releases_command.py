"""What `shortlist releases` finds out about the releases on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.cli.main import build_app
from tests.support.small_release import build_small_release


@pytest.mark.parametrize(("damaged", "exit_code"), [(False, 0), (True, 1)])
def test_every_hash_is_looked_at_on_request(tmp_path: Path, damaged: bool, exit_code: int) -> None:
    price = build_small_release(tmp_path / "releases", items=20).path / "items" / "price.npy"
    if damaged:
        price.chmod(0o644)
        price.write_bytes(price.read_bytes()[:-1] + b"\x7f")
    arguments = ["releases", "--data-dir", str(tmp_path)]
    assert CliRunner().invoke(build_app(), arguments).exit_code == 0
    found = CliRunner().invoke(build_app(), [*arguments, "--verify"], env={"COLUMNS": "200"})
    assert found.exit_code == exit_code
    assert ("price.npy does not match" in found.output) is damaged
