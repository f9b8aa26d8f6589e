"""How many calls a worker takes at once, found from how long they take.

After Gradient2 of Netflix's concurrency-limits (github.com/Netflix/concurrency-limits, Gradient2Limit.java): the limit
follows the ratio of the usual latency to the present one. Two things are different, because this server has a promise
in milliseconds. A latency below ``latency_low_ms`` is good however much worse than usual it is, and one above
``latency_high_ms`` is bad however usual it has become; Gradient2 alone cuts a server that answers in 5 ms instead of 1,
and learns to find 200 ms usual.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_GRADIENT_MIN = 0.5
_DRIFTED_RATIO = 2.0
_DRIFT_BACK = 0.95
_LEARNING_WINDOWS = 100


@dataclass(frozen=True, slots=True)
class GradientValues:
    """What the limit is held to.

    limit_min, limit_max: bounds. limit_initial: where it starts, and where it comes back to by itself.
    latency_low_ms, latency_high_ms: below the one nothing is cut, above the other the limit is.
    tolerance: how much longer than usual a call may take. headroom: calls above those that the gradient allows.
    smoothing: weight of a new limit. usual_windows: windows that the usual latency looks back on.
    """

    limit_min: int = 8
    limit_initial: int = 32
    limit_max: int = 64
    latency_low_ms: float = 20.0
    latency_high_ms: float = 50.0
    tolerance: float = 1.5
    headroom: float = 4.0
    smoothing: float = 0.3
    usual_windows: int = 6_000

    def __post_init__(self) -> None:
        if not 1 <= self.limit_min <= self.limit_initial <= self.limit_max:
            raise ValueError(f"limits must rise: {self.limit_min}, {self.limit_initial}, {self.limit_max}")


@dataclass(slots=True)
class GradientLimit:
    """The limit after the windows seen so far. One thread at a time updates it.

    A window is a stretch of time with its calls' mean latency and the most that were in flight in it.
    """

    values: GradientValues
    _limit: float = field(init=False)
    _usual_ms: float = field(init=False, default=0.0)
    _windows: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._limit = float(self.values.limit_initial)

    @property
    def limit(self) -> int:
        """The number of calls to take at once."""
        return int(self._limit)

    def update(self, latency_ms: float, in_flight: int) -> None:
        """Takes a window's mean latency, above 0, and the most calls that were in flight at once."""
        values = self.values
        usual_ms = self._learn_usual(latency_ms)
        if in_flight * 2 < self._limit:
            # Nothing presses on the limit, so its size is not tested: it may come back, and no further.
            if latency_ms <= values.latency_low_ms and self._limit < values.limit_initial:
                self._limit = min(self._limit + values.smoothing * values.headroom, values.limit_initial)
            return
        gradient = max(values.tolerance * usual_ms, values.latency_low_ms) / latency_ms
        gradient = min(gradient, values.latency_high_ms / latency_ms, 1.0)
        wanted = self._limit * max(gradient, _GRADIENT_MIN) + values.headroom
        smoothed = self._limit + values.smoothing * (wanted - self._limit)
        self._limit = min(max(smoothed, values.limit_min), values.limit_max)

    def _learn_usual(self, latency_ms: float) -> float:
        """Returns the usual latency with this window in it.

        The mean of all windows at first, an exponential one later; it forgets a time that was slow the faster.
        """
        self._windows += 1
        learning = self._windows <= _LEARNING_WINDOWS
        weight = 1 / self._windows if learning else 2 / (self.values.usual_windows + 1)
        self._usual_ms += weight * (latency_ms - self._usual_ms)
        if self._usual_ms > _DRIFTED_RATIO * latency_ms:
            self._usual_ms *= _DRIFT_BACK
        return self._usual_ms
