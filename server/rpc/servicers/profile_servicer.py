"""ProfileService."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

import grpc
from shortlist.v1 import profile_service_pb2 as pb
from shortlist.v1 import profile_service_pb2_grpc as pb_grpc

from server.rpc.conversions.profiles import profile_message, user_profile
from server.rpc.use_cases import ProfileUseCases
from server.rpc.validation.field_checks import Violations
from server.rpc.validation.profiles import check_link_session, check_upsert_profile, check_user


class ProfileServicer(pb_grpc.ProfileServiceServicer):
    """Users."""

    def __init__(self, use_cases: ProfileUseCases) -> None:
        self._use_cases = use_cases

    def UpsertProfile(
        self, request: pb.UpsertProfileRequest, context: grpc.ServicerContext
    ) -> pb.UpsertProfileResponse:
        """Sets a user's profile."""
        violations = Violations()
        check_upsert_profile(violations, request)
        violations.raise_if_any()
        self._use_cases.upsert_profile(user_profile(request.profile))
        return pb.UpsertProfileResponse()

    def GetProfile(
        self, request: pb.GetProfileRequest, context: grpc.ServicerContext
    ) -> pb.GetProfileResponse:
        """Returns a user's profile."""
        violations = Violations()
        check_user(violations, request)
        violations.raise_if_any()
        return pb.GetProfileResponse(profile=profile_message(self._use_cases.get_profile(request.user_id)))

    def DeleteUser(
        self, request: pb.DeleteUserRequest, context: grpc.ServicerContext
    ) -> pb.DeleteUserResponse:
        """Erases a user."""
        violations = Violations()
        check_user(violations, request)
        violations.raise_if_any()
        return pb.DeleteUserResponse(existed=self._use_cases.delete_user(request.user_id))

    def LinkSession(
        self, request: pb.LinkSessionRequest, context: grpc.ServicerContext
    ) -> pb.LinkSessionResponse:
        """Gives a session's events to a user."""
        violations = Violations()
        check_link_session(violations, request)
        violations.raise_if_any()
        moved = self._use_cases.link_session(request.session_id, request.user_id)
        return pb.LinkSessionResponse(moved_event_count=moved)
