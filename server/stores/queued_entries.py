"""Writes queued entries into the event log: the part of a drain that is the same for every store."""

from __future__ import annotations

from collections.abc import Iterable

from server.features.user_event import UserEvent
from server.stores.entry_codec import (
    QueueKind,
    queued_kind,
    unpack_queued_erasure,
    unpack_queued_event,
    unpack_queued_link,
)
from server.stores.protocols import SessionLink
from server.stores.store import DrainResult, EventLogSink


def append_entries(event_log: EventLogSink, entries: Iterable[bytes], name: str) -> DrainResult:
    """Writes a batch under its name, by which the log knows it when it comes again; takes all entries before."""
    events: list[UserEvent] = []
    links: list[SessionLink] = []
    erasures: list[tuple[str, int]] = []
    for entry in entries:
        kind = queued_kind(entry)
        if kind is QueueKind.EVENT:
            events.append(unpack_queued_event(entry))
        elif kind is QueueKind.LINK:
            links.append(unpack_queued_link(entry))
        else:
            erasures.append(unpack_queued_erasure(entry))
    if events:
        event_log.append_events(events, name)
    if links:
        event_log.append_links(links, name)
    for user_id, time_us in erasures:
        event_log.erase_user(user_id, time_us)
    return DrainResult(len(events), len(links), len(erasures))
