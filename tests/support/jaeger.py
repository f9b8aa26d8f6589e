"""The real Jaeger v2 on free ports, for as long as a test needs it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD_VARIABLE = "SHORTLIST_BUILD_JAEGER"
_POLLS = 300
_POLL_S = 0.1


@dataclass(frozen=True)
class Jaeger:
    """traces_url: for the exporter. query_url: of the query API and UI."""

    traces_url: str
    query_url: str

    def trace(self, trace_id: str) -> dict[str, Any]:
        """Returns a trace as the query API tells it, once it is stored."""
        found = self._get(f"/api/traces/{trace_id}")
        trace: dict[str, Any] = found["data"][0]
        return trace

    def _get(self, path: str) -> Any:
        pause = threading.Event()
        for _ in range(_POLLS):
            try:
                with urllib.request.urlopen(self.query_url + path, timeout=5) as reply:
                    return json.load(reply)
            except (urllib.error.URLError, ConnectionError):
                pause.wait(_POLL_S)
        raise AssertionError(f"Jaeger never answered {path}")


def jaeger_binary() -> Path | None:
    """Returns the binary that tools/install_jaeger.sh has built, building it where BUILD_VARIABLE is 1; or None."""
    options = [] if os.environ.get(BUILD_VARIABLE) == "1" else ["--find"]
    found = subprocess.run(
        [REPOSITORY / "tools" / "install_jaeger.sh", *options], capture_output=True, text=True, check=False
    )
    return Path(found.stdout.strip()) if found.returncode == 0 else None


@contextmanager
def running_jaeger(binary: Path) -> Iterator[Jaeger]:
    """Starts Jaeger with the configuration in deploy/ and waits until its API answers; stops it at the end."""
    otlp, query, query_grpc = _free_ports(3)
    ports = {
        "JAEGER_OTLP_HTTP_PORT": otlp,
        "JAEGER_QUERY_PORT": query,
        "JAEGER_QUERY_GRPC_PORT": query_grpc,
    }
    process = subprocess.Popen(
        [binary, "--config", REPOSITORY / "deploy" / "jaeger.yaml"],
        env={**os.environ, **{name: str(port) for name, port in ports.items()}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    jaeger = Jaeger(f"http://127.0.0.1:{otlp}/v1/traces", f"http://127.0.0.1:{query}")
    try:
        jaeger._get("/api/services")
        yield jaeger
    finally:
        # It keeps everything in memory, and would take ten seconds to end in good order.
        process.kill()
        process.wait(20)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
