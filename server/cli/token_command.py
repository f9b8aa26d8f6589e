"""`shortlist token`: makes a token, and the lines of the tokens file that let it in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

_SECRET_BYTES = 32


class RoleName(StrEnum):
    """A role, as typed on the command line."""

    SERVE = "serve"
    WRITE = "write"
    ADMIN = "admin"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("token", rich_help_panel="Look after")(token)


def token(
    role: Annotated[
        list[RoleName],
        typer.Option(help="serve: lists; write: events, catalogue, profiles; admin: all. Repeat for more."),
    ],
    name: Annotated[str, typer.Option(help="Who has it; for people.")] = "",
    days: Annotated[int, typer.Option(min=0, help="Days until it expires; 0 = never.")] = 0,
) -> None:
    """Makes a token: the secret goes to the client, the lines below it into security.tokens_file."""
    import hashlib
    import json
    import secrets

    secret = secrets.token_urlsafe(_SECRET_BYTES)
    typer.echo(f"token: {secret}\n")
    typer.echo("[[tokens]]")
    typer.echo(f"name = {json.dumps(name)}")
    typer.echo(f'sha256 = "{hashlib.sha256(secret.encode()).hexdigest()}"')
    typer.echo(f"roles = {json.dumps([each.value for each in role])}")
    if days:
        expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
        typer.echo(f"expires = {expires.isoformat().replace('+00:00', 'Z')}")
