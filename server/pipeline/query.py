"""What the framework keeps of one request. A product's query extends it with the state that its stages share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.pipeline.budget import RequestBudget
from server.pipeline.degradation import DegradedReason
from server.pipeline.remembered import Remembered


class StageRecord(NamedTuple):
    """What one stage of one request did, stamped as it ran; spans and reports are built from it afterwards.

    Times are values of the budget's clock. error: what a stage that was dropped or failed raised.
    """

    stage: str
    kind: str
    started_s: float
    ended_s: float
    candidates_in: int
    candidates_out: int
    error: Exception | None = None
    late: bool = False


class Retrieved(NamedTuple):
    """One source's list, best first.

    because: the row that explains each entry, such as the item of the history that led to it; -1 = none.
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    because: NDArray[np.int32] | None = None


NOTHING_RETRIEVED = Retrieved(np.empty(0, np.int32), np.empty(0, np.float32))


@dataclass(slots=True, kw_only=True)
class Query:
    """One request on its way through the stages. Belongs to one thread.

    degraded: reasons in the order in which they arose, each once.
    retrieved: the sources' lists, by the sources' order in the pipeline. scored_by: name of the scorer whose
    scores stand; empty where the blend orders the candidates. fallback_from: the number of records when the fallback
    began; -1 where there was none. remembered: where the ranking of requests like this one is kept; None = nowhere.
    is_recalled: whether the candidates and their scores come from there.
    """

    num_items: int
    budget: RequestBudget
    degraded: list[DegradedReason] = field(default_factory=list)
    records: list[StageRecord] = field(default_factory=list)
    retrieved: list[Retrieved] = field(default_factory=list)
    scored_by: str = ""
    fallback_from: int = -1
    remembered: Remembered | None = None
    is_recalled: bool = False

    def degrade(self, reason: DegradedReason) -> None:
        """Marks the answer as degraded."""
        if reason not in self.degraded:
            self.degraded.append(reason)
