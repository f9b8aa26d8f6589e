"""Who may call what: tokens, known by their hash alone, and the roles that they carry.

The file is TOML:

    [[tokens]]
    name = "web shop"                  # for people; never a secret
    sha256 = "9f86d081884c7d65..."     # of the token's bytes, 64 hexadecimal digits
    roles = ["serve", "write"]
    expires = 2027-01-01T00:00:00Z     # optional
"""

from __future__ import annotations

import hashlib
import hmac
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

from server.errors import Refused

TOKENS_MAX = 1_000
TOKEN_BYTES_MAX = 512
_FILE_BYTES_MAX = 1 << 20
_INDEX_BYTES = 8
_KEYS = frozenset({"name", "sha256", "roles", "expires"})


class Role(StrEnum):
    """serve: lists. write: events, catalogue and profiles. admin: releases and reflection, and all of the others'."""

    SERVE = "serve"
    WRITE = "write"
    ADMIN = "admin"


class Verdict(IntEnum):
    """What is found about a call."""

    ALLOWED = 0
    TOKEN_MISSING = 1
    TOKEN_INVALID = 2
    TOKEN_EXPIRED = 3
    ROLE_MISSING = 4


@dataclass(frozen=True, slots=True)
class Token:
    """One line of the file. expires_s: epoch seconds, infinity for never."""

    name: str
    digest: bytes
    roles: frozenset[Role]
    expires_s: float


class TokenTable:
    """Tokens by the first bytes of their hash: finding one takes the same time however much of it fits."""

    def __init__(self, tokens: list[Token]) -> None:
        self._by_index: dict[bytes, list[Token]] = {}
        for token in tokens:
            self._by_index.setdefault(token.digest[:_INDEX_BYTES], []).append(token)

    def judge(self, secret: bytes, role: Role, now_s: float) -> Verdict:
        """Returns whether the bearer of the secret may do what needs the role."""
        if not secret:
            return Verdict.TOKEN_MISSING
        if len(secret) > TOKEN_BYTES_MAX:
            return Verdict.TOKEN_INVALID
        digest = hashlib.sha256(secret).digest()
        for token in self._by_index.get(digest[:_INDEX_BYTES], ()):
            # The index is a hash's, which no caller can steer; the whole is compared in constant time.
            if hmac.compare_digest(token.digest, digest):
                return _judge(token, role, now_s)
        return Verdict.TOKEN_INVALID


def _judge(token: Token, role: Role, now_s: float) -> Verdict:
    if now_s >= token.expires_s:
        return Verdict.TOKEN_EXPIRED
    if role in token.roles or Role.ADMIN in token.roles:
        return Verdict.ALLOWED
    return Verdict.ROLE_MISSING


def read_tokens(path: Path) -> TokenTable:
    """Returns the table that a file holds. Raises Refused, naming the entry, for one that is wrong."""
    with path.open("rb") as file:
        raw = file.read(_FILE_BYTES_MAX + 1)
    if len(raw) > _FILE_BYTES_MAX:
        raise _refused(path, f"is larger than {_FILE_BYTES_MAX} bytes")
    try:
        content = tomllib.loads(raw.decode())
    except ValueError as error:
        raise _refused(path, str(error)) from None
    entries = content.get("tokens", [])
    if set(content) - {"tokens"} or not isinstance(entries, list) or len(entries) > TOKENS_MAX:
        raise _refused(path, f"holds [[tokens]] and nothing else, at most {TOKENS_MAX}")
    return TokenTable([_token(entry, f"{path}: tokens[{at}]") for at, entry in enumerate(entries)])


def _token(entry: Any, place: str) -> Token:
    if not isinstance(entry, Mapping) or set(entry) - _KEYS:
        raise _refused(place, f"has the keys {', '.join(sorted(_KEYS))}")
    name, digest, roles = entry.get("name", ""), entry.get("sha256", ""), entry.get("roles")
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise _refused(place, "sha256 must be 64 hexadecimal digits")
    known = {role.value for role in Role}
    if (
        not isinstance(roles, list)
        or not roles
        or not all(isinstance(role, str) and role in known for role in roles)
    ):
        raise _refused(place, "roles must name some of serve, write, admin")
    expires = entry.get("expires")
    if expires is not None and (not isinstance(expires, datetime) or expires.tzinfo is None):
        raise _refused(place, "expires must be a time with its zone, such as 2027-01-01T00:00:00Z")
    return Token(
        str(name),
        bytes.fromhex(digest),
        frozenset(Role(role) for role in roles),
        expires.timestamp() if expires is not None else float("inf"),
    )


def _refused(place: object, problem: str) -> Refused:
    return Refused(f"{place}: {problem}", reason="TOKENS_FILE")
