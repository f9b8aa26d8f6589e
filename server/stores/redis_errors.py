"""From what Redis says, or does not say, to StoreUnavailable; and the log's lines about it, at most one a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import hiredis

from server.errors import StoreUnavailable

log = logging.getLogger(__name__)

_RETRY_SOON_MS, _RETRY_LATER_MS = 200, 1_000

# First word of an error -> reason, milliseconds until a retry makes sense, and whether the server can serve nobody now.
_KINDS: dict[str, tuple[str, int, bool]] = {
    "OOM": ("STORE_FULL", _RETRY_LATER_MS, False),
    "READONLY": ("STORE_READ_ONLY", _RETRY_LATER_MS, False),
    "NOREPLICAS": ("STORE_READ_ONLY", _RETRY_LATER_MS, False),
    "MISCONF": ("STORE_READ_ONLY", _RETRY_LATER_MS, False),
    "LOADING": ("STORE_LOADING", _RETRY_LATER_MS, True),
    "MASTERDOWN": ("STORE_UNAVAILABLE", _RETRY_LATER_MS, True),
    "CLUSTERDOWN": ("STORE_UNAVAILABLE", _RETRY_LATER_MS, True),
    "NOAUTH": ("STORE_REFUSES_LOGIN", _RETRY_LATER_MS, True),
    "WRONGPASS": ("STORE_REFUSES_LOGIN", _RETRY_LATER_MS, True),
    "NOPERM": ("STORE_REFUSES_LOGIN", _RETRY_LATER_MS, True),
    "BUSY": ("STORE_UNAVAILABLE", _RETRY_SOON_MS, True),
}


class SlotMoved(StoreUnavailable):
    """A key lives on another node of the cluster by now. Nothing was done."""


def error_kind(error: hiredis.ReplyError) -> str:
    """Returns the first word of an error reply, such as OOM."""
    return str(error).split(" ", 1)[0]


def serves_nobody(error: hiredis.ReplyError) -> bool:
    """Returns whether every command would be answered so, as while the server loads its data."""
    return _KINDS.get(error_kind(error), ("", 0, False))[2]


def as_unavailable(error: hiredis.ReplyError) -> StoreUnavailable:
    """Returns the domain's error for an error reply."""
    kind = error_kind(error)
    if kind in ("MOVED", "ASK", "TRYAGAIN"):
        return SlotMoved(f"Redis: {kind}", retry_after_ms=_RETRY_SOON_MS)
    reason, retry_ms, _ = _KINDS.get(kind, ("STORE_UNAVAILABLE", _RETRY_LATER_MS, False))
    # Not the whole text: it may quote keys, which hold ids.
    return StoreUnavailable(f"Redis refused: {kind}", reason=reason, retry_after_ms=retry_ms)


class ProblemLog:
    """Warnings about one store, at most one an interval; the next line says how many were left out."""

    def __init__(self, interval_s: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._lock = threading.Lock()
        self._next_s = 0.0
        self._left_out = 0

    def tell(self, subject: object, text: str) -> None:
        """Logs a line, or counts it."""
        with self._lock:
            now_s = self._clock()
            if now_s < self._next_s:
                self._left_out += 1
                return
            left_out, self._left_out = self._left_out, 0
            self._next_s = now_s + self._interval_s
        suffix = f" ({left_out} lines left out)" if left_out else ""
        log.warning("redis %s: %s%s", subject, text, suffix)
