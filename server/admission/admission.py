"""Which calls a worker takes: as many as its limit allows, those that someone waits for first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from server.admission.gradient_limit import GradientLimit, GradientValues
from server.admission.priority import Priority
from server.admission.quality_factor import QualityFactor, QualityValues

_WINDOW_CALLS_MIN = 10
_WINDOW_LONGEST = 10  # a window with too few calls ends after so many times its length


@dataclass(frozen=True, slots=True)
class AdmissionValues:
    """The settings section ``admission``.

    adaptive: whether the limit follows the latency; otherwise it is gradient.limit_max.
    prefetch_share: prefetch is taken while fewer calls than this share of the limit are in flight; it takes no room from
    others, who may fill the limit beside it.
    window_ms: how often the limit is set anew.
    """

    gradient: GradientValues = field(default_factory=GradientValues)
    quality: QualityValues = field(default_factory=QualityValues)
    adaptive: bool = True
    prefetch_share: float = 0.5
    window_ms: float = 100.0


@dataclass(slots=True)
class _Window:
    started_s: float
    calls: int = 0
    seconds: float = 0.0
    in_flight_max: int = 0


class Admission:
    """Counts the calls in flight, waiting ones included, and says whether there is room for another.

    One thread asks has_room() and enter()s; any thread leave()s. clock: monotonic seconds.
    ``admitted`` and ``refused`` count calls by priority, for metrics. ``quality`` is how much work a call may be.
    """

    def __init__(self, values: AdmissionValues, clock: Callable[[], float] = time.monotonic) -> None:
        self._values = values
        self._clock = clock
        self._lock = threading.Lock()
        self._gradient = GradientLimit(values.gradient)
        self._window = _Window(clock())
        self.quality = QualityFactor(values.quality)
        self._limit = self._gradient.limit if values.adaptive else values.gradient.limit_max
        self.in_flight = 0
        self._prefetching = 0
        self.admitted = [0] * len(Priority)
        self.refused = [0] * len(Priority)

    @property
    def limit(self) -> int:
        """The number of calls that may be in flight now."""
        return self._limit

    def has_room(self, priority: Priority) -> bool:
        """Returns whether to take another call; counts it as refused where not."""
        if priority is Priority.PREFETCH:
            has_room = self.in_flight < self._limit * self._values.prefetch_share
        else:
            has_room = self.in_flight - self._prefetching < self._limit
        if has_room:
            return True
        self.refused[priority] += 1
        return False

    def enter(self, priority: Priority) -> None:
        """Takes a call."""
        with self._lock:
            self.in_flight += 1
            self._prefetching += priority is Priority.PREFETCH
            self.admitted[priority] += 1
            self._window.in_flight_max = max(self._window.in_flight_max, self.in_flight)

    def leave(self, seconds: float | None, priority: Priority = Priority.INTERACTIVE) -> None:
        """Takes note of a call's end. seconds: from its arrival; None where they say nothing about the server."""
        with self._lock:
            self.in_flight -= 1
            self._prefetching -= priority is Priority.PREFETCH
            if seconds is None:
                return
            self.quality.observe(seconds * 1e3)
            self._window.calls += 1
            self._window.seconds += seconds
            if self._values.adaptive:
                self._close_window()

    def _close_window(self) -> None:
        window, now_s = self._window, self._clock()
        length_s = self._values.window_ms / 1e3
        elapsed_s = now_s - window.started_s
        if elapsed_s < length_s or (
            window.calls < _WINDOW_CALLS_MIN and elapsed_s < length_s * _WINDOW_LONGEST
        ):
            return
        latency_ms = max(window.seconds / window.calls * 1e3, 1e-3)
        self._gradient.update(latency_ms, window.in_flight_max)
        self._limit = self._gradient.limit
        self._window = _Window(now_s, in_flight_max=self.in_flight)
