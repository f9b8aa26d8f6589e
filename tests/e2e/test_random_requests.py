"""2,000 random requests while events and item changes come in and the release is swapped."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
import numpy as np
import pytest
from shortlist.v1 import release_service_pb2, release_service_pb2_grpc
from shortlist.v1.recommendation_service_pb2 import RecommendResponse

from server.cli.client import ShortlistClient, recommend_request, user_event
from server.features.event_types import EventType, PageType
from server.handlers.messages import CatalogItem
from tests.e2e.conftest import Shop

REQUESTS = 2_000
THREADS = 4
USERS = 40
PAGES = (PageType.UNSPECIFIED, *(page for page in PageType if page))


@dataclass
class Truth:
    """What the shop was told and has acknowledged; an item that is being changed is in neither state."""

    unavailable: set[str] = field(default_factory=set)
    bought: dict[str, set[str]] = field(default_factory=lambda: {f"random-{n}": set() for n in range(USERS)})
    lock: threading.Lock = field(default_factory=threading.Lock)

    def forbidden(self, user_id: str) -> set[str]:
        with self.lock:
            return self.unavailable | self.bought.get(user_id, set())


@dataclass
class Traffic:
    """Random calls on a shop, and what was wrong with the answers."""

    shop: Shop
    truth: Truth = field(default_factory=Truth)
    wrong: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    pause: threading.Event = field(default_factory=threading.Event)

    def ask(self, number: int) -> None:
        """Makes one random request, the same for the same number, and checks the answer."""
        rng = np.random.default_rng(number)
        items = self.shop.release.item_ids
        user_id = str(rng.choice([f"random-{rng.integers(USERS)}", f"nobody-{number}", ""]))
        excluded = [str(item) for item in rng.choice(items, rng.integers(0, 60), replace=False)]
        context = [str(item) for item in rng.choice(items, rng.integers(0, 3), replace=False)]
        categories = (
            [str(c) for c in rng.choice(self.shop.release.categories, 1)] if rng.random() < 0.2 else []
        )
        request = recommend_request(
            user_id=user_id,
            session_id="" if user_id else f"session-{number}",
            session_item_ids=[str(item) for item in rng.choice(items, rng.integers(0, 4))],
            page_type=PAGES[rng.integers(len(PAGES))],
            context_item_ids=context,
            num_items=int(rng.choice([0, 1, 5, 20, 50, 200])),
            excluded_item_ids=excluded,
            category_ids=categories,
            explain=bool(rng.random() < 0.1),
        )
        before = self.truth.forbidden(user_id)
        client = self.shop.clients[number % len(self.shop.clients)]
        try:
            reply = client.recommend(request)
        except grpc.RpcError as error:
            self.wrong.append(f"{number}: {error.code()} {error.details()}")
            return
        shown = {item.item_id for item in reply.items}
        if bad := shown & set(excluded):
            self.wrong.append(f"{number}: shows the excluded {sorted(bad)}")
        if bad := shown & before & self.truth.forbidden(user_id):
            self.wrong.append(
                f"{number}: shows {sorted(bad)}, which {user_id} bought or nobody may see; {reply}"
            )
        self._check(number, reply, request.num_items or 20)

    def _check(self, number: int, reply: RecommendResponse, wanted: int) -> None:
        shown = [item.item_id for item in reply.items]
        if len(set(shown)) != len(shown):
            self.wrong.append(f"{number}: duplicates")
        if len(shown) != wanted and not (reply.short_reason and len(shown) < wanted):
            self.wrong.append(f"{number}: {len(shown)} of {wanted} and no reason")
        if [item.position for item in reply.items] != list(range(len(shown))):
            self.wrong.append(f"{number}: positions")
        if not all(0 <= item.score <= 1 for item in reply.items):
            self.wrong.append(f"{number}: scores")

    def write(self) -> None:
        """Buys, hides, sells out, brings back and adds items until the requests are done."""
        rng = np.random.default_rng(1)
        clients = self.shop.clients
        for number in range(100_000):
            if self.done.is_set():
                return
            self._buy(clients[number % len(clients)], rng)
            self._change(clients[-number % len(clients)], rng, number)
            self.pause.wait(0.005)

    def _buy(self, client: ShortlistClient, rng: np.random.Generator) -> None:
        user_id, item_id = f"random-{rng.integers(USERS)}", str(rng.choice(self.shop.release.item_ids))
        client.write_events([user_event(uuid.uuid4().hex, item_id, EventType.PURCHASE, user_id=user_id)])
        with self.truth.lock:
            self.truth.bought[user_id].add(item_id)

    def _change(self, client: ShortlistClient, rng: np.random.Generator, number: int) -> None:
        item_id = str(rng.choice(self.shop.release.item_ids[:100]))
        with self.truth.lock:
            back = item_id in self.truth.unavailable
            self.truth.unavailable.discard(item_id)
        if back:
            client.upsert_items([CatalogItem(item_id=item_id, hidden=False, in_stock=True)])
            return
        client.upsert_items(
            [
                CatalogItem(item_id=item_id, hidden=bool(number % 2), in_stock=bool(number % 2)),
                CatalogItem(
                    item_id=f"fresh-{number % 20}",
                    title="Fresh lamp",
                    category_id="category-00",
                    in_stock=True,
                ),
            ]
        )
        with self.truth.lock:
            self.truth.unavailable.add(item_id)

    def restore(self) -> None:
        """Brings every item back for the tests that follow."""
        back = [
            CatalogItem(item_id=item_id, hidden=False, in_stock=True)
            for item_id in sorted(self.truth.unavailable)
        ]
        if back:
            self.shop.clients[0].upsert_items(back)
        self.shop.clients[0].delete_items([f"fresh-{number}" for number in range(20)])


@pytest.fixture
def traffic(shop: Shop):  # type: ignore[no-untyped-def]
    made = Traffic(shop)
    yield made
    made.restore()


def test_two_thousand_random_requests_get_right_answers(traffic: Traffic) -> None:
    writer = threading.Thread(target=traffic.write, daemon=True)
    writer.start()
    try:
        with (
            grpc.insecure_channel(traffic.shop.server.admin_address) as channel,
            ThreadPoolExecutor(THREADS) as pool,
        ):
            admin = release_service_pb2_grpc.ReleaseServiceStub(channel)
            answers = [pool.submit(traffic.ask, number) for number in range(REQUESTS)]
            for version, after in (("r2", REQUESTS // 3), ("r1", 2 * REQUESTS // 3)):
                answers[after].result()
                admin.ActivateRelease(release_service_pb2.ActivateReleaseRequest(version=version), timeout=60)
            for answer in answers:
                answer.result()
    finally:
        traffic.done.set()
        writer.join()
    assert traffic.wrong == []
