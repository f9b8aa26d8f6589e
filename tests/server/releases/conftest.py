"""What the tests of releases share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the wait for the disk: a release is some fifty files, and what is tested is which calls are made."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
