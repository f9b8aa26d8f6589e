"""The time that a request may take, and how it is shared out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate

Clock = Callable[[], float]


class StageGroup(IntEnum):
    """The groups of stages that share a part of the time, in their order."""

    HYDRATION = 0
    RETRIEVAL = 1
    SCORING = 2
    RERANKING = 3


@dataclass(frozen=True, slots=True)
class BudgetValues:
    """Milliseconds for each part of a request; the settings section ``budget``.

    group_shares: which share of a request's working time is used up when each group must have ended.
    """

    deadline_ms: float
    admission_ms: float
    user_record_ms: float
    retrieval_ms: float
    scoring_ms: float
    rerank_ms: float
    encode_ms: float
    reserve_ms: float
    group_shares: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        ends_ms = list(accumulate((self.user_record_ms, self.retrieval_ms, self.scoring_ms, self.rerank_ms)))
        object.__setattr__(self, "group_shares", tuple(end_ms / ends_ms[-1] for end_ms in ends_ms))

    @property
    def longest_path_ms(self) -> float:
        """The time of a request each of whose parts uses all that it may."""
        return (
            self.admission_ms
            + self.user_record_ms
            + self.retrieval_ms
            + self.scoring_ms
            + self.rerank_ms
            + self.encode_ms
            + self.reserve_ms
        )


class RequestBudget:
    """One request's time: when its work must end, and when the group of stages that runs now must.

    clock: monotonic seconds. deadline_s: value of that clock at which the caller stops waiting. The reserve
    is kept for what follows the stages: the reply's way out, and the essential stages of a late request.
    """

    __slots__ = ("clock", "group_ends_s", "started_s", "values", "work_ends_s")

    def __init__(self, values: BudgetValues, deadline_s: float, clock: Clock) -> None:
        self.values = values
        self.clock = clock
        self.started_s = clock()
        own_deadline_s = self.started_s + values.deadline_ms / 1e3
        self.work_ends_s = min(own_deadline_s, deadline_s) - values.reserve_ms / 1e3
        self.group_ends_s = self.work_ends_s

    def begin_group(self, group: StageGroup) -> None:
        """Sets when the stages that follow must have ended: at their group's share of the request's time.

        Shares add up, so a group has what those before it left over, and a request with little time shares
        out that little.
        """
        available_s = self.work_ends_s - self.started_s
        self.group_ends_s = self.started_s + available_s * self.values.group_shares[group]

    def lift(self) -> None:
        """Lets no stage be late any more: for the fallback, which works in the reserve and is quick."""
        self.group_ends_s = self.work_ends_s = float("inf")

    def is_used_up(self) -> bool:
        """Returns whether no time is left for work."""
        return self.clock() >= self.work_ends_s

    def elapsed_ms(self) -> float:
        """Returns the time since the request's start."""
        return (self.clock() - self.started_s) * 1e3
