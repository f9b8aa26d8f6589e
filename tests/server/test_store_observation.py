"""A read on another server is seen in its request's trace, without saying whose it was."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from server.errors import StoreUnavailable
from server.features.user_record import UserRecord
from server.store_observation import ObservedUsers
from server.stores.memory_store import MemoryStore
from server.telemetry.call import CURRENT, Call
from tests.support.store_contract import event, keys


class Away:
    """Users of a store that does not answer."""

    def read(self, key: str) -> UserRecord | None:
        raise StoreUnavailable("no answer", reason="STORE_LOADING")

    def write_profile(self, user_id: str, age_bucket: int, gender: int, location_cluster: int) -> None:
        raise StoreUnavailable("no answer")

    def delete(self, user_id: str) -> bool:
        raise StoreUnavailable("no answer")


@pytest.fixture
def call() -> Iterator[Call]:
    made = Call("shortlist.v1.RecommendationService/Recommend", time.monotonic(), sampled=True)
    token = CURRENT.set(made)
    yield made
    CURRENT.reset(token)


def test_a_read_is_a_remote_call_and_names_nobody(call: Call) -> None:
    store = MemoryStore()
    store.events.append([event("e1")])
    record = ObservedUsers(store.users).read("u:ann")
    assert record is not None
    assert record.events["item_key"].tolist() == keys("a")
    (seen,) = call.remote_calls
    assert (seen.attributes["db.system.name"], seen.error) == ("redis", "")
    assert 0 < seen.started_ns <= seen.ended_ns
    assert "ann" not in repr(seen)


def test_a_read_that_failed_says_why(call: Call) -> None:
    with pytest.raises(StoreUnavailable):
        ObservedUsers(Away()).read("u:ann")
    assert [seen.error for seen in call.remote_calls] == ["STORE_LOADING"]


def test_outside_of_a_request_reads_and_writes_go_through() -> None:
    store = MemoryStore()
    users = ObservedUsers(store.users)
    users.write_profile("ann", 1, 2, 3)
    assert users.read("u:ann") is not None
    assert users.delete("ann") is True
