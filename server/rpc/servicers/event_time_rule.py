"""How late a time in a request may be."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventTimeRule:
    """Times may lie up to tolerance_s after the server's clock, as clients' clocks differ."""

    tolerance_s: float
    now_s: Callable[[], float] = time.time

    def latest_s(self) -> float:
        """Returns the latest time that is taken now, in epoch seconds."""
        return self.now_s() + self.tolerance_s
