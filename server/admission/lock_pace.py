"""How long a thread may compute while another waits for the interpreter's lock: less while calls are refused."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

HURRIED_S = 0.00005
HOLD_S = 1.0


class LockPace:
    """Hands the interpreter's lock around faster while the server is full.

    The one thread that receives calls needs the lock several times a call and waits each time until those that
    compute have had theirs. Above what it can receive at that pace calls wait in gRPC's core, where nobody refuses
    them: at twice the load a refusal took .4 s. Handing it around ten times as often costs a tenth of the throughput,
    so it is done from the first refusal until a while after the last.

    hurried_s: the interpreter's switch interval meanwhile; else it is what it was when this was made. Called by that
    thread only.
    """

    def __init__(
        self,
        hurried_s: float = HURRIED_S,
        hold_s: float = HOLD_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calm_s = sys.getswitchinterval()
        self._hurried_s = min(hurried_s, self._calm_s)
        self._hold_s = hold_s
        self._monotonic_s = monotonic_s
        self._until_s: float | None = None

    def refused(self) -> None:
        """A call was refused."""
        if self._until_s is None:
            sys.setswitchinterval(self._hurried_s)
        self._until_s = self._monotonic_s() + self._hold_s

    def taken(self) -> None:
        """A call was taken."""
        if self._until_s is not None and self._monotonic_s() >= self._until_s:
            self._until_s = None
            sys.setswitchinterval(self._calm_s)
