"""The settings section `neighbours` as the knobs of the offline side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.settings import Settings

if TYPE_CHECKING:
    from offline.candidates.neighbour_choice import NeighbourSearch
    from offline.candidates.neighbours import NeighbourOptions


def neighbour_knobs(settings: Settings) -> tuple[NeighbourOptions, NeighbourSearch]:
    """Returns the options to start from and what may be chosen."""
    from offline.candidates.ease import EaseOptions
    from offline.candidates.neighbour_choice import NeighbourSearch
    from offline.candidates.neighbours import NeighbourMethod, NeighbourOptions

    section = settings.neighbours
    methods = tuple(NeighbourMethod) if section.method == "auto" else (NeighbourMethod(section.method),)
    options = NeighbourOptions(ease=EaseOptions(items_max=section.ease_items_max))
    return options, NeighbourSearch(methods=methods)
