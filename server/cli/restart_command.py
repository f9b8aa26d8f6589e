"""`shortlist restart`: replaces the workers of a running server one by one, with the settings as they are now."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.options import Config, DataDir, fail, load_settings
from server.running_server import control_path, find_running_server

if TYPE_CHECKING:
    from server.control_block import ControlBlock

_POLL_S = 0.1


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("restart", rich_help_panel="Serve")(restart)


def restart(
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds to wait for.")] = 300.0,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Replaces the workers of the running server one by one and waits for it; no call fails that is retried."""
    from server.control_block import ControlBlock

    settings = load_settings(config, data_dir)
    server = find_running_server(settings.data_dir)
    if server is None:
        fail(f"no server runs on {settings.data_dir}", code=1)
    control = ControlBlock(control_path(settings.data_dir))
    try:
        before = _serving(control)
        os.kill(server.pid, signal.SIGHUP)
        give_up_s = time.monotonic() + timeout_s
        while time.monotonic() < give_up_s:
            now = {worker.pid for worker in control.workers()}
            if not now & before and len(_serving(control)) == len(before):
                typer.echo(f"{len(before)} workers are new")
                return
            time.sleep(_POLL_S)
    finally:
        control.close()
    fail(f"not every worker is new after {timeout_s:g} s; see the server's log", code=1)


def _serving(control: ControlBlock) -> set[int]:
    from server.control_block import WorkerState

    return {worker.pid for worker in control.workers() if worker.state is WorkerState.SERVING}
