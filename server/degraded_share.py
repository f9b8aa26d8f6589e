"""Whether a worker's answers are mostly degraded now."""

from __future__ import annotations

from collections.abc import Callable

_WEIGHT = 0.05
_ABOVE, _BELOW = 0.5, 0.2


class DegradedShare:
    """A running mean over some twenty answers; says when most of them become degraded, and when few are again.

    on_change: called with True when most are, with False when few are. Threads may race on the mean, which then
    misses an answer; it is a sign, not a count.
    """

    def __init__(self, on_change: Callable[[bool], None]) -> None:
        self._on_change = on_change
        self._share = 0.0
        self._degraded = False

    def observe(self, degraded: bool) -> None:
        """Takes note of an answer."""
        share = self._share = self._share + _WEIGHT * (degraded - self._share)
        if share > _ABOVE if not self._degraded else share < _BELOW:
            self._degraded = not self._degraded
            self._on_change(self._degraded)
