"""Settings of the offline side: how a release is made. Documented and read as those in settings.py."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from server.front_settings import Section


class NeighbourSettings(Section):
    """How `build`, `train` and `evaluate` make the table of neighbours. See evaluation.md."""

    method: Literal["auto", "cosine", "ease", "mix"] = "auto"
    """Co-occurrence, closed-form weights (EASE) or both; auto = what ranks best on a held-out part of the events."""
    ease_items_max: int = Field(20_000, ge=1, le=60_000)
    """With more items that have events, neighbours are by co-occurrence alone; EASE needs 4 bytes times its square."""
