"""The synchronous client. Safe for use by many threads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol, TypeVar, cast

import grpc

from shortlist.channel import ClientOptions
from shortlist.errors import DeadlinePassed, ShortlistError, error_of
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


class Call(Protocol[RequestIn, ResponseOut]):
    """One RPC: takes its request, returns its response, raises ShortlistError."""

    def __call__(
        self, request: RequestIn, *, timeout_s: float | None = None, traceparent: str | None = None
    ) -> ResponseOut:
        """timeout_s: the call's deadline; None takes the options'. traceparent: W3C trace context to pass on."""
        ...


class Client:
    """Calls to one address: every RPC of the contract by its name. A context manager closes the connection."""

    def __init__(self, address: str, options: ClientOptions | None = None) -> None:
        """address: host:port, or any target of gRPC. Nothing is connected until the first call."""
        self._options = options or ClientOptions()
        credentials = self._options.credentials(address)
        grpc_options = self._options.grpc_options()
        self.channel = (
            grpc.insecure_channel(address, options=grpc_options)
            if credentials is None
            else grpc.secure_channel(address, credentials, options=grpc_options)
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

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; calls that run are cancelled."""
        self.channel.close()

    def recommend(
        self, request: api.RecommendRequest, *, timeout_s: float | None = None, traceparent: str | None = None
    ) -> api.RecommendResponse:
        """Returns the items to show; those of the options' fallback when the deadline passes."""
        try:
            return self._recommend(request, timeout_s=timeout_s, traceparent=traceparent)
        except DeadlinePassed as late:
            return self._options.fallback_answer(request, late)

    def _call(self, method: grpc.UnaryUnaryMultiCallable[Request, Response]) -> Call[Request, Response]:
        options = self._options

        def call(
            request: Request, *, timeout_s: float | None = None, traceparent: str | None = None
        ) -> Response:
            deadline = time.monotonic() + (options.timeout_s if timeout_s is None else timeout_s)
            metadata = options.metadata(traceparent)
            try:
                return method(request, timeout=deadline - time.monotonic(), metadata=metadata)
            except grpc.RpcError as error:
                failure = _typed(error)
                if not failure.is_unreachable:
                    raise failure from error
            # A worker that ends may take new connections with it. The rest of the time is for another one.
            try:
                left = deadline - time.monotonic()
                return method(request, timeout=left, metadata=metadata, wait_for_ready=True)
            except grpc.RpcError as error:
                again = _typed(error)
                raise (failure if isinstance(again, DeadlinePassed) else again) from error

        return call


def _typed(error: grpc.RpcError) -> ShortlistError:
    failed = cast(grpc.Call, error)
    trailers = cast(Sequence[tuple[str, str | bytes]], failed.trailing_metadata() or ())
    return error_of(failed.code(), failed.details(), trailers)
