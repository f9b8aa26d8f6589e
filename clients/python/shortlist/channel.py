"""How a channel to Shortlist is set up, for the sync and the asyncio client alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from shortlist.errors import DeadlinePassed
from shortlist.v1 import recommendation_service_pb2 as api

SERVICE_CONFIG = files("shortlist").joinpath("service_config.json").read_text(encoding="utf-8")
"""The published policy. It has no timeout on purpose: grpcio ends such calls after 0 ms; each call has its own."""

NUM_ITEMS_DEFAULT = 20

Fallback = Callable[[api.RecommendRequest], Iterable[str]]
Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How a client talks to the server. The defaults suit calls inside one data centre, without TLS."""

    timeout_s: float = 0.1
    """Deadline of a call that names none."""
    token: str = field(default="", repr=False)
    """Bearer token of every call. It needs TLS, except to the loopback address."""
    tls: bool = False
    """Whether the connection is encrypted and the server's certificate verified."""
    root_certificates: bytes | None = None
    """PEM of the authorities to trust, with tls; None takes gRPC's own."""
    traceparent: Callable[[], str | None] | None = None
    """Asked at each call for the W3C trace context to pass on, such as that of the current span."""
    fallback: Fallback | None = None
    """Gives the item ids to answer Recommend with when the deadline passes; without it the call raises."""
    channel_options: tuple[tuple[str, str | int], ...] = ()
    """Options of gRPC that are added to, and win over, those set here."""

    def credentials(self, address: str) -> grpc.ChannelCredentials | None:
        """Returns TLS credentials, or None for a plain connection. Raises ValueError for a token in plain text."""
        if self.tls:
            return grpc.ssl_channel_credentials(self.root_certificates)
        if self.token and not address.startswith(("127.0.0.1:", "localhost:", "[::1]:", "unix:")):
            raise ValueError("a token needs tls=True, except to the loopback address")
        return None

    def grpc_options(self) -> list[tuple[str, str | int]]:
        """Returns the channel's options: service config and keepalive, then the caller's own."""
        return [
            ("grpc.service_config", SERVICE_CONFIG),
            ("grpc.enable_retries", 1),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1_000),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 5_000),
            ("grpc.keepalive_permit_without_calls", 1),
            *self.channel_options,
        ]

    def metadata(self, traceparent: str | None) -> Metadata:
        """Returns the metadata of one call; traceparent: the call's own, which wins over the options'."""
        if traceparent is None and self.traceparent is not None:
            traceparent = self.traceparent()
        pairs = (
            ("authorization", f"Bearer {self.token}" if self.token else ""),
            ("traceparent", traceparent),
        )
        return tuple((key, value) for key, value in pairs if value)

    def fallback_answer(self, request: api.RecommendRequest, error: DeadlinePassed) -> api.RecommendResponse:
        """Returns the caller's own list as a degraded answer. Raises the error where there is no fallback."""
        if self.fallback is None:
            raise error
        excluded = set(request.excluded_item_ids)
        ids = [item_id for item_id in self.fallback(request) if item_id not in excluded]
        return api.RecommendResponse(
            items=[
                api.RecommendedItem(item_id=item_id, position=position, sources=[api.SOURCE_KIND_CALLER])
                for position, item_id in enumerate(ids[: request.num_items or NUM_ITEMS_DEFAULT])
            ],
            degraded=True,
            degraded_reasons=[api.DEGRADED_REASON_DEADLINE],
        )


def timestamp(moment: datetime) -> Timestamp:
    """Returns a protobuf time. Raises ValueError for a datetime without a zone."""
    if moment.tzinfo is None:
        raise ValueError("the datetime has no time zone")
    made = Timestamp()
    made.FromDatetime(moment)
    return made
