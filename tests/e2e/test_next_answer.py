"""What is written through one worker counts in the next answer of every worker."""

from __future__ import annotations

import itertools
import uuid

import pytest

from server.cli.client import ShortlistClient, recommend_request, user_event
from server.features.event_types import EventType, PageType
from server.handlers.messages import CatalogItem
from tests.e2e.conftest import Shop


def new_user() -> str:
    return f"user-{uuid.uuid4().hex}"


def act(client: ShortlistClient, user_id: str, item_ids: list[str], event_type: EventType) -> None:
    events = [user_event(uuid.uuid4().hex, item_id, event_type, user_id=user_id) for item_id in item_ids]
    assert client.write_events(events).stored_count == len(events)


def listed(client: ShortlistClient, user_id: str, num_items: int = 20) -> list[str]:
    reply = client.recommend(recommend_request(user_id=user_id, num_items=num_items))
    return [item.item_id for item in reply.items]


def test_bought_item_is_gone_from_the_next_answer_of_every_worker(shop: Shop) -> None:
    user_id = new_user()
    act(shop.clients[0], user_id, shop.release.ids_of_category("category-01")[:3], EventType.CLICK)
    for writer, reader in itertools.pairwise(shop.clients):
        first = listed(reader, user_id)[0]
        act(writer, user_id, [first], EventType.PURCHASE)
        assert first not in listed(reader, user_id)


@pytest.mark.parametrize("category", ["category-02", "category-04"])
def test_clicks_bring_their_category_into_the_next_answer_of_every_worker(shop: Shop, category: str) -> None:
    inside = set(shop.release.ids_of_category(category))
    user_id = new_user()
    before = sum(item_id in inside for item_id in listed(shop.clients[0], user_id, 40))
    act(shop.clients[0], user_id, sorted(inside)[10:14], EventType.CLICK)
    for client in shop.clients:
        assert sum(item_id in inside for item_id in listed(client, user_id, 40)) > before


def test_clicks_of_a_visitor_in_the_request_shape_the_answer(shop: Shop) -> None:
    clicked = shop.release.ids_of_category("category-03")[5:8]
    reply = shop.clients[0].recommend(
        recommend_request(session_id="visitor", session_item_ids=clicked, num_items=10)
    )
    inside = set(shop.release.ids_of_category("category-03"))
    assert any(item.item_id in inside for item in reply.items)


def test_unknown_user_gets_a_full_list(shop: Shop) -> None:
    reply = shop.clients[0].recommend(recommend_request(user_id=new_user()))
    assert len(reply.items) == 20


def test_item_page_shows_what_is_like_the_item(shop: Shop) -> None:
    inside = shop.release.ids_of_category("category-00")
    reply = shop.clients[0].recommend(
        recommend_request(
            session_id="page", page_type=PageType.ITEM_DETAIL, context_item_ids=[inside[20]], num_items=10
        )
    )
    shown = {item.item_id for item in reply.items}
    assert inside[20] not in shown
    assert shown & set(inside)


@pytest.mark.parametrize("change", [{"hidden": True}, {"in_stock": False}])
def test_item_that_must_not_be_shown_is_gone_at_once_on_every_worker(
    shop: Shop, change: dict[str, bool]
) -> None:
    user_id = new_user()
    act(shop.clients[0], user_id, shop.release.ids_of_category("category-05")[:3], EventType.CLICK)
    undo = {name: not value for name, value in change.items()}
    for writer, reader in itertools.pairwise(shop.clients):
        first = listed(reader, user_id)[0]
        writer.upsert_items([CatalogItem(item_id=first, **change)])  # type: ignore[arg-type]
        assert first not in listed(reader, user_id, 200)
        writer.upsert_items([CatalogItem(item_id=first, **undo)])  # type: ignore[arg-type]
        assert first in listed(reader, user_id, 200)


def test_new_item_appears_for_its_users_on_every_worker(shop: Shop) -> None:
    user_id, item_id = new_user(), f"new-{uuid.uuid4().hex[:6]}"
    act(shop.clients[0], user_id, shop.release.ids_of_category("category-01")[:3], EventType.CLICK)
    shop.clients[0].upsert_items(
        [
            CatalogItem(
                item_id=item_id,
                title="Lamp category-01",
                category_id="category-01",
                price=20.0,
                in_stock=True,
            )
        ]
    )
    for client in shop.clients:
        assert item_id in listed(client, user_id, 200)
    shop.clients[-1].delete_items([item_id])
    for client in shop.clients:
        assert item_id not in listed(client, user_id, 200)
