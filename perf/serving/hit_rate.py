"""How often a user is remembered, as the draws and the memory's size have it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence


def expected_hit_rate(users: Sequence[object], capacity: int, warm: int) -> float:
    """Returns the share of the draws after the first warm that find their user among the capacity last used ones.

    What ends earlier, by age or because the user's record changed, is not counted: it is an upper bound.
    """
    remembered: OrderedDict[object, None] = OrderedDict()
    hits = 0
    for number, user in enumerate(users):
        if user in remembered:
            hits += number >= warm
            remembered.move_to_end(user)
        elif capacity:
            remembered[user] = None
            if len(remembered) > capacity:
                remembered.popitem(last=False)
    return hits / max(len(users) - warm, 1)
