"""How often a user is remembered, as the draws and the memory have it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from server.pipeline.two_queues import TwoQueues


def expected_hit_rate(users: Sequence[Hashable], capacity: int, warm: int) -> float:
    """Returns the share of the draws after the first warm whose user a server's memory of that capacity holds.

    What ends earlier, by age or because the user's record changed, is not counted: it is an upper bound.
    """
    remembered = TwoQueues[Hashable, bool](capacity)
    hits = 0
    for number, user in enumerate(users):
        if remembered.get(user):
            hits += number >= warm
        else:
            remembered.put(user, True)
    return hits / max(len(users) - warm, 1)
