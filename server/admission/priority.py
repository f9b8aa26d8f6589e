"""What a call is for, as its caller says."""

from __future__ import annotations

from enum import IntEnum


class Priority(IntEnum):
    """INTERACTIVE: someone waits for the answer; the default. PREFETCH: it may be wanted later, or in bulk."""

    INTERACTIVE = 0
    PREFETCH = 1


PRIORITY_KEY = "shortlist-priority"
"""The metadata key; its values are the names in lower case."""

PRIORITIES = {priority.name.lower(): priority for priority in Priority}


def priority_of(value: str | bytes) -> Priority:
    """Returns what a metadata value names. What is no name is INTERACTIVE: a typing error must not lose calls."""
    return PRIORITIES.get(value, Priority.INTERACTIVE) if isinstance(value, str) else Priority.INTERACTIVE
