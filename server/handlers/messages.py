"""What handlers take and give: validated, transport-free values. The rpc package converts both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from server.features.event_types import DeviceType, EventType, PageType
from server.pipeline.degradation import DegradedReason as DegradedReason

NUM_ITEMS_DEFAULT = 20
NUM_ITEMS_MAX = 200
RANK_ITEMS_MAX = 500
BATCH_USERS_MAX = 100
EXCLUDED_ITEMS_MAX = 10_000
CONTEXT_ITEMS_MAX = 50
SESSION_EVENTS_MAX = 100
CATEGORIES_MAX = 20
EVENTS_BATCH_MAX = 1_000
ITEMS_BATCH_MAX = 1_000
ID_BYTES_MAX = 128


class ServedBy(IntEnum):
    """What ordered the items of a reply; best first."""

    MODEL_SERVER = 1
    LOCAL_MODEL = 2
    RETRIEVAL_SCORES = 3
    POPULARITY = 4


class SourceKind(IntEnum):
    """What proposed an item. The number is its bit in a candidate's source_bits (1 << number)."""

    COLLABORATIVE = 1
    EMBEDDING = 2
    POPULARITY = 3
    CONTEXT_NEIGHBOURS = 4
    FRESH = 5
    TRENDING = 6
    CALLER = 7  # RankItems: the caller's own list
    REPEAT = 8  # bought before, where the scenario lets bought items in


class ReasonKind(IntEnum):
    """Why an item is in the list, for a person."""

    SIMILAR_TO_HISTORY = 1  # related_item_id: the user's item that weighed most
    SIMILAR_TO_CONTEXT = 2  # related_item_id: the context item
    MATCHES_TASTE = 3
    POPULAR = 4
    POPULAR_IN_CATEGORY = 5
    TRENDING = 6
    NEW = 7
    BUY_AGAIN = 8


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """A recent event that the caller carries in the request. Not stored."""

    item_id: str
    event_type: EventType
    event_time_s: int


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Device and local time. local_hour 0 to 23, local_weekday 0 (Monday) to 6; None = the server's UTC."""

    device_type: DeviceType = DeviceType.UNSPECIFIED
    platform: str = ""
    local_hour: int | None = None
    local_weekday: int | None = None


@dataclass(frozen=True, slots=True)
class RecommendCommand:
    """One list wanted. Validated: lengths, ranges and ids are right; num_items is 1 to NUM_ITEMS_MAX.

    deadline_s: time.monotonic() value at which the caller stops waiting.
    """

    user_id: str = ""
    session_id: str = ""
    session_events: Sequence[SessionEvent] = ()
    page_type: PageType = PageType.HOME
    scenario: str = ""
    context_item_ids: Sequence[str] = ()
    num_items: int = NUM_ITEMS_DEFAULT
    excluded_item_ids: Sequence[str] = ()
    category_ids: Sequence[str] = ()
    context: RequestContext = field(default_factory=RequestContext)
    explain: bool = False
    deadline_s: float = float("inf")


@dataclass(frozen=True, slots=True)
class RankCommand:
    """The caller's own items, 1 to RANK_ITEMS_MAX, to be put in order for a user. Nothing is dropped."""

    item_ids: Sequence[str]
    user_id: str = ""
    session_id: str = ""
    session_events: Sequence[SessionEvent] = ()
    page_type: PageType = PageType.HOME
    context: RequestContext = field(default_factory=RequestContext)
    explain: bool = False
    deadline_s: float = float("inf")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is shown."""

    kind: ReasonKind
    related_item_id: str = ""
    category_id: str = ""


@dataclass(frozen=True, slots=True)
class RecommendedItem:
    """One item of a reply. score is in [0, 1] before boosts; position counts from 0.

    source_scores, features: by name, only in an explained reply.
    """

    item_id: str
    score: float
    position: int
    sources: Sequence[SourceKind]
    reason: Reason | None
    source_scores: Mapping[str, float] = field(default_factory=dict)
    features: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one stage of one request did. removed: candidates that a filter dropped."""

    stage: str
    kind: str
    duration_us: float
    candidates_in: int
    candidates_out: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class RecommendReply:
    """A ranked list, and how complete it is."""

    recommendation_id: str
    items: Sequence[RecommendedItem]
    served_by: ServedBy
    release_version: str
    model_version: str
    scenario: str
    degraded_reasons: Sequence[DegradedReason] = ()
    missing_item_ids: Sequence[str] = ()
    short_reason: str = ""  # why fewer than num_items came back, such as CATEGORY_EXHAUSTED; empty when full
    latency_ms: float = 0.0
    stages: Sequence[StageReport] = ()


@dataclass(frozen=True, slots=True)
class WriteEventsResult:
    """How many events were stored, and how many were known already by their event_id."""

    stored: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """An item as the catalogue knows it. None leaves a value as it is in an update, or unknown in a new item.

    added_time_s, expire_time_s: epoch seconds, 0 = never expires. image_embedding: the release's width, or none.
    """

    item_id: str
    title: str | None = None
    category_id: str | None = None
    brand: str | None = None
    price: float | None = None
    in_stock: bool | None = None
    promoted: bool | None = None
    hidden: bool | None = None
    added_time_s: int | None = None
    expire_time_s: int | None = None
    image_embedding: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class UserProfile:
    """What a user's profile holds; 0 (-1 for location_cluster) where unknown.

    The last three are read from the user's record and are ignored when written.
    """

    user_id: str
    age_bucket: int = 0
    gender: int = 0
    location_cluster: int = -1
    total_events: int = 0
    created_time_s: int = 0
    updated_time_s: int = 0


@dataclass(frozen=True, slots=True)
class ReleaseSummary:
    """One release on disk."""

    version: str
    created_time_s: int
    parent: str
    item_count: int
    size_bytes: int
    serving: bool
    metrics: Mapping[str, float] = field(default_factory=dict)
    refused_reason: str = ""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What one worker of this server serves."""

    worker: int
    pid: int
    release_version: str
    overlay_sequence: int
    heartbeat_age_ms: float
