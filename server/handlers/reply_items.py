"""The items of a reply as columns: what the wire and the log need, and an item as an object for who asks for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

import numpy as np
from numpy.typing import NDArray

from server.handlers.messages import Reason, ReasonKind, RecommendedItem, SourceKind


@dataclass(frozen=True, slots=True, eq=False)
class ReplyItems(Sequence[RecommendedItem]):
    """n items, best first; position i is item i.

    scores: float32[n]. source_bits: uint32[n], bit SourceKind set for each source that proposed the item.
    reason_kinds: uint8[n], ReasonKind, 0 = no reason. related_item_ids, category_ids: of the reasons, "" = none.
    source_scores, features: by name for each item, only in an explained reply.
    """

    item_ids: list[str]
    scores: NDArray[np.float32]
    source_bits: NDArray[np.uint32]
    reason_kinds: NDArray[np.uint8]
    related_item_ids: list[str]
    category_ids: list[str]
    source_scores: Sequence[Mapping[str, float]] = ()
    features: Sequence[Mapping[str, float]] = ()

    @property
    def explained(self) -> bool:
        """Returns whether any item says more of itself than why it is there."""
        return any(self.source_scores) or any(self.features)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self.item_ids)

    @overload
    def __getitem__(self, index: int) -> RecommendedItem: ...

    @overload
    def __getitem__(self, index: slice) -> list[RecommendedItem]: ...

    def __getitem__(self, index: int | slice) -> RecommendedItem | list[RecommendedItem]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        kind = int(self.reason_kinds[at])
        reason = Reason(ReasonKind(kind), self.related_item_ids[at], self.category_ids[at]) if kind else None
        return RecommendedItem(
            self.item_ids[at],
            float(self.scores[at]),
            at,
            sources_of(int(self.source_bits[at])),
            reason,
            self.source_scores[at] if at < len(self.source_scores) else {},
            self.features[at] if at < len(self.features) else {},
        )


def columns_of(items: Sequence[RecommendedItem]) -> ReplyItems:
    """Returns items as columns."""
    if isinstance(items, ReplyItems):
        return items
    reasons = [item.reason for item in items]
    return ReplyItems(
        [item.item_id for item in items],
        np.array([item.score for item in items], np.float32),
        np.array([sum(1 << source for source in item.sources) for item in items], np.uint32),
        np.array([reason.kind if reason else 0 for reason in reasons], np.uint8),
        [reason.related_item_id if reason else "" for reason in reasons],
        [reason.category_id if reason else "" for reason in reasons],
        [item.source_scores for item in items],
        [item.features for item in items],
    )


@lru_cache(maxsize=1024)
def sources_of(bits: int) -> tuple[SourceKind, ...]:
    """Returns the sources whose bits are set, in the order of their numbers."""
    return tuple(kind for kind in SourceKind if bits >> kind & 1)
