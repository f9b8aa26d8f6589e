"""Checks of ProfileService's requests."""

from __future__ import annotations

from shortlist.v1 import profile_service_pb2 as pb

from server.features.event_types import Gender
from server.rpc.validation.field_checks import Violations, check_enum, check_id, check_number

LOCATION_CLUSTER_MAX = 32_767


def check_upsert_profile(violations: Violations, request: pb.UpsertProfileRequest) -> None:
    """Adds what is wrong with the profile."""
    if not request.HasField("profile"):
        violations.add("profile", "FIELD_MISSING", "is required")
        return
    profile = request.profile
    check_id(violations, "profile.user_id", profile.user_id)
    check_enum(violations, "profile.gender", profile.gender, Gender)
    if profile.age_bucket not in pb.AgeBucket.values():
        violations.add("profile.age_bucket", "UNKNOWN_ENUM_VALUE", "is not a known AgeBucket")
    if profile.HasField("location_cluster"):
        check_number(
            violations, "profile.location_cluster", profile.location_cluster, 0, LOCATION_CLUSTER_MAX
        )


def check_user(violations: Violations, request: pb.GetProfileRequest | pb.DeleteUserRequest) -> None:
    """Adds what is wrong with a request that names a user and nothing else."""
    check_id(violations, "user_id", request.user_id)


def check_link_session(violations: Violations, request: pb.LinkSessionRequest) -> None:
    """Adds what is wrong with the request."""
    check_id(violations, "session_id", request.session_id)
    check_id(violations, "user_id", request.user_id)
