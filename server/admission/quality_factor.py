"""How much work a request may be, found from how long requests take: quality shrinks before latency grows.

Twitter's LinearLatencyQualityFactor (github.com/twitter/the-algorithm, product-mixer): up by a step for a call that was
in time, down by step * percentile / (100 - percentile) for one that was late, so that it stands still exactly where
that percentile of calls is in time.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class QualityValues:
    """target_ms: the latency that percentile of calls should keep. floor: the factor never falls below it.

    warm_up_calls: the first calls of a worker, which read pages in, count for nothing.
    """

    enabled: bool = True
    target_ms: float = 50.0
    percentile: float = 99.0
    step: float = 0.00125
    floor: float = 0.3
    warm_up_calls: int = 100


@dataclass(slots=True)
class QualityFactor:
    """The factor, from values.floor to 1. One thread at a time observes."""

    values: QualityValues
    factor: float = 1.0
    _calls: int = field(init=False, default=0)

    def observe(self, latency_ms: float) -> None:
        """Takes note of how long a call took."""
        values = self.values
        if not values.enabled:
            return
        if self._calls < values.warm_up_calls:
            self._calls += 1
        elif latency_ms <= values.target_ms:
            self.factor = min(1.0, self.factor + values.step)
        else:
            late_step = values.step * values.percentile / (100 - values.percentile)
            self.factor = max(values.floor, self.factor - late_step)
