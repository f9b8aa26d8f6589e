"""What the demo asks a running server, and how it shows that the answers follow what people do."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text
from shortlist.v1 import recommendation_service_pb2 as messages

from server.cli.client import ShortlistClient, recommend_request, user_event
from server.cli.demo_customers import Customer
from server.cli.rendering import print_answer, print_stages, short
from server.features.event_types import EventType, PageType
from server.handlers.messages import CatalogItem

_SHOWN = 6
_HISTORY_SHOWN = 4
_NEW_ITEM_ID = "DEMO-NEW"
_NEW_ITEM_LIST = 200


@dataclass(frozen=True, slots=True)
class Scenes:
    """The demo's conversation with a server, one method a scene."""

    console: Console
    client: ShortlistClient

    def play(self, customers: Sequence[Customer]) -> None:
        """Plays every scene. Needs at least one customer with four recent items."""
        for number, customer in enumerate(customers):
            self.known_customer(customer, explain=number == 0)
        first = customers[0]
        self.visitor(first.recent_item_ids[:2])
        self.unknown_user()
        self.item_page(first.recent_item_ids[0])
        self.events_count_at_once(first)
        self.new_item_appears(first)

    def known_customer(self, customer: Customer, explain: bool) -> None:
        """A customer of the shop, with what they bought."""
        self._heading(f"Customer {customer.user_id}", f"bought {customer.items} different items, latest:")
        for item_id in customer.recent_item_ids[:_HISTORY_SHOWN]:
            self.console.print(f"    {self.client.title(item_id)}")
        reply = self._ask(recommend_request(user_id=customer.user_id, explain=explain))
        if explain:
            self.console.print()
            self.console.print(Text("Where the time of this answer went:", style="bold"))
            print_stages(self.console, reply.stages)

    def visitor(self, clicked: Sequence[str]) -> None:
        """Nobody in particular, who has just clicked two things."""
        names = " and ".join(short(self.client.title(item_id)) for item_id in clicked)
        self._heading("A visitor who is not logged in", f"has just clicked {names}")
        self._ask(recommend_request(session_id="demo-visitor", session_item_ids=clicked))

    def unknown_user(self) -> None:
        """A user that the shop has never seen: no error, but what is popular."""
        self._heading("A user whom nobody knows", "gets what is popular now")
        self._ask(recommend_request(user_id=f"nobody-{uuid.uuid4().hex[:8]}"))

    def item_page(self, item_id: str) -> None:
        """The list under one item."""
        self._heading(f"The page of {self.client.title(item_id)}", "for a visitor")
        self._ask(
            recommend_request(
                session_id="demo-page", page_type=PageType.ITEM_DETAIL, context_item_ids=[item_id]
            )
        )

    def events_count_at_once(self, customer: Customer) -> None:
        """The customer buys the first item of their list and clicks another; the next answer knows."""
        request = recommend_request(user_id=customer.user_id)
        before = [item.item_id for item in self.client.recommend(request).items]
        bought, clicked = before[0], before[-1]
        self._heading(
            f"Customer {customer.user_id} buys {short(self.client.title(bought))}",
            f"and clicks {short(self.client.title(clicked))}; asked again at once:",
        )
        run = uuid.uuid4().hex[:8]
        self.client.write_events(
            [
                user_event(f"demo-{run}-0", bought, EventType.PURCHASE, user_id=customer.user_id),
                user_event(f"demo-{run}-1", clicked, EventType.CLICK, user_id=customer.user_id),
            ]
        )
        after = [item.item_id for item in self._ask(request).items]
        gone = "is gone from the list" if bought not in after else "is STILL in the list"
        arrived = len(set(after) - set(before))
        self.console.print(
            f"  {self.client.title(bought)} {gone}; {arrived} of {len(after)} items are new in it."
        )

    def new_item_appears(self, customer: Customer) -> None:
        """The shop adds an item that did not exist when the model was trained."""
        like = self.client.item(customer.recent_item_ids[0])
        title = f"{like.title} LIMITED EDITION"
        self._heading(f"The shop adds {title}", "after the model was trained; the same customer asks:")
        self.client.upsert_items(
            [
                CatalogItem(
                    item_id=_NEW_ITEM_ID,
                    title=title,
                    category_id=like.category_id or None,
                    brand=like.brand or None,
                    price=like.price,
                    in_stock=True,
                    added_time_s=int(time.time()),
                )
            ]
        )
        started_s = time.perf_counter()
        reply = self.client.recommend(recommend_request(user_id=customer.user_id, num_items=_NEW_ITEM_LIST))
        waited_ms = (time.perf_counter() - started_s) * 1_000
        place = next((item for item in reply.items if item.item_id == _NEW_ITEM_ID), None)
        if place is None:
            self.console.print(f"  It is not among the {len(reply.items)} best for this customer.")
            return
        self._one_item(reply, place, waited_ms)

    def _one_item(
        self, reply: messages.RecommendResponse, place: messages.RecommendedItem, waited_ms: float
    ) -> None:
        alone = messages.RecommendResponse()
        alone.CopyFrom(reply)
        del alone.items[:]
        alone.items.append(place)
        print_answer(self.console, alone, self.client.title, shown=1)
        self.console.print(
            f"  Number {place.position + 1} of {len(reply.items)}, {waited_ms:.0f} ms after it was added."
        )

    def _ask(self, request: messages.RecommendRequest) -> messages.RecommendResponse:
        reply = self.client.recommend(request)
        print_answer(self.console, reply, self.client.title, shown=_SHOWN)
        return reply

    def _heading(self, title: str, detail: str) -> None:
        self.console.print()
        self.console.rule(Text(title, style="bold cyan"), align="left")
        self.console.print(f"  {detail}")
