"""The composition root of what is on disk: stores as the settings want them, for workers, the parent and commands."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from server.features.record_codec import RecordLimits
from server.housekeeping import PeriodicTask, expire_files
from server.releases.registry import list_releases
from server.settings import RedisSettings, Settings
from server.stores.event_log import EventLog
from server.stores.open_store import on_redis
from server.stores.open_store import open_store as open_store_of_url
from server.stores.store import DrainResult, Store, StoreLimits

if TYPE_CHECKING:
    from server.stores.redis_store import RedisValues

log = logging.getLogger(__name__)

LOG_PATTERNS = ("*.jsonl", "*.log.*")
_DAY_S, _HOUR_S, _S_MS = 86_400.0, 3_600.0, 1_000.0
_SWEEPS_MAX = 100
_CHORE_CONNECTIONS = 2
_PATIENCE = 4
"""How many times a request's patience with a remote store a command has."""


def open_store(settings: Settings, *, for_requests: bool = False) -> Store:
    """Opens the store; one object a process. Raises StoreUnavailable.

    for_requests: a remote store is given the time that a request has; commands and the parent's chores have more.
    """
    knobs = settings.store
    limits = StoreLimits(
        record=RecordLimits(bought_items_max=knobs.bought_items_max, hidden_items_max=knobs.hidden_items_max),
        map_bytes_max=knobs.map_bytes_max,
        durable_writes=knobs.durable_writes,
        event_id_retention_s=knobs.event_id_retention_days * _DAY_S,
        recommendation_retention_s=knobs.recommendation_retention_hours * _HOUR_S,
        queued_events_max=knobs.queued_events_max,
    )
    redis = _redis_values(settings.redis, for_requests) if on_redis(knobs.url) else None
    return open_store_of_url(knobs.url, settings.data_dir / "store", limits, redis)


def _redis_values(knobs: RedisSettings, for_requests: bool) -> RedisValues:
    from server.stores.redis_connection import RedisTimes
    from server.stores.redis_node import PoolValues
    from server.stores.redis_store import RedisValues

    patient_s = _PATIENCE * knobs.write_ms / _S_MS
    times = RedisTimes(
        read_s=knobs.read_ms / _S_MS if for_requests else patient_s,
        write_s=knobs.write_ms / _S_MS if for_requests else patient_s,
        connect_s=knobs.connect_ms / _S_MS,
        handshake_s=knobs.handshake_ms / _S_MS,
    )
    pool = PoolValues(connections=knobs.connections if for_requests else _CHORE_CONNECTIONS)
    return RedisValues(knobs.key_prefix, times, pool, poll_s=knobs.overlay_poll_ms / _S_MS)


def open_event_log(settings: Settings) -> EventLog:
    """Opens the Parquet event log, which may be empty."""
    return EventLog(settings.data_dir / "events")


def compact(store: Store, event_log: EventLog) -> DrainResult:
    """Moves queued entries into the event log and removes what has expired; returns what was moved."""
    moved = store.drain(event_log)
    for _ in range(_SWEEPS_MAX):
        if not store.sweep().more:
            break
    return moved


def chores(settings: Settings, store: Store, event_log: EventLog) -> list[PeriodicTask]:
    """Returns what the parent does now and then."""

    def expire_logs() -> None:
        expire_files(settings.data_dir / "logs", LOG_PATTERNS, settings.logs.retention_days, time.time())

    def compact_and_tell() -> None:
        moved = compact(store, event_log)
        if moved != DrainResult():
            log.info("moved into the event log: %s", moved)

    def merge_files() -> None:
        event_log.merge_files()

    def trim_overlay() -> None:
        entries = list_releases(settings.data_dir / "releases")
        held = [entry.manifest.overlay_sequence for entry in entries if entry.manifest is not None]
        if held:
            store.overlay.trim(min(held))

    return [
        PeriodicTask("compact", settings.store.compact_interval_s, compact_and_tell),
        PeriodicTask("merge-event-files", _HOUR_S, merge_files),
        PeriodicTask("trim-item-changes", _HOUR_S, trim_overlay),
        PeriodicTask("expire-logs", _HOUR_S, expire_logs),
    ]
