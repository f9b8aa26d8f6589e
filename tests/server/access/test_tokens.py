from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from server.access.tokens import TOKEN_BYTES_MAX, Role, TokenTable, Verdict, read_tokens
from server.errors import Refused

NOW_S = 1_700_000_000.0


def entry(secret: str, *roles: str, expires: str = "") -> str:
    digest = hashlib.sha256(secret.encode()).hexdigest()
    expiry = f"expires = {expires}\n" if expires else ""
    return f'[[tokens]]\nname = "t"\nsha256 = "{digest}"\nroles = {list(roles)}\n{expiry}'


def table(tmp_path: Path, *entries: str) -> TokenTable:
    path = tmp_path / "tokens.toml"
    path.write_text("".join(entries))
    return read_tokens(path)


def test_a_token_does_what_its_roles_allow_and_admin_does_everything(tmp_path: Path) -> None:
    tokens = table(tmp_path, entry("s", "serve"), entry("sw", "serve", "write"), entry("a", "admin"))
    allowed = {
        secret: [role.value for role in Role if tokens.judge(secret.encode(), role, NOW_S) is Verdict.ALLOWED]
        for secret in ("s", "sw", "a")
    }
    assert allowed == {"s": ["serve"], "sw": ["serve", "write"], "a": ["serve", "write", "admin"]}
    assert tokens.judge(b"s", Role.ADMIN, NOW_S) is Verdict.ROLE_MISSING


@pytest.mark.parametrize("secret", [b"S", b"s ", b"\xff", b"s" * (TOKEN_BYTES_MAX + 1), b"x"])
def test_any_other_token_is_invalid(tmp_path: Path, secret: bytes) -> None:
    assert table(tmp_path, entry("s", "serve")).judge(secret, Role.SERVE, NOW_S) is Verdict.TOKEN_INVALID


def test_no_token_is_missing(tmp_path: Path) -> None:
    assert table(tmp_path).judge(b"", Role.SERVE, NOW_S) is Verdict.TOKEN_MISSING


def test_a_token_ends_when_it_expires(tmp_path: Path) -> None:
    tokens = table(tmp_path, entry("s", "serve", expires="2023-11-14T22:13:20Z"))
    assert tokens.judge(b"s", Role.SERVE, NOW_S - 1) is Verdict.ALLOWED
    assert tokens.judge(b"s", Role.SERVE, NOW_S) is Verdict.TOKEN_EXPIRED


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("tokens = 3", r"\[\[tokens\]\] and nothing else"),
        ("[other]\na = 1", "nothing else"),
        ("not toml", "Expected"),
        ("tokens = [3]", r"tokens\[0\]: has the keys"),
        ('[[tokens]]\nsha256 = "abc"\nroles = ["serve"]', r"tokens\[0\]: sha256 must be 64"),
        (entry("a", "serve") + entry("b", "root"), r"tokens\[1\]: roles must name"),
        (entry("a"), r"tokens\[0\]: roles must name"),
        (entry("a", "serve") + "role = 'x'", "has the keys"),
        (entry("a", "serve", expires="2027-01-01"), "expires must be a time with its zone"),
        (entry("a", "serve", expires="2027-01-01T00:00:00"), "expires must be a time with its zone"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_place(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(Refused, match=problem) as caught:
        table(tmp_path, content)
    assert caught.value.message.startswith(str(tmp_path / "tokens.toml"))
