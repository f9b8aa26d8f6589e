"""The catalogue: changes are read back at once, merged over the release."""

from __future__ import annotations

import pytest

from server.errors import InvalidRequest, NotFound
from server.handlers.catalog import CatalogHandler
from server.handlers.messages import CatalogItem
from server.releases.release_holder import ReleaseHolder
from server.stores.memory_store import MemoryOverlayLog
from tests.support.small_release import SmallRelease, build_small_release

NOW_S = 1_700_000_500


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallRelease:
    return build_small_release(
        tmp_path_factory.mktemp("releases"), items=20, image_dims=2, spare_rows=2, promoted=["item-0003"]
    )


@pytest.fixture
def log() -> MemoryOverlayLog:
    return MemoryOverlayLog()


@pytest.fixture
def announced() -> list[int]:
    return []


@pytest.fixture
def holder(small: SmallRelease, log: MemoryOverlayLog) -> ReleaseHolder:
    holder = ReleaseHolder(small.path.parent, log)
    holder.refresh()
    return holder


@pytest.fixture
def handler(holder: ReleaseHolder, log: MemoryOverlayLog, announced: list[int]) -> CatalogHandler:
    return CatalogHandler(log, holder, announce=announced.append, now_s=lambda: NOW_S)


def test_an_item_of_the_release_is_read_from_it(handler: CatalogHandler) -> None:
    item = handler.get_item("item-0003")
    assert (item.category_id, item.brand) == ("category-03", "brand-03")
    assert (item.in_stock, item.promoted, item.hidden) == (True, True, False)
    assert item.expire_time_s == 0
    assert item.image_embedding is not None
    assert len(item.image_embedding) == 2


def test_an_unknown_item_is_not_found(handler: CatalogHandler) -> None:
    with pytest.raises(NotFound) as refusal:
        handler.get_item("nothing")
    assert refusal.value.reason == "ITEM_NOT_FOUND"


def test_a_change_is_announced_after_it_is_in_the_log_and_read_back(
    handler: CatalogHandler, log: MemoryOverlayLog, announced: list[int]
) -> None:
    before = handler.get_item("item-0003")
    assert handler.upsert_items([CatalogItem("item-0003", price=5.5, in_stock=False)]) == 1
    assert announced == [1] == [log.last_sequence()]
    after = handler.get_item("item-0003")
    assert (after.price, after.in_stock) == (5.5, False)
    assert (after.title, after.category_id, after.promoted) == (before.title, before.category_id, True)


def test_a_new_item_is_added_now_unless_it_says_otherwise(handler: CatalogHandler) -> None:
    handler.upsert_items([CatalogItem("new-1", title="Lamp"), CatalogItem("new-2", added_time_s=77)])
    assert handler.get_item("new-1") == CatalogItem(
        "new-1",
        title="Lamp",
        in_stock=True,
        promoted=False,
        hidden=False,
        added_time_s=NOW_S,
        expire_time_s=0,
    )
    assert handler.get_item("new-2").added_time_s == 77
    handler.upsert_items([CatalogItem("item-0003", price=1.0)])
    assert handler.get_item("item-0003").added_time_s != NOW_S


def test_a_deleted_item_is_gone_and_may_come_back(handler: CatalogHandler) -> None:
    assert handler.delete_items(["item-0003", "nothing"]) == ["nothing"]
    with pytest.raises(NotFound):
        handler.get_item("item-0003")
    assert handler.delete_items(["item-0003"]) == ["item-0003"]
    handler.upsert_items([CatalogItem("item-0003", title="Again")])
    assert handler.get_item("item-0003").title == "Again"
    assert handler.get_item("item-0003").promoted is False


def test_deleting_only_unknown_items_changes_nothing(
    handler: CatalogHandler, log: MemoryOverlayLog, announced: list[int]
) -> None:
    assert handler.delete_items(["nothing"]) == ["nothing"]
    assert (log.last_sequence(), announced) == (0, [])


def test_an_image_of_another_width_is_named_and_nothing_is_stored(
    handler: CatalogHandler, log: MemoryOverlayLog
) -> None:
    items = [CatalogItem("a", image_embedding=(1.0, 2.0)), CatalogItem("b", image_embedding=(1.0,))]
    with pytest.raises(InvalidRequest) as refusal:
        handler.upsert_items(items)
    assert [v.field for v in refusal.value.violations] == ["items[1].image_embedding"]
    assert log.last_sequence() == 0


def test_an_item_that_found_no_room_can_be_read_and_deleted(
    handler: CatalogHandler, holder: ReleaseHolder
) -> None:
    handler.upsert_items([CatalogItem(f"new-{n}", title=f"New {n}") for n in range(3)])
    handler.upsert_items([CatalogItem("new-2", price=4.0)])
    assert holder.current().unplaced_item_ids == {"new-2"}
    item = handler.get_item("new-2")
    assert (item.title, item.price, item.in_stock) == ("New 2", 4.0, True)
    assert handler.delete_items(["new-2"]) == []
    with pytest.raises(NotFound):
        handler.get_item("new-2")
