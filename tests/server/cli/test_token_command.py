from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.access.tokens import Role, Verdict, read_tokens
from server.cli.main import build_app


@pytest.mark.parametrize("days", [0, 30])
def test_what_it_prints_lets_the_token_in(tmp_path: Path, days: int) -> None:
    arguments = ["token", "--name", 'the "web" shop', "--role", "serve", "--role", "write", f"--days={days}"]
    result = CliRunner().invoke(build_app(), arguments)
    first, _, lines = result.output.partition("\n")
    path = tmp_path / "tokens.toml"
    path.write_text(lines)
    secret, tokens = first.removeprefix("token: ").encode(), read_tokens(path)
    now_s = time.time()
    assert [tokens.judge(secret, role, now_s) for role in (Role.SERVE, Role.WRITE, Role.ADMIN)] == [
        Verdict.ALLOWED,
        Verdict.ALLOWED,
        Verdict.ROLE_MISSING,
    ]
    later = tokens.judge(secret, Role.SERVE, now_s + 31 * 86_400)
    assert later is (Verdict.TOKEN_EXPIRED if days else Verdict.ALLOWED)


def test_a_role_is_needed() -> None:
    assert CliRunner().invoke(build_app(), ["token"]).exit_code == 2
