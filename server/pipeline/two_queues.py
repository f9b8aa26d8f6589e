"""A bounded memory of what was asked for, in which those who come once do not push out those who come often."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

_NEW_SHARE = 0.1


class TwoQueues(Generic[KeyT, ValueT]):
    """The algorithm 2Q (Johnson & Shasha 1994): a key that is new stands in a short queue, and comes among those that are
    kept by their last use when it is asked for again, be it soon after it was dropped. Of drops only the keys are kept, as
    many as values_max. With users drawn from Zipf(1.0) a fifth more are found than by their last use alone
    (docs/performance.md).

    values_max: values held. Not for several threads at once.
    """

    def __init__(self, values_max: int) -> None:
        self._values_max = values_max
        self._new_max = max(1, int(values_max * _NEW_SHARE))
        self._new: OrderedDict[KeyT, ValueT] = OrderedDict()
        self._often: OrderedDict[KeyT, ValueT] = OrderedDict()
        self._dropped: OrderedDict[KeyT, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._new) + len(self._often)

    def get(self, key: KeyT) -> ValueT | None:
        """Returns the value and notes that it was asked for; None where there is none."""
        value = self._often.get(key)
        if value is not None:
            self._often.move_to_end(key)
            return value
        value = self._new.pop(key, None)
        if value is not None:
            self._often[key] = value
        return value

    def put(self, key: KeyT, value: ValueT) -> None:
        """Holds a value in place of the key's last one."""
        if self._values_max < 1:
            return
        if key in self._often or key in self._dropped:
            self._dropped.pop(key, None)
            self._often[key] = value
            self._often.move_to_end(key)
        else:
            self._new[key] = value
        self._make_room()

    def _make_room(self) -> None:
        """Drops the value that is worth the least: the oldest new one, or the one that was not asked for the longest."""
        while len(self) > self._values_max:
            queue = self._new if len(self._new) > self._new_max or not self._often else self._often
            key, _ = queue.popitem(last=False)
            self._dropped[key] = None
            if len(self._dropped) > self._values_max:
                self._dropped.popitem(last=False)
