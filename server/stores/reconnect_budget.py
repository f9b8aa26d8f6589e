"""How often a pool may connect anew: at a steady pace always, and at once while the server goes on answering.

A server that is away, or takes connections and says nothing, gets the steady pace. A network that breaks one answer in
ten costs a connection each time; at any rate of reads the nine others have earned the next one by then.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BudgetValues:
    """per_answer: attempts that one answer earns. saved_max: attempts that are saved up at most, and so the most that a
    server is tried at once after it has stopped answering."""

    per_answer: float = 0.25
    saved_max: int = 8


class ReconnectBudget:
    """Any thread calls answered(), one takes.

    Answers are counted without a lock: two at once may count as one, which costs a quarter of an attempt.
    """

    def __init__(self, values: BudgetValues) -> None:
        self._values = values
        self._answers = 0
        self._answers_seen = 0
        self._saved = 0.0

    def answered(self) -> None:
        """The server answered."""
        self._answers += 1

    def take(self) -> bool:
        """Returns whether an attempt was earned, and takes it; without one the steady pace holds."""
        answers = self._answers
        earned = (answers - self._answers_seen) * self._values.per_answer
        self._answers_seen = answers
        self._saved = min(self._values.saved_max, self._saved + earned)
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
