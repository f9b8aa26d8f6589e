"""ProfileService's messages."""

from __future__ import annotations

from shortlist.v1 import profile_service_pb2 as pb

from server.handlers.messages import UserProfile
from server.rpc.conversions.times import timestamp_or_none


def user_profile(profile: pb.UserProfile) -> UserProfile:
    """Returns the profile to write; what is output only is left out."""
    return UserProfile(
        user_id=profile.user_id,
        age_bucket=profile.age_bucket,
        gender=profile.gender,
        location_cluster=profile.location_cluster if profile.HasField("location_cluster") else -1,
    )


def profile_message(profile: UserProfile) -> pb.UserProfile:
    """Returns the profile as GetProfile answers it; what is unknown is unset."""
    return pb.UserProfile(
        user_id=profile.user_id,
        age_bucket=pb.AgeBucket.ValueType(profile.age_bucket),
        gender=pb.Gender.ValueType(profile.gender),
        location_cluster=profile.location_cluster if profile.location_cluster >= 0 else None,
        total_events=profile.total_events,
        create_time=timestamp_or_none(profile.created_time_s),
        update_time=timestamp_or_none(profile.updated_time_s),
    )
