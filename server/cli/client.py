"""A small client for people: what `recommend`, `demo`, `releases` and the end-to-end tests talk to a server with."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from shortlist.channel import SERVICE_CONFIG
from shortlist.v1 import (
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    event_types_pb2,
    recommendation_service_pb2,
    recommendation_service_pb2_grpc,
)

from server.features.event_types import EventType, PageType
from server.front_settings import is_loopback
from server.handlers.messages import CatalogItem


@dataclass(slots=True)
class ShortlistClient:
    """One connection to a server. Raises grpc.RpcError; a context manager closes the connection.

    address: host:port. timeout_s: of every call. authority: PEM of who signed the server's certificate; without it
    the connection is plain text. token: sent with every call, over TLS only.
    """

    address: str
    timeout_s: float = 5.0
    authority: bytes | None = None
    token: str = ""
    _channel: grpc.Channel = field(init=False)
    _recommendations: recommendation_service_pb2_grpc.RecommendationServiceStub = field(init=False)
    _events: event_service_pb2_grpc.EventServiceStub = field(init=False)
    _catalog: catalog_service_pb2_grpc.CatalogServiceStub = field(init=False)
    _items: dict[str, catalog_service_pb2.Item] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        options = [
            ("grpc.service_config", SERVICE_CONFIG),
            ("grpc.enable_retries", 1),
            # Connections of one process are shared by address unless told otherwise; tests want one a worker.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        credentials = self._credentials()
        if credentials is None:
            self._channel = grpc.insecure_channel(self.address, options=options)
        else:
            self._channel = grpc.secure_channel(self.address, credentials, options=options)
        self._recommendations = recommendation_service_pb2_grpc.RecommendationServiceStub(self._channel)
        self._events = event_service_pb2_grpc.EventServiceStub(self._channel)
        self._catalog = catalog_service_pb2_grpc.CatalogServiceStub(self._channel)

    def _credentials(self) -> grpc.ChannelCredentials | None:
        """Returns TLS credentials with the token; a token without TLS goes to this machine only, else ValueError."""
        if self.authority is None:
            if not self.token:
                return None
            if not is_loopback(self.address.rpartition(":")[0].strip("[]")):
                raise ValueError("a token is sent to another machine over TLS only")
            channel = grpc.local_channel_credentials(grpc.LocalConnectionType.LOCAL_TCP)
        else:
            channel = grpc.ssl_channel_credentials(self.authority)
        if not self.token:
            return channel
        return grpc.composite_channel_credentials(channel, grpc.access_token_call_credentials(self.token))

    def __enter__(self) -> ShortlistClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def is_serving(self, service: str = "") -> bool:
        """Returns whether the server says SERVING; False when it cannot be reached."""
        stub = health_pb2_grpc.HealthStub(self._channel)
        try:
            reply = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=self.timeout_s)
        except grpc.RpcError:
            return False
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)

    def recommend(
        self, request: recommendation_service_pb2.RecommendRequest
    ) -> recommendation_service_pb2.RecommendResponse:
        """Returns a ranked list."""
        return self._recommendations.Recommend(request, timeout=self.timeout_s)

    def write_events(
        self, events: Sequence[event_service_pb2.UserEvent]
    ) -> event_service_pb2.WriteEventsResponse:
        """Stores events; they count from the next request on."""
        return self._events.WriteEvents(
            event_service_pb2.WriteEventsRequest(events=events), timeout=self.timeout_s
        )

    def upsert_items(self, items: Iterable[CatalogItem]) -> int:
        """Creates or changes items; returns the sequence number of the change."""
        request = catalog_service_pb2.UpsertItemsRequest(items=[_item_message(item) for item in items])
        self._items.clear()
        return int(self._catalog.UpsertItems(request, timeout=self.timeout_s).overlay_sequence)

    def delete_items(self, item_ids: Sequence[str]) -> None:
        """Takes items out of the catalogue."""
        self._items.clear()
        self._catalog.DeleteItems(
            catalog_service_pb2.DeleteItemsRequest(item_ids=item_ids), timeout=self.timeout_s
        )

    def item(self, item_id: str) -> catalog_service_pb2.Item:
        """Returns an item as the catalogue has it; an item with its id alone when it is unknown. Remembered."""
        if item_id not in self._items:
            request = catalog_service_pb2.GetItemRequest(item_id=item_id)
            try:
                self._items[item_id] = self._catalog.GetItem(request, timeout=self.timeout_s).item
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                self._items[item_id] = catalog_service_pb2.Item(item_id=item_id)
        return self._items[item_id]

    def title(self, item_id: str) -> str:
        """Returns an item's name for a person: its title, or else its id."""
        return self.item(item_id).title or item_id


def recommend_request(
    *,
    user_id: str = "",
    session_id: str = "",
    session_item_ids: Sequence[str] = (),
    page_type: PageType = PageType.HOME,
    context_item_ids: Sequence[str] = (),
    num_items: int = 0,
    excluded_item_ids: Sequence[str] = (),
    category_ids: Sequence[str] = (),
    explain: bool = False,
) -> recommendation_service_pb2.RecommendRequest:
    """Returns a request; session_item_ids become clicks of a moment ago, oldest first."""
    clicks = [
        recommendation_service_pb2.SessionEvent(
            item_id=item_id,
            event_type=event_types_pb2.EVENT_TYPE_CLICK,
            event_time=timestamp(time.time() - 30 * (len(session_item_ids) - index)),
        )
        for index, item_id in enumerate(session_item_ids)
    ]
    return recommendation_service_pb2.RecommendRequest(
        user_id=user_id,
        session_id=session_id,
        session_events=clicks,
        page_type=event_types_pb2.PageType.Value(f"PAGE_TYPE_{page_type.name}"),
        context_item_ids=context_item_ids,
        num_items=num_items,
        excluded_item_ids=excluded_item_ids,
        category_ids=category_ids,
        explain=explain,
    )


def user_event(
    event_id: str, item_id: str, event_type: EventType, *, user_id: str = "", session_id: str = ""
) -> event_service_pb2.UserEvent:
    """Returns an event of now."""
    return event_service_pb2.UserEvent(
        event_id=event_id,
        user_id=user_id,
        session_id=session_id,
        item_id=item_id,
        event_type=event_types_pb2.EventType.Value(f"EVENT_TYPE_{event_type.name}"),
        event_time=timestamp(time.time()),
    )


def timestamp(time_s: float) -> Timestamp:
    """Returns a protobuf time of epoch seconds."""
    made = Timestamp()
    made.FromMicroseconds(int(time_s * 1e6))
    return made


def _item_message(item: CatalogItem) -> catalog_service_pb2.Item:
    message = catalog_service_pb2.Item(
        item_id=item.item_id,
        title=item.title,
        category_id=item.category_id,
        brand=item.brand,
        price=item.price,
        in_stock=item.in_stock,
        promoted=item.promoted,
        hidden=item.hidden,
        image_embedding=item.image_embedding or (),
    )
    if item.added_time_s is not None:
        message.added_time.CopyFrom(timestamp(item.added_time_s))
    if item.expire_time_s is not None:
        message.expire_time.CopyFrom(timestamp(item.expire_time_s))
    return message
