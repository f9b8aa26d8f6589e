"""One server a data directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import Refused
from server.running_server import RunningServer, announce, find_running_server, sole_server

SERVER = RunningServer(pid=7, host="127.0.0.1", port=50051, admin_host="127.0.0.1", admin_port=50052)


def test_running_server_is_found_while_it_runs_and_not_after(tmp_path: Path) -> None:
    assert find_running_server(tmp_path) is None
    with sole_server(tmp_path) as held:
        assert find_running_server(tmp_path) is None
        announce(held, SERVER)
        assert find_running_server(tmp_path) == SERVER
    assert find_running_server(tmp_path) is None


def test_second_server_on_a_directory_is_refused(tmp_path: Path) -> None:
    with sole_server(tmp_path), pytest.raises(Refused) as caught, sole_server(tmp_path):
        pass
    assert caught.value.reason == "DATA_DIR_IN_USE"


def test_directory_is_free_again_after_its_server(tmp_path: Path) -> None:
    for _ in range(2):
        with sole_server(tmp_path) as held:
            announce(held, SERVER)
