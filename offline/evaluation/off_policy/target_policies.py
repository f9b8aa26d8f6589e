"""The policies that a log can be asked about: a context for each logged row, and item probabilities by context."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.evaluation.off_policy.logged_choices import LoggedChoices


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """What another policy would have done in place of each logged row.

    contexts: i64[n], a row of probabilities for each logged row. probabilities: f64 (contexts x items), of each item
    at the logged row's position; rows may sum to less than 1 where the policy shows items that the log never did.
    """

    contexts: NDArray[np.int64]
    probabilities: sp.csr_matrix

    def of_logged(self, log: LoggedChoices) -> NDArray[np.float64]:
        """Returns the probability with which the policy would have shown each logged item."""
        return np.asarray(self.probabilities[self.contexts, log.items], np.float64).ravel()

    def expected(self, log: LoggedChoices, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the mean of values f64[items, positions] under the policy, for each logged row's position."""
        by_context = np.asarray(self.probabilities @ values)
        return np.asarray(by_context[self.contexts, log.positions], np.float64)

    def unsupported(self, log: LoggedChoices) -> float:
        """Returns the mean probability of what the log never shows: no estimator can know of it."""
        shown = np.zeros(len(log.item_ids))
        shown[np.unique(log.items)] = 1
        return max(0.0, 1.0 - float(np.mean((self.probabilities @ shown)[self.contexts])))


def uniform_policy(log: LoggedChoices) -> TargetPolicy:
    """Returns the policy that shows each item of the log with the same probability."""
    count = len(log.item_ids)
    return TargetPolicy(np.zeros(len(log), np.int64), sp.csr_matrix(np.full((1, count), 1.0 / count)))


def frequency_policy(log: LoggedChoices, other: LoggedChoices) -> TargetPolicy:
    """Returns the policy that shows items as often, at each position, as another log did.

    That is how a policy that has served is held against a log of random choices. Items that log lacks are left out.
    """
    known = {item_id: index for index, item_id in enumerate(log.item_ids)}
    renumbered = np.array([known.get(item_id, -1) for item_id in other.item_ids], np.int64)[other.items]
    positions = max(log.position_count, other.position_count)
    totals = np.bincount(other.positions, minlength=positions)
    kept = renumbered >= 0
    share = 1.0 / totals[other.positions[kept]]
    counted = sp.csr_matrix(
        (share, (other.positions[kept], renumbered[kept])), shape=(positions, len(log.item_ids))
    )
    return TargetPolicy(log.positions, counted)
