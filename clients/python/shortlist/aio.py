"""The asyncio client and its event writer: as the synchronous ones, awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar, cast

import grpc

from shortlist.channel import ClientOptions
from shortlist.errors import DeadlinePassed, ShortlistError, error_of
from shortlist.events import Batches, BufferFull, EventsNotWritten, EventWriterOptions
from shortlist.v1 import event_service_pb2 as event_api
from shortlist.v1 import recommendation_service_pb2 as api
from shortlist.v1.catalog_service_pb2_grpc import CatalogServiceStub
from shortlist.v1.event_service_pb2_grpc import EventServiceStub
from shortlist.v1.profile_service_pb2_grpc import ProfileServiceStub
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub
from shortlist.v1.release_service_pb2_grpc import ReleaseServiceStub

Request = TypeVar("Request")
Response = TypeVar("Response")
RequestIn = TypeVar("RequestIn", contravariant=True)
ResponseOut = TypeVar("ResponseOut", covariant=True)


class AsyncCall(Protocol[RequestIn, ResponseOut]):
    """One RPC: takes its request, returns its response, raises ShortlistError. Cancelling it cancels the call."""

    def __call__(
        self, request: RequestIn, *, timeout_s: float | None = None, traceparent: str | None = None
    ) -> Awaitable[ResponseOut]:
        """timeout_s: the call's deadline; None takes the options'. traceparent: W3C trace context to pass on."""
        ...


class AsyncClient:
    """Calls to one address: every RPC of the contract by its name. Made and used inside one event loop."""

    def __init__(self, address: str, options: ClientOptions | None = None) -> None:
        """address: host:port, or any target of gRPC. Nothing is connected until the first call."""
        self._options = options or ClientOptions()
        credentials = self._options.credentials(address)
        grpc_options = self._options.grpc_options()
        self.channel = (
            grpc.aio.insecure_channel(address, options=grpc_options)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials, options=grpc_options)
        )
        recommendations = RecommendationServiceStub(self.channel)
        self._recommend = self._call(recommendations.Recommend)
        self.recommend_similar = self._call(recommendations.RecommendSimilar)
        self.rank_items = self._call(recommendations.RankItems)
        self.batch_recommend = self._call(recommendations.BatchRecommend)
        events = EventServiceStub(self.channel)
        self.write_events = self._call(events.WriteEvents)
        self.write_impressions = self._call(events.WriteImpressions)
        catalog = CatalogServiceStub(self.channel)
        self.upsert_items = self._call(catalog.UpsertItems)
        self.delete_items = self._call(catalog.DeleteItems)
        self.get_item = self._call(catalog.GetItem)
        profiles = ProfileServiceStub(self.channel)
        self.upsert_profile = self._call(profiles.UpsertProfile)
        self.get_profile = self._call(profiles.GetProfile)
        self.delete_user = self._call(profiles.DeleteUser)
        self.link_session = self._call(profiles.LinkSession)
        # Served at the admin address only.
        releases = ReleaseServiceStub(self.channel)
        self.list_releases = self._call(releases.ListReleases)
        self.activate_release = self._call(releases.ActivateRelease)
        self.roll_back = self._call(releases.RollBack)
        self.get_serving_status = self._call(releases.GetServingStatus)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection; calls that run are cancelled."""
        await self.channel.close()

    async def recommend(
        self, request: api.RecommendRequest, *, timeout_s: float | None = None, traceparent: str | None = None
    ) -> api.RecommendResponse:
        """Returns the items to show; those of the options' fallback when the deadline passes."""
        try:
            return await self._recommend(request, timeout_s=timeout_s, traceparent=traceparent)
        except DeadlinePassed as late:
            return self._options.fallback_answer(request, late)

    def _call(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response]
    ) -> AsyncCall[Request, Response]:
        options = self._options

        async def call(
            request: Request, *, timeout_s: float | None = None, traceparent: str | None = None
        ) -> Response:
            deadline = time.monotonic() + (options.timeout_s if timeout_s is None else timeout_s)
            metadata = options.metadata(traceparent)
            try:
                return await method(request, timeout=deadline - time.monotonic(), metadata=metadata)
            except grpc.aio.AioRpcError as error:
                failure = _typed(error)
                if not failure.is_unreachable:
                    raise failure from error
            # A worker that ends may take new connections with it. The rest of the time is for another one.
            try:
                left = deadline - time.monotonic()
                return await method(request, timeout=left, metadata=metadata, wait_for_ready=True)
            except grpc.aio.AioRpcError as error:
                again = _typed(error)
                raise (failure if isinstance(again, DeadlinePassed) else again) from error

        return call


def _typed(error: grpc.aio.AioRpcError) -> ShortlistError:
    trailers = cast(Sequence[tuple[str, str | bytes]], tuple(error.trailing_metadata()))
    return error_of(error.code(), error.details(), trailers)


class AsyncEventWriter:
    """Writes events in batches from a task of its own. See EventWriter for what it promises.

    An async context manager closes it. Made inside a running event loop.
    """

    def __init__(self, client: AsyncClient, options: EventWriterOptions | None = None) -> None:
        self._client = client
        self._options = options or EventWriterOptions()
        self._batches = Batches(self._options)
        self._changed = asyncio.Condition()
        self._due = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def __aenter__(self) -> AsyncEventWriter:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def written_count(self) -> int:
        """Events that the server has, those that it had already included."""
        return self._batches.written_count

    async def write(self, event: event_api.UserEvent, *, timeout_s: float | None = None) -> None:
        """Takes one event; waits while the buffer is full. Raises BufferFull after timeout_s (None: never)."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(self._batches.has_room), timeout_s)
            except TimeoutError:
                raise BufferFull(self._options.buffer_max) from None
            if self._batches.add(event):
                self._due.set()

    async def close(self, *, timeout_s: float = 30) -> None:
        """Writes what is buffered, and ends. Raises EventsNotWritten with what is left after timeout_s."""
        self._batches.closed = True
        self._due.set()
        try:
            await asyncio.wait_for(self._task, timeout_s)
        except TimeoutError:
            raise EventsNotWritten(self._batches.pending) from None

    async def _run(self) -> None:
        while not self._batches.finished():
            if self._batches.idle():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._due.wait(), self._options.flush_interval_s)
                self._due.clear()
            await self._write(self._batches.next_batch())

    async def _write(self, batch: list[event_api.UserEvent]) -> None:
        while batch:
            request = event_api.WriteEventsRequest(events=batch)
            try:
                await self._client.write_events(request, timeout_s=self._options.timeout_s)
                batch = self._batches.written(batch)
            except ShortlistError as error:
                batch, pause_s = self._batches.failed(batch, error)
                await asyncio.sleep(pause_s)
        async with self._changed:
            self._changed.notify_all()
