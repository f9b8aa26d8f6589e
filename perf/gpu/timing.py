"""What one measurement gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Timing:
    """count inferences in seconds, each one's time, and the scores of the last, float32[users, candidates]."""

    count: int
    seconds: float
    times_ms: list[float]
    scores: np.ndarray
