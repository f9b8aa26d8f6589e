"""Waiting for something that another process or thread does."""

from __future__ import annotations

import threading
from collections.abc import Callable

_POLLS = 1_500
_POLL_S = 0.02


def wait_until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds; fails the test where it never does."""
    pause = threading.Event()
    for _ in range(_POLLS):
        if condition():
            return
        pause.wait(_POLL_S)
    raise AssertionError("the condition never held")
