"""An engine over the small release, with users in memory and clocks that stand still until told to move."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from server.engine import Engine, EngineParts, EngineValues, RetrievalValues
from server.features.event_types import EventType
from server.features.identity import item_key, storage_key, storage_key_hash
from server.features.user_record import RECENT_EVENT, UserRecord
from server.handlers.messages import RecommendCommand
from server.handlers.recommend import RecommendHandler
from server.handlers.recommend_query import recommend_query
from server.inference.local_model import LocalScorer, LocalUserTower
from server.inference.protocols import CandidateScorer, UserTower
from server.pipeline.budget import BudgetValues
from server.query import RecommendQuery, ScenarioValues
from server.releases.mapped_release import MappedRelease
from server.settings import BudgetSettings, RetrievalSettings
from server.stores.protocols import LoggedRecommendation
from tests.support.small_release import CREATED_TIME_S, SmallRelease, build_small_release

NOW_S = CREATED_TIME_S + 86_400
BUDGET = BudgetValues(**BudgetSettings().model_dump())
RETRIEVAL = RetrievalValues(**RetrievalSettings().model_dump())


class StandingClock:
    """A monotonic clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class MemoryUsers:
    """User records by storage key. error: raised by every read."""

    records: dict[str, UserRecord] = field(default_factory=dict)
    error: Exception | None = None

    def read(self, key: str) -> UserRecord | None:
        if self.error is not None:
            raise self.error
        return self.records.get(key)

    def add(
        self,
        user_id: str,
        events: Sequence[tuple[str, EventType, int]] = (),
        hidden: Sequence[str] = (),
        bought: Sequence[str] = (),
    ) -> None:
        """Gives a user history events as (item id, type, seconds before NOW_S), oldest first."""
        key = storage_key(user_id, "")
        rows = [(item_key(item), NOW_S - ago_s, kind, 0, 0, 0, 0) for item, kind, ago_s in events]
        purchases = [item for item, kind, _ in events if kind is EventType.PURCHASE]
        self.records[key] = UserRecord(
            key_hash=storage_key_hash(key),
            events=np.array(rows, RECENT_EVENT),
            bought=np.array([item_key(item) for item in (*bought, *purchases)], np.uint64),
            hidden=np.array([item_key(item) for item in hidden], np.uint64),
        )

    def write_profile(self, user_id: str, age_bucket: int, gender: int, location_cluster: int) -> None:
        raise NotImplementedError

    def delete(self, user_id: str) -> bool:
        return self.records.pop(storage_key(user_id, ""), None) is not None


@dataclass
class FixedRelease:
    """Holds one release."""

    release: MappedRelease

    def current(self) -> MappedRelease:
        return self.release


@dataclass
class Shop:
    """Everything that a test of recommendations needs."""

    small: SmallRelease
    release: MappedRelease
    users: MemoryUsers
    clock: StandingClock
    engine: Engine
    handler: RecommendHandler
    logged: list[LoggedRecommendation]

    def query(self, command: RecommendCommand | None = None, **values: object) -> RecommendQuery:
        """Returns the query of a command, not hydrated yet, with its fields replaced by the values."""
        query = recommend_query(self.engine, self.release, command or RecommendCommand(), NOW_S)
        for name, value in values.items():
            setattr(query, name, value)
        return query

    def hydrated(self, command: RecommendCommand | None = None) -> RecommendQuery:
        """Returns the query of a command after all hydrators."""
        query = self.query(command)
        for hydrator in self.engine._recommend.parts.hydrators:
            hydrator.run(query)
        return query

    def row(self, item_id: str) -> int:
        """Returns the row of an item."""
        return int(self.release.rows_of([item_id])[0])


@pytest.fixture
def shop() -> Shop:
    """A shop of 200 items in 5 categories, where Ann has viewed item-0007 and bought item-0012, both of category-02."""
    small = _shared_release()
    opened = shop_over(small, MappedRelease.open(small.path, prefault_pages=False))
    opened.users.add(
        "ann", [("item-0007", EventType.VIEW, 7_200), ("item-0012", EventType.PURCHASE, 3_600)], ["item-0022"]
    )
    return opened


@cache
def _shared_release() -> SmallRelease:
    """Returns one release on disk for all tests of this process; each test maps it anew, so none sees another's."""
    directory = tempfile.TemporaryDirectory(prefix="small-release-")
    _DIRECTORIES.append(directory)
    return build_small_release(Path(directory.name))


_DIRECTORIES: list[tempfile.TemporaryDirectory[str]] = []


def open_shop(
    directory: Path,
    *,
    scenarios: dict[str, ScenarioValues] | None = None,
    retrieval: RetrievalValues = RETRIEVAL,
    budget: BudgetValues = BUDGET,
    tower: UserTower | None = None,
    scorer: CandidateScorer | None = None,
    **release: object,
) -> Shop:
    """Builds a small release and an engine over it. release: arguments of build_small_release."""
    small = build_small_release(directory, **release)  # type: ignore[arg-type]
    mapped = MappedRelease.open(small.path)
    return shop_over(small, mapped, scenarios, retrieval, budget, tower, scorer)


def shop_over(
    small: SmallRelease,
    release: MappedRelease,
    scenarios: dict[str, ScenarioValues] | None = None,
    retrieval: RetrievalValues = RETRIEVAL,
    budget: BudgetValues = BUDGET,
    tower: UserTower | None = None,
    scorer: CandidateScorer | None = None,
) -> Shop:
    """Returns an engine over a release that is mapped already."""
    users, clock = MemoryUsers(), StandingClock()
    logged: list[LoggedRecommendation] = []
    engine = Engine(
        EngineValues(budget, retrieval, scenarios or {}),
        EngineParts(users, True, tower or LocalUserTower(), scorer or LocalScorer(), clock),
    )
    handler = RecommendHandler(
        engine, FixedRelease(release), lambda make: logged.append(make()), now_s=lambda: NOW_S
    )
    return Shop(small, release, users, clock, engine, handler, logged)
