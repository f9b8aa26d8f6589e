"""What the clients of every language are tested against, told to them in the environment.

SHORTLIST_ADDRESS, SHORTLIST_ADMIN_ADDRESS: a real server of two workers on a small release.
SHORTLIST_SCRIPTED_ADDRESS: see scripted_service.py. SHORTLIST_TLS_ADDRESS, SHORTLIST_TLS_ROOTS: the same with TLS.
SHORTLIST_CONTROL: http://host:port with GET /kill-worker, /restart, /failures and /events?prefix=P.

`python -m tests.support.client_lab COMMAND...` runs a command against it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import grpc
import pyarrow.compute as pc

from server.settings import Settings
from server.storage import compact, open_event_log, open_store
from tests.support.otlp_receiver import otlp_receiver
from tests.support.scripted_service import failures_json, scripted_server
from tests.support.server_process import ServerProcess, running_server
from tests.support.small_release import build_small_release

_RESTART_MAX_S = 60.0


@dataclass(frozen=True)
class Control:
    """What a test may do to the real server, and ask about it."""

    server: ServerProcess

    def kill_worker(self) -> dict[str, int]:
        """Kills one worker without notice, and waits until another has taken its place."""
        before = self._pids()
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        self._await(lambda now: victim not in now and len(now) == len(before))
        return {"killed": victim}

    def restart(self) -> dict[str, int]:
        """Replaces every worker, one by one, as an operator would."""
        before = self._pids()
        self.server.process.send_signal(signal.SIGHUP)
        self._await(lambda now: not now & before and len(now) == len(before))
        return {"replaced": len(before)}

    def events(self, prefix: str) -> dict[str, int]:
        """Returns how many events the server has whose id begins so, and how many different ids they have."""
        settings = Settings(data_dir=self.server.data_dir)
        store, event_log = open_store(settings), open_event_log(settings)
        try:
            compact(store, event_log)
            ids = event_log.read()["event_id"]
        finally:
            store.close()
        found = ids.filter(pc.starts_with(ids, prefix))
        return {"events": len(found), "ids": pc.count_distinct(found).as_py()}

    def _pids(self) -> set[int]:
        return {worker.pid for worker in self.server.workers() if worker.heartbeat_ns}

    def _await(self, reached: Callable[[set[int]], bool]) -> None:
        deadline = time.monotonic() + _RESTART_MAX_S
        while not reached(self._pids()):
            if time.monotonic() > deadline:
                raise TimeoutError("the workers were not replaced")
            time.sleep(0.05)


def _handler(control: Control) -> type[BaseHTTPRequestHandler]:
    """Returns the class that answers the control address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            actions: dict[str, Callable[[], object]] = {
                "/kill-worker": control.kill_worker,
                "/restart": control.restart,
                "/failures": failures_json,
                "/events": lambda: control.events(parse_qs(url.query)["prefix"][0]),
            }
            try:
                code, answer = 200, actions[url.path]()
            except Exception as error:
                code, answer = 500, {"error": repr(error)}
            body = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def _control_server(control: Control) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(control))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _certificate(folder: Path) -> tuple[Path, Path] | None:
    """Returns key and certificate of `localhost`, made now; None where there is no openssl."""
    if shutil.which("openssl") is None:
        return None
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    command = ["openssl", "req", "-x509", *curve, *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return key, certificate


@contextmanager
def client_lab(folder: Path) -> Iterator[dict[str, str]]:
    """Starts everything below a folder; yields the environment that tells a client of it."""
    data_dir = folder / "lab"
    build_small_release(data_dir / "releases", version="r2", parent="r1", activate=False)
    build_small_release(data_dir / "releases", version="r1")
    with ExitStack() as stack:
        # These tests are about what clients do, on machines of any speed; events stay where they are counted.
        collector = stack.enter_context(otlp_receiver())
        settings = {
            "BUDGET__DEADLINE_MS": 10_000,
            "STORE__COMPACT_INTERVAL_S": 86_400,
            # Traces that callers sample, and no others.
            "TELEMETRY__TRACES_URL": collector.url,
            "TELEMETRY__TRACES_HEAD_RATIO": 0,
        }
        server = stack.enter_context(running_server(data_dir, workers=2, **settings))
        environment = {
            "SHORTLIST_ADDRESS": server.address,
            "SHORTLIST_ADMIN_ADDRESS": server.admin_address,
            "SHORTLIST_SCRIPTED_ADDRESS": stack.enter_context(scripted_server()),
            "SHORTLIST_CONTROL": stack.enter_context(_control_server(Control(server))),
        }
        if pair := _certificate(folder):
            key, certificate = pair
            credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
            environment["SHORTLIST_TLS_ADDRESS"] = stack.enter_context(scripted_server(credentials))
            environment["SHORTLIST_TLS_ROOTS"] = str(certificate)
        yield environment


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made, client_lab(Path(made)) as variables:
        sys.exit(subprocess.run(sys.argv[1:] or ["env"], env={**os.environ, **variables}).returncode)
