"""What the measurements of offline work and of switching releases stand on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perf.offline.shop import make_shop
from perf.twins import twins
from perf.world.shape import WorldShape, make_items, make_neighbours
from server.releases.mapped_release import MappedRelease
from server.releases.registry import current_version, list_releases
from server.stores.event_log import EventLog
from tests.support.small_release import build_small_release


def test_twins_are_releases_of_their_own_and_go_away(tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    original = build_small_release(releases, items=20, version="shop")
    with twins(tmp_path, 2) as versions:
        opened = [MappedRelease.open(releases / version) for version in versions]
        assert [release.version for release in opened] == versions
        assert opened[0].item_ids(np.arange(20)) == MappedRelease.open(original.path).item_ids(np.arange(20))
    assert [entry.version for entry in list_releases(releases)] == ["shop"]
    assert current_version(releases) == "shop"


def test_a_shop_is_the_same_for_the_same_seed_and_keeps_every_event(tmp_path: Path) -> None:
    logs = []
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        make_shop(tmp_path / name, 2_000, seed)
        logs.append(EventLog(tmp_path / name / "events").read())
    assert [log.num_rows for log in logs] == [2_000] * 3
    assert logs[0].equals(logs[1])
    assert not logs[0].equals(logs[2])


def test_a_worlds_neighbours_keep_to_their_group_and_count() -> None:
    shape = WorldShape(2_000, neighbours=20)
    items = make_items(shape)
    table = make_neighbours(shape, items)
    offsets, rows = table["neighbour_offsets"], table["neighbour_rows"]
    assert offsets[-1] == len(rows) == len(table["neighbour_codes"]) == 2_000 * 20
    assert np.array_equal(np.bincount(rows, minlength=2_000), np.full(2_000, 20))
    history = np.repeat(np.arange(2_000), np.diff(offsets))
    assert np.array_equal(items.category[history], items.category[rows])
