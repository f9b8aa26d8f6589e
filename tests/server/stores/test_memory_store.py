"""The store in memory keeps the contract."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from server.stores.memory_store import MemoryStore
from server.stores.store import Store, StoreLimits
from tests.support.store_contract import Clock, StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def make_store(self) -> Callable[[StoreLimits, Clock], Store]:
        return lambda limits, clock: MemoryStore(limits, clock=clock)
