from __future__ import annotations

import grpc
import pytest
from shortlist.v1 import release_service_pb2 as pb

from server.handlers.messages import ReleaseSummary, WorkerStatus
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient, refusal_of

WORKER = WorkerStatus(worker=1, pid=4_242, release_version="v2", overlay_sequence=17, heartbeat_age_ms=12.5)
WORKER_MESSAGE = pb.WorkerStatus(
    worker=1, pid=4_242, release_version="v2", overlay_sequence=17, heartbeat_age_ms=12.5
)


def test_releases_are_listed_as_they_are(admin_client: RpcClient, use_cases: RecordingUseCases) -> None:
    use_cases.releases = [
        ReleaseSummary("v2", 1_000, "v1", 5, 2**40, True, {"ndcg": 0.25}),
        ReleaseSummary("v1", 0, "", 0, 0, False, refused_reason="RELEASE_CORRUPT"),
    ]
    newest, oldest = admin_client.releases.ListReleases(pb.ListReleasesRequest()).releases
    assert (newest.version, newest.parent_version, newest.create_time.seconds) == ("v2", "v1", 1_000)
    assert (newest.item_count, newest.size_bytes, newest.serving) == (5, 2**40, True)
    assert dict(newest.metrics) == {"ndcg": 0.25}
    assert (oldest.refused_reason, oldest.HasField("create_time")) == ("RELEASE_CORRUPT", False)


def test_switching_answers_with_every_worker(admin_client: RpcClient, use_cases: RecordingUseCases) -> None:
    use_cases.workers = [WORKER]
    activated = admin_client.releases.ActivateRelease(pb.ActivateReleaseRequest(version="v2"))
    rolled_back = admin_client.releases.RollBack(pb.RollBackRequest())
    status = admin_client.releases.GetServingStatus(pb.GetServingStatusRequest())
    assert [list(answer.workers) for answer in (activated, rolled_back, status)] == [[WORKER_MESSAGE]] * 3
    assert status.release_version == "v1"
    assert [name for name, _ in use_cases.calls] == ["activate", "roll_back", "status"]


def test_activation_names_a_version(admin_client: RpcClient, use_cases: RecordingUseCases) -> None:
    refusal = refusal_of(admin_client.releases.ActivateRelease, pb.ActivateReleaseRequest())
    assert refusal.violations == [("version", "FIELD_MISSING")]
    assert use_cases.calls == []


def test_the_public_port_does_not_switch_releases(client: RpcClient) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.releases.RollBack(pb.RollBackRequest())
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
