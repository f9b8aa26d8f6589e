"""One request as the product's stages share it: the caller's values, and what hydrators add to them.

Each hydrated field is owned by one hydrator (its `produces`) and is None or empty until that has run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from server.features.encoding import ContextFeatures
from server.features.event_types import DeviceType, EventType, PageType
from server.features.user_record import UserRecord
from server.pipeline.degradation import DegradedReason
from server.pipeline.query import Query, StageRecord

if TYPE_CHECKING:
    from ext import HistorySummary
    from server.releases.mapped_release import MappedRelease

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]

QUALITY_RECORD = "QualityFactor"
"""Name of the record that says how far the number of candidates was cut; there is none where it was not."""

NO_ROWS: Rows = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class ScenarioValues:
    """Re-ranking and filtering of one scenario; a settings section ``scenarios.<name>``.

    context_boost: on a page with context items, a candidate's priority is multiplied by
    1 + context_boost * its score among the context items' neighbours. repeat_boost: where exclude_bought is off,
    what a score as something to buy again (1 = bought on one day, lately) adds to the logit of the ranker's.
    exploration_share: of the places that chance may fill. exploration_age_days: with items younger than that only; 0 =
    of any age.
    """

    page_type: str = "HOME"
    mmr_weight: float = 0.3
    category_cap: int = 5
    promotion_boost: float = 1.5
    new_item_boost: float = 1.2
    new_item_age_days: float = 7.0
    exclude_bought: bool = True
    exclude_context_items: bool = True
    context_boost: float = 1.0
    repeat_boost: float = 2.0
    exploration_share: float = 0.0
    exploration_age_days: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionColumns:
    """The events that the request carries, in the caller's order."""

    item_keys: NDArray[np.uint64]
    times_s: NDArray[np.int64]
    types: NDArray[np.uint8]


NO_SESSION = SessionColumns(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.uint8))


@dataclass(frozen=True, slots=True)
class LocalContext:
    """Device and local time, as the caller gives them. None = unknown: the server's UTC is taken."""

    device_type: DeviceType = DeviceType.UNSPECIFIED
    local_hour: int | None = None
    local_weekday: int | None = None


@dataclass(frozen=True, slots=True)
class RequestItems:
    """The ids of a request, as this release numbers them.

    context_rows, caller_rows: in the caller's order, each once. excluded_rows, category_codes: sorted, unique.
    missing_item_ids: context and caller's ids that the release does not know, in the caller's order.
    """

    context_rows: Rows = field(default_factory=lambda: NO_ROWS)
    caller_rows: Rows = field(default_factory=lambda: NO_ROWS)
    excluded_rows: Rows = field(default_factory=lambda: NO_ROWS)
    category_codes: NDArray[np.int32] = field(default_factory=lambda: NO_ROWS)
    missing_item_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class History:
    """What the user did, oldest first, with the request's own events and context items at the end.

    rows, times_s, types: one an event; row -1 = unknown to this release.
    item_rows, item_weights: the known items, sorted by row, with their summed and decayed event weights.
    bought_rows, hidden_rows: sorted, unique. returning: whether any event is the user's own.
    """

    rows: Rows
    times_s: NDArray[np.int64]
    types: NDArray[np.uint8]
    item_rows: Rows
    item_weights: Floats
    bought_rows: Rows
    hidden_rows: Rows
    returning: bool


@dataclass(frozen=True, slots=True)
class Exploration:
    """A list in which chance had a part. propensities: float32, the probability of each of rows at its place."""

    rows: Rows
    propensities: Floats


@dataclass(frozen=True, slots=True)
class UserState:
    """The user's features as of the request. tower_input: float32[1, USER_WIDTH]."""

    summary: HistorySummary
    tower_input: Floats


@dataclass(slots=True, kw_only=True)
class RecommendQuery(Query):
    """One request for a list.

    now_s: the request's second; what happened up to its end counts. user_key: the record's storage key,
    empty where the caller names no one. own_history: whether the user's own events count, or the context's only.
    unwanted_rows: sorted, what filters will drop for what the user and the caller said. user_vector:
    float32[VECTOR_DIMS]; None for a user of whom nothing is known. quality: share of the candidates to look at.
    recommendation_id: the reply's; chance is drawn from it.
    """

    release: MappedRelease
    now_s: int
    user_key: str
    scenario_name: str
    scenario: ScenarioValues
    page_type: PageType
    session: SessionColumns = NO_SESSION
    context_item_ids: Sequence[str] = ()
    excluded_item_ids: Sequence[str] = ()
    category_ids: Sequence[str] = ()
    caller_item_ids: Sequence[str] = ()
    local: LocalContext = LocalContext()
    own_history: bool = True
    explain: bool = False
    quality: float = 1.0
    recommendation_id: str = ""

    items: RequestItems | None = None
    record: UserRecord | None = None
    history: History | None = None
    unwanted_rows: Rows = field(default_factory=lambda: NO_ROWS)
    context: ContextFeatures | None = None
    user: UserState | None = None
    user_vector: Floats | None = None
    exploration: Exploration | None = None

    def note_saving(self, candidates_max: int, degraded_below: float) -> None:
        """Records how far the number of candidates is cut, and marks the answer where few of them are left."""
        now_s = self.budget.clock()
        left = round(candidates_max * self.quality)
        self.records.append(StageRecord(QUALITY_RECORD, "admission", now_s, now_s, candidates_max, left))
        if self.quality < degraded_below:
            self.degrade(DegradedReason.OVERLOAD)

    @property
    def personal(self) -> bool:
        """Whether anything is known of the user's taste, be it only the item that is looked at."""
        return self.history is not None and len(self.history.item_rows) > 0

    @property
    def restricted(self) -> bool:
        """Whether the caller wants items of some categories only."""
        return len(self.category_ids) > 0

    @property
    def category_codes(self) -> NDArray[np.int32]:
        """The wanted categories that the release knows, sorted."""
        return NO_ROWS if self.items is None else self.items.category_codes

    @property
    def context_rows(self) -> Rows:
        """The known context items, in the caller's order."""
        return NO_ROWS if self.items is None else self.items.context_rows

    @property
    def context_event_type(self) -> EventType:
        """What looking at the page with its context items amounts to."""
        return EventType.ADD_TO_CART if self.page_type is PageType.CART else EventType.VIEW
