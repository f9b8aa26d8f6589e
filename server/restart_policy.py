"""When a worker that ended is started again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class RestartPolicy:
    """When a worker that ended is started again: at once, then after 1 s, doubling to 30 s.

    A worker that lived for settled_after_s counts as settled: its end starts the series anew.
    """

    settled_after_s: float
    delay_first_s: float = 1.0
    delay_max_s: float = 30.0
    _next_delay_s: float = 0.0

    def delay_after(self, lived_s: float) -> float:
        """Returns how long to wait before the next start, given how long the last worker lived."""
        if lived_s >= self.settled_after_s:
            self._next_delay_s = 0.0
        delay = self._next_delay_s
        self._next_delay_s = min(max(delay * 2, self.delay_first_s), self.delay_max_s)
        return delay
