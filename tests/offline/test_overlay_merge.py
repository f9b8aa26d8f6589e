"""Which item changes a release takes over, and what the catalogue learns of them."""

from __future__ import annotations

import pyarrow as pa

from offline.importing.catalog import DEFAULTS, ITEM_SCHEMA
from offline.overlay_merge import catalogue_changes, merge_changes
from server.stores.protocols import ItemChange


def built(**columns: list[object]) -> pa.Table:
    """Two built items, a and b."""
    values: dict[str, list[object]] = {
        field.name: [DEFAULTS.get(field.name)] * 2 for field in ITEM_SCHEMA if field.name != "item_id"
    }
    values |= {"item_id": ["a", "b"], "title": ["Lamp", "Mug"], "price": [10.0, 20.0], **columns}
    return pa.table(values, schema=ITEM_SCHEMA)


def change(sequence: int, item_id: str, **patch: object) -> ItemChange:
    return ItemChange(sequence, item_id, deleted=False, patch=patch)


def test_prices_stock_and_flags_go_into_the_columns() -> None:
    merged = merge_changes(built(), [change(1, "a", price=5.0), change(2, "b", in_stock=False)], 0)
    assert merged.items.column("price").to_pylist() == [5.0, 20.0]
    assert merged.items.column("in_stock").to_pylist() == [True, False]
    assert (merged.overlay_sequence, merged.left) == (2, 0)


def test_without_changes_the_sequence_stays() -> None:
    merged = merge_changes(built(), [], 7)
    assert (merged.overlay_sequence, merged.left) == (7, 0)
    assert merged.items.equals(built())


def test_a_new_item_and_all_after_it_stay_in_the_overlay() -> None:
    changes = [change(1, "a", price=5.0), change(2, "new", title="Rug"), change(3, "b", price=1.0)]
    merged = merge_changes(built(), changes, 0)
    assert merged.items.column("price").to_pylist() == [5.0, 20.0]
    assert (merged.overlay_sequence, merged.left) == (1, 2)


def test_a_new_title_waits_for_a_build_and_a_built_one_does_not() -> None:
    assert merge_changes(built(), [change(1, "a", title="Torch")], 0).overlay_sequence == 0
    assert merge_changes(built(), [change(1, "a", title="Lamp")], 0).overlay_sequence == 1


def test_only_the_last_title_has_to_be_the_built_one() -> None:
    changes = [change(1, "a", title="Torch"), change(2, "a", title="Lamp", price=3.0)]
    merged = merge_changes(built(), changes, 0)
    assert (merged.overlay_sequence, merged.left) == (2, 0)
    assert merged.items.column("price").to_pylist()[0] == 3.0


def test_a_deleted_item_is_hidden_and_an_unknown_one_forgotten() -> None:
    changes = [ItemChange(1, "a", deleted=True, patch={}), ItemChange(2, "gone", deleted=True, patch={})]
    merged = merge_changes(built(), changes, 0)
    assert merged.items.column("hidden").to_pylist() == [True, False]
    assert merged.overlay_sequence == 2


def test_an_item_that_comes_back_begins_anew() -> None:
    changes = [ItemChange(1, "a", deleted=True, patch={}), change(2, "a", title="Lamp", price=4.0)]
    merged = merge_changes(built(promoted=[True, False]), changes, 0)
    assert merged.items.column("hidden").to_pylist()[0] is False
    assert merged.items.column("promoted").to_pylist()[0] is False
    assert merged.items.column("price").to_pylist()[0] == 4.0


def test_the_catalogue_learns_every_change() -> None:
    changes = [
        change(1, "new", title="Rug", category_id="home", price=3.0),
        change(2, "a", in_stock=False),
        ItemChange(3, "b", deleted=True, patch={}),
    ]
    rows = {row["item_id"]: row for row in catalogue_changes(changes).to_pylist()}
    assert (rows["new"]["title"], rows["new"]["category"], rows["new"]["price"]) == ("Rug", "home", 3.0)
    assert rows["a"]["in_stock"] is False
    assert rows["a"]["title"] is None
    assert rows["b"]["hidden"] is True
