"""The client of Shortlist: `Client` and `AsyncClient`, typed errors, events in batches.

`shortlist.v1` is the contract as generated code.
"""

from shortlist.aio import AsyncClient, AsyncEventWriter
from shortlist.channel import ClientOptions, timestamp
from shortlist.client import Client
from shortlist.errors import (
    DeadlinePassed,
    FieldViolation,
    InvalidRequest,
    NotFound,
    Overloaded,
    Refused,
    ShortlistError,
    Unavailable,
)
from shortlist.events import BufferFull, EventsNotWritten, EventWriter, EventWriterOptions

__all__ = [
    "AsyncClient",
    "AsyncEventWriter",
    "BufferFull",
    "Client",
    "ClientOptions",
    "DeadlinePassed",
    "EventWriter",
    "EventWriterOptions",
    "EventsNotWritten",
    "FieldViolation",
    "InvalidRequest",
    "NotFound",
    "Overloaded",
    "Refused",
    "ShortlistError",
    "Unavailable",
    "timestamp",
]
