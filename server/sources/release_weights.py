"""The blend's weights as training chose them for a release."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from server.features.fusion import above_none
from server.query import Floats, RecommendQuery


def release_weights(
    given: tuple[float, ...], before: tuple[float, ...], after: tuple[float, ...] = ()
) -> Callable[[RecommendQuery], Floats]:
    """Returns what gives a query its release's weights, or the given ones where none were chosen, among those of the sources
    before and after."""
    made: dict[object, Floats] = {}

    def weights_of(query: RecommendQuery) -> Floats:
        chosen = query.release.model.blend_weights
        found = made.get(chosen)
        if found is None:
            # Threads that meet here make the same.
            made.clear()
            made[chosen] = found = np.array((*before, *above_none(chosen or given), *after), np.float32)
        return found

    return weights_of
