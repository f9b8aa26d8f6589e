"""What it means for an answer to be less than the best: the reasons, and each stage's policy when it fails."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class DegradedReason(IntEnum):
    """Why an answer is less than the best that the server can give."""

    FEATURES_STALE = 1
    FEATURES_MISSING = 2
    SOURCE_FAILED = 3
    SCORER_UNAVAILABLE = 4
    DEADLINE = 5
    OVERLOAD = 6
    INTERNAL = 7


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """What the framework does when a stage raises, or when its turn comes after its time is used up.

    fail_open: the reason that marks an answer given without the stage. None = essential: the stage runs
    however late it is, and its failure ends the pipeline with StageFailed.
    A ContractBroken is a programmer's error and passes through under any policy.
    """

    fail_open: DegradedReason | None

    @property
    def essential(self) -> bool:
        """Whether no answer can be made without the stage."""
        return self.fail_open is None


ESSENTIAL = FailurePolicy(None)


class StageFailed(Exception):
    """An essential stage failed, or the request's time was used up before its first stage."""

    def __init__(self, stage: str, reason: DegradedReason) -> None:
        super().__init__(f"{stage}: {reason.name}")
        self.stage = stage
        self.reason = reason


class UnusableValue(Exception):
    """A stage's values have the right shape and cannot be used, such as scores that are not finite."""
