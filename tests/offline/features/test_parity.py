"""The ibis expressions and the NumPy twins of the request's kernels compute the same values, feature by feature."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ext import HistorySummary
from ext.reference import assemble_cross_features, summarize_history
from offline.engine import Engine, opened_engine
from offline.features.cross import cross_features
from offline.features.embeddings import embedding_similarity, pooled_means
from offline.features.histories import count_history, history_before, numbered_history
from offline.features.item_windows import ItemWindows
from offline.features.items import item_events, item_features
from offline.features.owners import owned_events
from offline.features.users import user_features
from server.features.declarations import HISTORY_EVENTS_MAX, TITLE_DIMS
from server.features.event_types import EVENT_WEIGHTS, HISTORY_EVENT_TYPES, EventType
from tests.support.random_log import DAY_S, START_S, links, owner_of, random_events, random_items

WEIGHTS = np.zeros(16, np.float32)
for kind, weight in EVENT_WEIGHTS.items():
    WEIGHTS[kind] = weight


class Case:
    """One random log with its requests, and both sides' inputs."""

    def __init__(self, engine: Engine, seed: int, events: int, users: int) -> None:
        self.items = random_items(seed)
        self.events = random_events(seed, events, users=users)
        self.requests = self._requests(seed, users)
        known = engine.from_arrow(self.items)
        owned = engine.keep(owned_events(engine.from_arrow(self.events), engine.from_arrow(links())))
        self.numbered = engine.keep(numbered_history(owned, known))
        self.item_events = engine.keep(item_events(owned, known))
        self.asked = engine.keep(count_history(engine.from_arrow(self.requests), self.numbered))
        self.history = engine.keep(history_before(self.asked, self.numbered))
        self.users = engine.keep(user_features(self.asked, self.history))

    def _requests(self, seed: int, users: int) -> pa.Table:
        rng = np.random.default_rng(seed + 1)
        owners = [f"u:u{n}" for n in range(users)] + [f"s:s{n}" for n in range(users)] + ["u:nobody"]
        # Half of the times are those of events, so that "strictly before" is put to the test.
        event_times = self.events.column("event_time_us").to_numpy() // 1_000_000
        times = np.concatenate([rng.choice(event_times, 40), START_S + rng.integers(0, 70 * DAY_S, 40)])
        return pa.table(
            {
                "request_id": pa.array(range(len(times)), pa.int64()),
                "owner": rng.choice(owners, len(times)).tolist(),
                "as_of_s": pa.array(times, pa.int64()),
            }
        )

    def history_of(self, owner: str, as_of_s: int) -> list[dict[str, object]]:
        rows = [r for r in self.events.to_pylist() if r["event_type"] in HISTORY_EVENT_TYPES]
        rows = [r for r in rows if owner_of(r) == owner and r["event_time_us"] // 1_000_000 < as_of_s]
        rows.sort(key=lambda r: (r["event_time_us"], r["event_id"]))
        return rows[-HISTORY_EVENTS_MAX:]

    def expected(self, owner: str, as_of_s: int, titles: np.ndarray) -> HistorySummary:
        history = self.history_of(owner, as_of_s)
        rows = [int(str(r["item_id"])[1:]) for r in history]
        return summarize_history(
            np.array([r if r < self.items.num_rows else -1 for r in rows], np.int32),
            np.array([int(str(r["event_time_us"])) // 1_000_000 for r in history], np.int64),
            np.array([r["event_type"] for r in history], np.uint8),
            as_of_s,
            WEIGHTS,
            self.items.column("category").to_numpy(),
            self.items.column("brand").to_numpy(),
            self.items.column("price").to_numpy().astype(np.float32),
            titles.astype(np.float16).view(np.uint16),
            titles.astype(np.float16).view(np.uint16),
        )


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with opened_engine(tmp_path_factory.mktemp("spill"), threads=1) as made:
        yield made


@pytest.fixture(
    scope="module", params=[(1, 500, 6), (2, 1500, 2), (3, 30, 5)], ids=["usual", "long", "sparse"]
)
def case(request: pytest.FixtureRequest, engine: Engine) -> Case:
    return Case(engine, *request.param)


def titles_of(case: Case) -> np.ndarray:
    """As exact as a release holds them."""
    titles = np.random.default_rng(7).normal(size=(case.items.num_rows, TITLE_DIMS))
    return titles.astype(np.float16).astype(np.float32)


def test_the_long_case_exceeds_the_history_limit(engine: Engine) -> None:
    case = Case(engine, 2, 1500, 2)
    assert max(engine.to_arrow(case.asked).column("history_count").to_pylist()) > HISTORY_EVENTS_MAX


def test_user_features_equal_the_twin(engine: Engine, case: Case) -> None:
    titles = titles_of(case)
    rows = engine.to_arrow(case.users.order_by("request_id")).to_pylist()
    assert len(rows) == case.requests.num_rows
    for asked, row in zip(case.requests.to_pylist(), rows, strict=True):
        expected = case.expected(asked["owner"], asked["as_of_s"], titles)
        counters = ("total_views_7d", "total_purchases_30d", "avg_session_duration", "days_since_last_visit")
        np.testing.assert_allclose(
            [row[n] for n in counters], expected.counters, rtol=1e-6, err_msg=str(asked)
        )
        np.testing.assert_allclose([row["price_low"], row["price_high"]], expected.price_range, rtol=1e-6)
        for name, codes in (
            ("preferred_categories", expected.preferred_categories),
            ("preferred_brands", expected.preferred_brands),
        ):
            assert [row[f"{name}_{place}"] for place in (1, 2, 3)] == codes.tolist(), asked


def test_user_embedding_equals_the_twin(engine: Engine, case: Case) -> None:
    titles = titles_of(case)
    laid_out = engine.to_arrow(case.numbered.order_by(["owner", "number"]))
    owners = np.array(laid_out.column("owner").to_pylist(), object)
    asked = engine.to_arrow(case.asked.order_by("request_id")).to_pylist()
    start = np.array([np.argmax(owners == a["owner"]) if a["history_count"] else 0 for a in asked], np.int64)
    stop = start + np.array([a["history_count"] for a in asked], np.int64)
    means = pooled_means(laid_out.column("item_row").to_numpy(), start, stop, titles)
    for place, row in enumerate(asked):
        expected = case.expected(row["owner"], row["as_of_s"], titles)
        np.testing.assert_allclose(means[place], expected.user_embedding, rtol=1e-5, atol=1e-6)


def test_cross_features_equal_the_twin(engine: Engine, case: Case) -> None:
    titles = titles_of(case)
    count = case.items.num_rows
    counts = np.random.default_rng(5).integers(0, 30, (2, count)).astype(np.float32)
    asked = case.requests.to_pylist()[:12]
    pairs = pa.table(
        {
            "pair_id": pa.array(range(len(asked) * count), pa.int64()),
            "request_id": np.repeat([a["request_id"] for a in asked], count),
            **{
                n: np.tile(case.items.column(n).to_numpy(), len(asked))
                for n in ("category", "brand", "price")
            },
            "view_count_7d": np.tile(counts[0], len(asked)),
            "purchase_count_7d": np.tile(counts[1], len(asked)),
        }
    )
    values = cross_features(engine.from_arrow(pairs), case.history, case.users)
    found = engine.to_arrow(values.order_by("pair_id")).drop_columns(["pair_id"]).to_pandas().to_numpy()
    assert len(found) == pairs.num_rows
    for place, request in enumerate(asked):
        user = case.expected(request["owner"], request["as_of_s"], titles)
        expected = assemble_cross_features(
            np.arange(count, dtype=np.int32),
            np.zeros((count, 3), np.float32),
            np.zeros(count, np.float32),
            user.viewed_categories,
            user.bought_brands,
            float(user.price_range[0]),
            float(user.price_range[1]),
            user.user_embedding,
            case.items.column("category").to_numpy(),
            case.items.column("brand").to_numpy(),
            case.items.column("price").to_numpy().astype(np.float32),
            titles.astype(np.float16).view(np.uint16),
            counts[0],
            counts[1],
        )
        ours = found[place * count : (place + 1) * count]
        np.testing.assert_allclose(ours, expected[:, [0, 1, 2, 4, 5]], rtol=1e-4, atol=1e-5)
        users = np.repeat(user.user_embedding[None], count, axis=0)
        np.testing.assert_allclose(embedding_similarity(users, titles), expected[:, 3], rtol=1e-4, atol=1e-5)


def test_item_features_equal_a_count_by_hand(engine: Engine, case: Case) -> None:
    times = [START_S, START_S + 10 * DAY_S, START_S + 30 * DAY_S + 3_600, START_S + 61 * DAY_S]
    asked = [(row, t) for row in range(case.items.num_rows) for t in times]
    pairs = pa.table(
        {
            "pair_id": pa.array(range(len(asked)), pa.int64()),
            "item_row": pa.array([row for row, _ in asked], pa.int32()),
            "as_of_s": pa.array([t for _, t in asked], pa.int64()),
        }
    )
    values = engine.to_arrow(item_features(engine.from_arrow(pairs), case.item_events).order_by("pair_id"))
    rows, times_s = (np.array(column, np.int64) for column in zip(*asked, strict=True))
    at_once = ItemWindows.read(engine, case.item_events).values(rows, times_s)
    for name, column in at_once.items():
        np.testing.assert_allclose(column, values.column(name).to_numpy(), rtol=1e-5, err_msg=name)
    for (row, as_of_s), found in zip(asked, values.to_pylist(), strict=True):
        expected = item_features_by_hand(case.events.to_pylist(), f"i{row}", as_of_s)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-5), (row, as_of_s, name)


def item_features_by_hand(events: list[dict[str, object]], item: str, as_of_s: int) -> dict[str, float]:
    own = [(e, as_of_s - int(str(e["event_time_us"])) // 1_000_000) for e in events if e["item_id"] == item]
    own = [(e, age) for e, age in own if age > 0]
    ratings = [float(str(e["rating"])) for e, _ in own if e["event_type"] == EventType.RATING]
    weights = [(float(WEIGHTS[int(str(e["event_type"]))]), (age - 1) // DAY_S) for e, age in own]
    short = sum(w * 0.5**day for w, day in weights if day < 7) / sum(0.5**day for day in range(7))
    mean = sum(w for w, day in weights if day < 30) / 30
    week = [e["event_type"] for e, age in own if age <= 7 * DAY_S]
    return {
        "view_count_7d": week.count(EventType.VIEW),
        "purchase_count_7d": week.count(EventType.PURCHASE),
        "num_ratings": len(ratings),
        "avg_rating": sum(ratings) / len(ratings) if ratings else 0,
        "trending_score": short / (mean + 1),
    }


def test_steady_items_do_not_trend_and_rising_ones_do(engine: Engine, tmp_path: Path) -> None:
    steady = [(0, START_S + day * DAY_S) for day in range(40) for _ in range(9)]
    rising = [(1, START_S + 39 * DAY_S + n) for n in range(60)]
    single = [(2, START_S + 39 * DAY_S)]
    rows = steady + rising + single
    events = pa.table(
        {
            "item_row": pa.array([row for row, _ in rows], pa.int32()),
            "time_s": pa.array([t for _, t in rows], pa.int64()),
            "event_type": pa.array([int(EventType.VIEW)] * len(rows), pa.int8()),
            "rating": [-1.0] * len(rows),
        }
    )
    pairs = pa.table(
        {
            "pair_id": pa.array([0, 1, 2], pa.int64()),
            "item_row": pa.array([0, 1, 2], pa.int32()),
            "as_of_s": pa.array([START_S + 40 * DAY_S] * 3, pa.int64()),
        }
    )
    values = item_features(engine.from_arrow(pairs), engine.from_arrow(events)).order_by("pair_id")
    scores = engine.to_arrow(values).column("trending_score").to_pylist()
    assert scores[0] == pytest.approx(0.9)
    assert scores[1] > 10
    assert scores[2] < 0.5
