"""A client of a server under test: all stubs on one channel, and refusals decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from shortlist.v1.catalog_service_pb2_grpc import CatalogServiceStub
from shortlist.v1.event_service_pb2_grpc import EventServiceStub
from shortlist.v1.profile_service_pb2_grpc import ProfileServiceStub
from shortlist.v1.recommendation_service_pb2_grpc import RecommendationServiceStub
from shortlist.v1.release_service_pb2_grpc import ReleaseServiceStub

M = TypeVar("M", bound=Message)


class RpcClient:
    """Stubs of all services, those of the other port included: what is not served is UNIMPLEMENTED."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{port}",
            options=[("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)],
        )
        self.recommendations = RecommendationServiceStub(self.channel)
        self.events = EventServiceStub(self.channel)
        self.catalog = CatalogServiceStub(self.channel)
        self.profiles = ProfileServiceStub(self.channel)
        self.releases = ReleaseServiceStub(self.channel)

    def close(self) -> None:
        """Closes the channel."""
        self.channel.close()


@dataclass(frozen=True)
class Refusal:
    """What a failed call said."""

    code: grpc.StatusCode
    text: str
    status: Status

    def detail(self, kind: type[M]) -> M | None:
        """Returns the detail of a type, or None where there is none."""
        found = kind()
        for packed in self.status.details:
            if packed.Unpack(found):
                return found
        return None

    @property
    def info(self) -> ErrorInfo:
        """The ErrorInfo that every refusal of the server has."""
        info = self.detail(ErrorInfo)
        assert info is not None
        return info

    @property
    def violations(self) -> list[tuple[str, str]]:
        """(field, reason) of each violation, in order."""
        bad_request = self.detail(BadRequest)
        return [(v.field, v.reason) for v in bad_request.field_violations] if bad_request else []


def refusal_of(call: Callable[..., Any], request: Any, **options: Any) -> Refusal:
    """Makes a call that must fail, and returns what it said."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request, **options)
    error = caught.value
    trailers: Any = dict(error.trailing_metadata() or ())  # type: ignore[arg-type]  # pairs, not typed as such
    status = Status.FromString(trailers.get("grpc-status-details-bin", b""))
    return Refusal(error.code(), error.details() or "", status)
