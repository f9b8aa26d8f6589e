"""The Python client while workers are killed and replaced: no call fails, no event is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import urllib.request
import uuid
import zlib

import pytest
import shortlist
from shortlist.v1 import event_service_pb2 as events
from shortlist.v1 import event_types_pb2 as types
from shortlist.v1 import recommendation_service_pb2 as api

EVENTS = 100_000
OPTIONS = shortlist.ClientOptions(timeout_s=10)
pytestmark = pytest.mark.skipif(
    os.environ.get("SHORTLIST_CLIENT_TESTS") != "all", reason="takes minutes: `make test-clients` runs it"
)


def control(lab: dict[str, str], action: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{lab['SHORTLIST_CONTROL']}/{action}", timeout=120) as answer:
        found: dict[str, int] = json.load(answer)
    return found


def event(event_id: str) -> events.UserEvent:
    return events.UserEvent(
        event_id=event_id,
        user_id=f"writer-{zlib.crc32(event_id.encode()) % 1_000}",
        item_id="item-0001",
        event_type=types.EVENT_TYPE_VIEW,
    )


class Load:
    """Calls one after the other on clients of their own, each in a thread; counts what fails."""

    def __init__(self, address: str, threads: int = 4) -> None:
        self.failures: list[str] = []
        self.answered = 0
        self._address = address
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self) -> None:
        with shortlist.Client(self._address, OPTIONS) as client:
            while not self._stop.is_set():
                try:
                    client.recommend(api.RecommendRequest(user_id="load", num_items=5))
                    self.answered += 1
                except shortlist.ShortlistError as error:
                    self.failures.append(str(error))


def test_no_call_fails_while_a_worker_is_killed_and_all_are_replaced(lab: dict[str, str]) -> None:
    with Load(lab["SHORTLIST_ADDRESS"]) as load:
        control(lab, "kill-worker")
        control(lab, "restart")
    assert load.failures == []
    assert load.answered > 100


def test_events_are_neither_lost_nor_doubled_by_a_restart(lab: dict[str, str]) -> None:
    prefix = uuid.uuid4().hex
    with shortlist.Client(lab["SHORTLIST_ADDRESS"]) as client, shortlist.EventWriter(client) as writer:
        restarts = [threading.Thread(target=control, args=(lab, how)) for how in ("kill-worker", "restart")]
        for number in range(EVENTS):
            if number in (EVENTS // 4, EVENTS // 2):
                restarts[number // (EVENTS // 2)].start()
            writer.write(event(f"{prefix}-{number}"))
        writer.close(timeout_s=300)
        for thread in restarts:
            thread.join(120)
    assert control(lab, f"events?prefix={prefix}") == {"events": EVENTS, "ids": EVENTS}


def test_asyncio_events_are_neither_lost_nor_doubled_by_a_restart(lab: dict[str, str]) -> None:
    prefix = uuid.uuid4().hex

    async def write() -> None:
        async with shortlist.AsyncClient(lab["SHORTLIST_ADDRESS"]) as client:
            writer = shortlist.AsyncEventWriter(client)
            for number in range(EVENTS):
                if number == EVENTS // 2:
                    restart = asyncio.get_running_loop().run_in_executor(None, control, lab, "restart")
                await writer.write(event(f"{prefix}-{number}"))
            await writer.close(timeout_s=300)
            await restart

    asyncio.run(write())
    assert control(lab, f"events?prefix={prefix}") == {"events": EVENTS, "ids": EVENTS}
