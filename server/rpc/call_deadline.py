"""Until when the call at hand must be answered. Set by the deadline interceptor, read by the servicers."""

from __future__ import annotations

import math
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallDeadline:
    """deadline_s: time.monotonic() value at which the caller stops waiting.

    imposed_s: seconds of the server's own budget, where the caller gave no deadline; otherwise 0.
    """

    deadline_s: float = math.inf
    imposed_s: float = 0.0

    def of_batch_element(self, index: int) -> float:
        """Returns the deadline of the index-th of several requests that are answered one after the other.

        The caller's own deadline holds for all of them; the server's budget is one request's, so each has its own.
        """
        return self.deadline_s + index * self.imposed_s


_NONE = CallDeadline()

# gRPC runs each call in a contextvars.Context of its own, so a value never reaches another call.
_CURRENT: ContextVar[CallDeadline] = ContextVar("shortlist_call_deadline", default=_NONE)


def set_call_deadline(deadline: CallDeadline) -> None:
    """Sets the deadline of the call that runs in this context."""
    _CURRENT.set(deadline)


def call_deadline() -> CallDeadline:
    """Returns the deadline of the call that runs in this context; without one, infinity."""
    return _CURRENT.get()
