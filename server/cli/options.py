"""What several commands share: the options that find the settings, and how an error is told."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from server.errors import ShortlistError
from server.settings import CONFIG_VARIABLE, Settings

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where everything lives. [default: data]", show_default=False),
]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML).", show_default=False)]

EXIT_USAGE = 2


def console() -> Console:
    """Returns the console for results; wide enough for tables when the output is piped."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=120)


def load_settings(
    config: Path | None = None, data_dir: Path | None = None, overrides: Mapping[str, object] | None = None
) -> Settings:
    """Returns the settings of this command line.

    Options go into the environment, so that a process started from here sees the same settings, and a worker
    that starts later sees the file as it is then. overrides: dotted names, such as ``server.port``; None is not set.
    Exits with a message that names every wrong value.
    """
    if config is not None:
        if not config.is_file():
            fail(f"there is no settings file {config}")
        os.environ[CONFIG_VARIABLE] = str(config.absolute())
    for name, value in {"data_dir": data_dir, **(overrides or {})}.items():
        if value is not None:
            os.environ["SHORTLIST_" + name.replace(".", "__").upper()] = str(value)
    try:
        return Settings()
    except ValidationError as error:
        problems = "\n".join(
            f"  {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        fail(f"the settings are wrong:\n{problems}")


def fail(message: str, code: int = EXIT_USAGE) -> NoReturn:
    """Ends the command with a message on the error output."""
    typer.echo(f"shortlist: {message}", err=True)
    raise typer.Exit(code)


@contextmanager
def told_errors() -> Iterator[None]:
    """Turns a domain error into a message and an exit code; anything else keeps its traceback."""
    try:
        yield
    except ShortlistError as error:
        fail(f"{error.message} ({error.reason})", code=1)
