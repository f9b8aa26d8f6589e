"""`shortlist serve`: the parent process; and the hidden `worker`, which it starts."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.metrics_endpoint import metrics_endpoint
from server.cli.options import Config, DataDir, fail, load_settings, told_errors
from server.errors import StoreUnavailable
from server.telemetry.logs import configure_logs

if TYPE_CHECKING:
    from server.control_block import ControlBlock
    from server.running_server import RunningServer
    from server.settings import Settings

log = logging.getLogger(__name__)

_CHORE_TIMEOUT_S = 60.0


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("serve", rich_help_panel="Serve")(serve)
    app.command("worker", hidden=True)(worker)


def serve(
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Worker processes; one a core. [default: 1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Public port; 0 picks a free one. [default: 50051]")
    ] = None,
    admin_port: Annotated[int | None, typer.Option(help="Port of release calls. [default: 50052]")] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Serves recommendations over gRPC until SIGTERM or Ctrl-C.

    SIGTERM drains without a failed call, SIGHUP restarts the workers one by one with the settings as they are then.
    """
    overrides = {"server.workers": workers, "server.port": port, "server.admin_port": admin_port}
    settings = load_settings(config, data_dir, overrides)
    configure_logs(settings.logs.format)
    raise typer.Exit(run_server(settings))


def worker(
    control: Annotated[Path, typer.Option()],
    slot: Annotated[int, typer.Option()],
    seat: Annotated[int, typer.Option()],
    port: Annotated[int, typer.Option()],
    admin_port: Annotated[int, typer.Option()],
) -> None:
    """Runs one worker of a server; started by `serve`."""
    from server.worker import run_worker
    from server.worker_place import WorkerPlace

    settings = load_settings()
    configure_logs(settings.logs.format)
    raise typer.Exit(run_worker(settings, WorkerPlace(control, slot, seat, port, admin_port)))


def run_server(settings: Settings) -> int:
    """Runs the parent until it is told to stop; returns its exit code. Prints the ports once every worker serves."""
    from server.running_server import RunningServer, announce, sole_server

    knobs = settings.server
    if not (settings.data_dir / "releases" / "current").exists():
        fail(
            f"{settings.data_dir} holds no release to serve.\n"
            "  Try `shortlist demo`, or import, build, train and publish data of your own.",
            code=1,
        )
    with (
        told_errors(),
        sole_server(settings.data_dir) as held,
        _reserved(knobs.host, knobs.port) as port,
        _reserved(knobs.admin_host, knobs.admin_port) as admin_port,
        _control(settings) as control,
        metrics_endpoint(settings, control) as metrics_address,
    ):
        server = RunningServer(os.getpid(), knobs.host, port, knobs.admin_host, admin_port, metrics_address)

        def say_ready() -> None:
            announce(held, server)
            if metrics_address:
                typer.echo(f"metrics on http://{metrics_address}/metrics")
            typer.echo(
                f"serving on {server.address} with {knobs.workers} workers, releases on {server.admin_address}"
            )
            sys.stdout.flush()

        with _chores(settings):
            return _supervise(settings, control, server, say_ready)


def _supervise(
    settings: Settings, control: ControlBlock, server: RunningServer, on_ready: Callable[[], None]
) -> int:
    from server.supervisor import Supervisor, SupervisorOptions

    knobs = settings.server

    def start_worker(seat: int, slot: int) -> subprocess.Popen[bytes]:
        place = {
            "control": control.path,
            "slot": slot,
            "seat": seat,
            "port": server.port,
            "admin-port": server.admin_port,
        }
        options = [f"--{name}={value}" for name, value in place.items()]
        return subprocess.Popen([sys.executable, "-m", "server", "worker", *options])

    options = SupervisorOptions(
        workers=knobs.workers,
        heartbeat_timeout_ms=knobs.heartbeat_timeout_ms,
        drain_timeout_s=knobs.drain_notice_s + knobs.drain_grace_s,
    )
    return Supervisor(options, control, start_worker, on_ready=on_ready).run()


@contextmanager
def _control(settings: Settings) -> Iterator[ControlBlock]:
    """Makes what all processes of the server share, and yields the parent's mapping of it."""
    from server.control_block import ControlBlock
    from server.running_server import control_path

    control = ControlBlock.create(control_path(settings.data_dir), slots=settings.server.workers + 1)
    try:
        yield control
    finally:
        control.close()


@contextmanager
def _chores(settings: Settings) -> Iterator[None]:
    """Does the parent's chores while the block runs; what is queued at its end is moved as well."""
    from server.housekeeping import Housekeeper
    from server.storage import chores, compact, open_event_log, open_store

    store, event_log = open_store(settings), open_event_log(settings)
    keeper = Housekeeper(chores(settings, store, event_log))
    keeper.start()
    try:
        yield
        try:
            compact(store, event_log)
        except StoreUnavailable as error:
            log.warning("queued events stay in the store, which does not answer: %s", error.message)
    finally:
        if keeper.stop(_CHORE_TIMEOUT_S):
            store.close()


@contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """Holds a port, bound and not listening, so that no other program takes it between two workers; yields it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Without SO_REUSEPORT, so that a second server on the port is refused and not given half of the calls.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
        with socket.socket(family, socket.SOCK_STREAM) as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind((host, port))
            yield holder.getsockname()[1]
    except OSError as error:
        fail(f"{host}:{port} cannot be used: {error.strerror}. Another: --port, or --port 0 for any.", code=1)
