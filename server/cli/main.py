"""The command `shortlist`: one module a command, each with a `register(app)`.

A command imports what it needs when it runs, so that a server starts without loading the offline side, and a
serving installation, which has no offline side, still has all of its commands.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import typer

COMMAND_MODULES = (
    # Learn
    "import_command",
    "build_command",
    "train_command",
    "evaluate_command",
    "report_command",
    "tune_command",
    "off_policy_command",
    "publish_command",
    # Serve
    "demo_command",
    "serve_command",
    "restart_command",
    "recommend_command",
    # Simulate
    "generate_command",
    "simulate_command",
    # Look after
    "releases_command",
    "compact_command",
    "backup_command",
    "doctor_command",
    "settings_command",
    "token_command",
)
"""In the order in which `shortlist --help` lists them."""


def build_app() -> typer.Typer:
    """Returns the command with all of its subcommands."""
    app = typer.Typer(
        name="shortlist",
        help="A recommendation engine: real events in, ranked lists out over gRPC.\n\n"
        "Begin with `shortlist demo`. With data of your own: import, build, train, publish, serve.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_show_locals=False,
    )
    for name in COMMAND_MODULES:
        import_module(f"server.cli.{name}").register(app)
    app.command("version", rich_help_panel="Look after")(show_version)
    return app


def show_version() -> None:
    """Prints the version."""
    typer.echo(product_version())


def product_version() -> str:
    """Returns the installed version, or `source tree` where the project is not installed."""
    try:
        return version("shortlist-engine")
    except PackageNotFoundError:
        return "source tree"


def main() -> None:
    """Runs the command line."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s",
    )
    build_app()()
