"""Work arrays of the kernels: as long as the row space, so made once a thread and not once a request."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Scratch:
    """Arrays of `capacity` rows. Kernels leave them as they found them: scores zero, positions -1."""

    capacity: int
    scores: NDArray[np.float32] = field(init=False)
    because: NDArray[np.int32] = field(init=False)
    positions: NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        self.scores = np.zeros(self.capacity, np.float32)
        self.because = np.empty(self.capacity, np.int32)
        self.positions = np.full(self.capacity, -1, np.int32)


_OF_THREAD = threading.local()


def thread_scratch(capacity: int) -> Scratch:
    """Returns this thread's arrays; makes them anew when the row space has changed with a release."""
    scratch: Scratch | None = getattr(_OF_THREAD, "scratch", None)
    if scratch is None or scratch.capacity != capacity:
        scratch = _OF_THREAD.scratch = Scratch(capacity)
    return scratch


def discard_thread_scratch() -> None:
    """Drops this thread's arrays: after a kernel has failed half-way, they may not be clean."""
    _OF_THREAD.scratch = None
