"""One call to another server, stamped while its request runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class RemoteCall:
    """name: the span's, by the semantic conventions of what is called. attributes: no keys, ids or statements.

    started_ns, ended_ns: time.monotonic_ns(); ended_ns is 0 until the end. headers: W3C trace context to send along,
    empty outside of a call. error: empty, or a short constant such as `timeout`.
    """

    name: str
    attributes: Mapping[str, str | int | float | bool]
    span_id: int
    headers: Mapping[str, str]
    started_ns: int
    ended_ns: int = 0
    error: str = ""

    def end(self, error: str = "") -> None:
        """Stamps the end."""
        self.ended_ns = time.monotonic_ns()
        self.error = error
