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
from server.cli.demo_customers import DEMO_EVENT_PREFIX, Customer
from server.cli.rendering import print_answer, print_stages, short
from server.features.event_types import EventType, PageType
from server.handlers.messages import CatalogItem

_SHOWN = 6
_HISTORY_SHOWN = 4
_NEW_ITEM_ID = "DEMO-NEW"
_NEW_CATEGORY = "Limited editions"


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
        run = DEMO_EVENT_PREFIX + uuid.uuid4().hex[:8]
        self.client.write_events(
            [
                user_event(f"{run}-0", bought, EventType.PURCHASE, user_id=customer.user_id),
                user_event(f"{run}-1", clicked, EventType.CLICK, user_id=customer.user_id),
            ]
        )
        after = [item.item_id for item in self._ask(request).items]
        gone = "is gone from the list" if bought not in after else "is STILL in the list"
        arrived = len(set(after) - set(before))
        self.console.print(
            f"  {self.client.title(bought)} {gone}; {arrived} of {len(after)} items are new in it."
        )

    def new_item_appears(self, customer: Customer) -> None:
        """The shop adds an item, in a category of its own, that did not exist when the model was trained."""
        like = self.client.item(customer.recent_item_ids[0])
        title = f"{like.title} {_NEW_CATEGORY[:-1].upper()}"
        self._heading(
            f"The shop adds {title}",
            f"which the model has never seen; the same customer opens {_NEW_CATEGORY}:",
        )
        self.client.upsert_items(
            [
                CatalogItem(
                    item_id=_NEW_ITEM_ID,
                    title=title,
                    category_id=_NEW_CATEGORY,
                    price=like.price,
                    in_stock=True,
                    added_time_s=int(time.time()),
                )
            ]
        )
        started_s = time.perf_counter()
        reply = self._ask(
            recommend_request(
                user_id=customer.user_id, page_type=PageType.CATEGORY, category_ids=[_NEW_CATEGORY]
            )
        )
        waited_ms = (time.perf_counter() - started_s) * 1_000
        if any(item.item_id == _NEW_ITEM_ID for item in reply.items):
            self.console.print(
                f"  There it is, {waited_ms:.0f} ms after it was added, on whichever worker answers."
            )
        self.client.delete_items([_NEW_ITEM_ID])

    def _ask(self, request: messages.RecommendRequest) -> messages.RecommendResponse:
        reply = self.client.recommend(request)
        print_answer(self.console, reply, self.client.title, shown=_SHOWN)
        return reply

    def _heading(self, title: str, detail: str) -> None:
        self.console.print()
        self.console.rule(Text(title, style="bold cyan"), align="left")
        self.console.print(f"  {detail}")
