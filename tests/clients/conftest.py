"""What the clients are tested against, once a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from shortlist import Client

from tests.support.client_lab import client_lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that tells a client of the servers; see tests/support/client_lab.py."""
    with client_lab(tmp_path_factory.mktemp("clients")) as environment:
        yield environment


@pytest.fixture
def client(lab: dict[str, str]) -> Iterator[Client]:
    with Client(lab["SHORTLIST_ADDRESS"]) as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which clients were left out because their toolchain is not here."""
    for report in terminalreporter.getreports("skipped"):
        if "test_other_languages" in report.nodeid and isinstance(report.longrepr, tuple):
            terminalreporter.write_line(str(report.longrepr[2]))
