"""The kinds of event, page and profile value, with the numbers that records and files hold.

The numbers are written to disk: append, never renumber.
"""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType


class EventType(IntEnum):
    """What a user did with an item."""

    IMPRESSION = 1
    VIEW = 2
    CLICK = 3
    ADD_TO_CART = 4
    PURCHASE = 5
    RATING = 6
    REMOVE_FROM_CART = 7
    LIKE = 8
    HIDE = 9


class PageType(IntEnum):
    """Where a list is shown."""

    UNSPECIFIED = 0
    HOME = 1
    SEARCH = 2
    CATEGORY = 3
    ITEM_DETAIL = 4
    CART = 5
    EMAIL = 6


class DeviceType(IntEnum):
    """What the user holds."""

    UNSPECIFIED = 0
    DESKTOP = 1
    MOBILE = 2
    TABLET = 3
    TV = 4


class Gender(IntEnum):
    """As the profile gives it; 0 where it does not."""

    UNSPECIFIED = 0
    FEMALE = 1
    MALE = 2
    OTHER = 3


# How much one event says about taste. An event type that is absent says nothing positive:
# it enters no history, no preference and no co-occurrence.
EVENT_WEIGHTS = MappingProxyType(
    {
        EventType.VIEW: 1.0,
        EventType.CLICK: 1.0,
        EventType.LIKE: 3.0,
        EventType.RATING: 2.0,
        EventType.ADD_TO_CART: 3.0,
        EventType.PURCHASE: 5.0,
    }
)

HISTORY_EVENT_TYPES = frozenset(EVENT_WEIGHTS)
"""Event types that enter a user's history. Impressions, hides and removals do not."""
