from __future__ import annotations

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shortlist.v1 import catalog_service_pb2 as catalog_pb
from shortlist.v1 import event_service_pb2 as event_pb
from shortlist.v1 import profile_service_pb2 as profile_pb
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1 import release_service_pb2 as release_pb

from tests.support.random_messages import is_path_into, messages
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient, refusal_of

REQUESTS: dict[str, type[Message]] = {
    "recommendations.Recommend": pb.RecommendRequest,
    "recommendations.RecommendSimilar": pb.RecommendSimilarRequest,
    "recommendations.RankItems": pb.RankItemsRequest,
    "recommendations.BatchRecommend": pb.BatchRecommendRequest,
    "events.WriteEvents": event_pb.WriteEventsRequest,
    "events.WriteImpressions": event_pb.WriteImpressionsRequest,
    "catalog.UpsertItems": catalog_pb.UpsertItemsRequest,
    "catalog.DeleteItems": catalog_pb.DeleteItemsRequest,
    "catalog.GetItem": catalog_pb.GetItemRequest,
    "profiles.UpsertProfile": profile_pb.UpsertProfileRequest,
    "profiles.GetProfile": profile_pb.GetProfileRequest,
    "profiles.DeleteUser": profile_pb.DeleteUserRequest,
    "profiles.LinkSession": profile_pb.LinkSessionRequest,
    "releases.ActivateRelease": release_pb.ActivateReleaseRequest,
}


@pytest.mark.parametrize("method", REQUESTS)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    # The server and what it records are the same for all examples on purpose.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_random_request_is_answered_or_told_which_fields_are_wrong(
    shared_client: RpcClient,
    shared_admin_client: RpcClient,
    use_cases: RecordingUseCases,
    method: str,
    data: st.DataObject,
) -> None:
    kind = REQUESTS[method]
    request = data.draw(messages(kind))
    service, name = method.split(".")
    client = shared_admin_client if service == "releases" else shared_client
    call = getattr(getattr(client, service), name)
    use_cases.calls.clear()
    try:
        call(request)
    except grpc.RpcError:
        refusal = refusal_of(call, request)
        assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refusal.violations
        assert all(is_path_into(kind.DESCRIPTOR, field) for field, _ in refusal.violations)
        assert use_cases.calls == []
    else:
        assert len(use_cases.calls) == 1
