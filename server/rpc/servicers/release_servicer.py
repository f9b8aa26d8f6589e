"""ReleaseService, on the admin port."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

import grpc
from shortlist.v1 import release_service_pb2 as pb
from shortlist.v1 import release_service_pb2_grpc as pb_grpc

from server.rpc.conversions.releases import release_message, worker_message
from server.rpc.use_cases import ReleaseUseCases
from server.rpc.validation.field_checks import Violations
from server.rpc.validation.releases import check_activate_release


class ReleaseServicer(pb_grpc.ReleaseServiceServicer):
    """Releases."""

    def __init__(self, use_cases: ReleaseUseCases) -> None:
        self._use_cases = use_cases

    def ListReleases(
        self, request: pb.ListReleasesRequest, context: grpc.ServicerContext
    ) -> pb.ListReleasesResponse:
        """Returns the releases on disk."""
        releases = self._use_cases.list_releases()
        return pb.ListReleasesResponse(releases=[release_message(release) for release in releases])

    def ActivateRelease(
        self, request: pb.ActivateReleaseRequest, context: grpc.ServicerContext
    ) -> pb.ActivateReleaseResponse:
        """Serves another release."""
        violations = Violations()
        check_activate_release(violations, request)
        violations.raise_if_any()
        workers = self._use_cases.activate(request.version)
        return pb.ActivateReleaseResponse(workers=[worker_message(worker) for worker in workers])

    def RollBack(self, request: pb.RollBackRequest, context: grpc.ServicerContext) -> pb.RollBackResponse:
        """Serves the release before the current one."""
        workers = self._use_cases.roll_back()
        return pb.RollBackResponse(workers=[worker_message(worker) for worker in workers])

    def GetServingStatus(
        self, request: pb.GetServingStatusRequest, context: grpc.ServicerContext
    ) -> pb.GetServingStatusResponse:
        """Returns what every worker serves now."""
        release_version, workers = self._use_cases.status()
        return pb.GetServingStatusResponse(
            release_version=release_version, workers=[worker_message(worker) for worker in workers]
        )
