"""From events to a release that verifies and opens: build, train, publish on a tiny shop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from offline.build import BuildOptions, run_build
from offline.importing.catalog import read_items, write_items
from offline.model.ranker_training import RankerOptions
from offline.model.train_work import TrainOptions, train_work
from offline.model.training import TowerOptions
from server.cli.publish_command import free_version, publish_release
from server.errors import Refused
from server.features.event_types import EventType
from server.features.user_event import UserEvent
from server.releases.mapped_release import MappedRelease
from server.releases.model_repository import MODEL_NAME, REPOSITORY_DIR, SERVED_MODELS
from server.releases.registry import current_version
from server.releases.verify import verify_release
from server.settings import Settings
from server.storage import open_store
from server.stores.event_log import EventLog

DAY_US = 86_400_000_000
START_US = 18_500 * DAY_US
ITEMS = [f"{kind}-{n:02d}" for kind in ("garden", "kitchen") for n in range(15)]
OPTIONS = TrainOptions(
    towers=TowerOptions(validation_days=8, epochs_max=2, negatives=16, batch_queries_min=16),
    ranker=RankerOptions(epochs_max=3),
)


def purchases() -> list[UserEvent]:
    rng = np.random.default_rng(0)
    events = []
    for user in range(16):
        for visit, day in enumerate(sorted(rng.choice(40, 6, replace=False).tolist())):
            for n, row in enumerate(rng.choice(15, 3, replace=False).tolist()):
                events.append(
                    UserEvent(
                        event_id=f"{user}-{visit}-{n}",
                        user_id=f"user-{user}",
                        session_id="",
                        item_id=ITEMS[row + 15 * (user % 2)],
                        event_type=EventType.PURCHASE,
                        event_time_us=START_US + day * DAY_US + DAY_US // 2,
                    )
                )
    return events


def catalogue() -> pa.Table:
    count = len(ITEMS)
    return pa.table(
        {
            "item_id": ITEMS,
            "title": [f"{name.split('-')[0]} thing {name[-2:]}" for name in ITEMS],
            "category": [name.split("-")[0] for name in ITEMS],
            "brand": ["acme"] * count,
            "price": [float(5 + n) for n in range(count)],
            "in_stock": [True] * count,
            "promoted": [False] * count,
            "hidden": [False] * count,
            "added_time_s": [START_US // 1_000_000 - 86_400] * count,
            "expire_time_s": [0] * count,
            "image_embedding": pa.array([[1.0, float(n)] for n in range(count)], pa.list_(pa.float32())),
        }
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A data directory that is built and trained, with spare rows for a few new items."""
    data_dir = tmp_path_factory.mktemp("data")
    EventLog(data_dir / "events").append_events(purchases(), "all")
    write_items(data_dir, catalogue())
    run_build(data_dir, lambda _: 0, BuildOptions(threads=1), lambda *_: None)
    train_work(data_dir / "work", OPTIONS, lambda _: None)
    return Settings.model_validate({"data_dir": data_dir, "release": {"spare_rows": 7}})


def test_publishing_makes_a_release_that_verifies_and_opens(settings: Settings) -> None:
    published = publish_release(settings, activate=True)
    releases_dir = settings.data_dir / "releases"
    manifest = verify_release(releases_dir / published.version)
    assert current_version(releases_dir) == published.version
    assert (manifest.item_count, manifest.capacity, manifest.image_dims) == (30, 37, 2)
    assert manifest.metrics["ann_recall_200"] > 0.9
    assert 0 <= manifest.metrics["validation_embedding_recall_20"] <= 1
    assert manifest.training_window.start_s < manifest.training_window.end_s
    release = MappedRelease.open(releases_dir / published.version)
    assert release.item_ids(np.arange(30, dtype=np.int32)) == ITEMS
    assert release.title(0) == "garden thing 00"
    lengths = np.linalg.norm(release.arrays.item_vectors[:30], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)
    rows, _ = release.search_ann(release.arrays.item_vectors[4], 5)
    assert 4 in rows
    for model in SERVED_MODELS:
        served = settings.data_dir / REPOSITORY_DIR / model / str(release.repository_version) / MODEL_NAME
        assert served.read_bytes() == (release.path / "models" / f"{model}.onnx").read_bytes()


def test_changes_made_while_serving_go_into_the_next_release_and_the_catalogue(settings: Settings) -> None:
    store = open_store(settings)
    try:
        last = store.overlay.append(
            [("garden-00", False, {"price": 99.0}), ("new-item", False, {"title": "New", "price": 1.0})]
        )
    finally:
        store.close()
    published = publish_release(settings, activate=True)
    release = MappedRelease.open(settings.data_dir / "releases" / published.version)
    assert release.arrays.price[release.rows_of(["garden-00"])[0]] == 99
    assert (published.changes, published.changes_left) == (1, 1)
    assert release.manifest.overlay_sequence == last - 1
    items = {row["item_id"]: row for row in read_items(settings.data_dir).to_pylist()}
    assert items["garden-00"]["price"] == 99
    assert items["new-item"]["title"] == "New"


def test_a_release_that_is_not_to_serve_leaves_the_current_one(settings: Settings) -> None:
    before = current_version(settings.data_dir / "releases")
    published = publish_release(settings, activate=False)
    assert published.version != before
    assert current_version(settings.data_dir / "releases") == before


def test_versions_of_one_second_differ(tmp_path: Path) -> None:
    first = free_version(tmp_path, 1_700_000_000)
    (tmp_path / first).mkdir()
    assert free_version(tmp_path, 1_700_000_000) == f"{first}-2"


def test_publishing_before_a_build_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="shortlist build"):
        publish_release(Settings(data_dir=tmp_path), activate=True)


def test_training_before_a_build_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="shortlist build"):
        train_work(tmp_path, OPTIONS, lambda _: None)
