from __future__ import annotations

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from shortlist.v1 import profile_service_pb2 as pb

from server.features.event_types import Gender
from server.handlers.messages import UserProfile
from server.rpc.conversions.profiles import profile_message, user_profile
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import RpcClient, refusal_of


def upsert(**fields: object) -> pb.UpsertProfileRequest:
    return pb.UpsertProfileRequest(profile=pb.UserProfile(**fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "request_", "expected"),
    [
        ("UpsertProfile", pb.UpsertProfileRequest(), [("profile", "FIELD_MISSING")]),
        ("UpsertProfile", upsert(), [("profile.user_id", "FIELD_MISSING")]),
        ("UpsertProfile", upsert(user_id="u", gender=4), [("profile.gender", "UNKNOWN_ENUM_VALUE")]),
        ("UpsertProfile", upsert(user_id="u", age_bucket=8), [("profile.age_bucket", "UNKNOWN_ENUM_VALUE")]),
        ("UpsertProfile", upsert(user_id="u", age_bucket=-1), [("profile.age_bucket", "UNKNOWN_ENUM_VALUE")]),
        (
            "UpsertProfile",
            upsert(user_id="u", location_cluster=32_768),
            [("profile.location_cluster", "FIELD_OUT_OF_RANGE")],
        ),
        (
            "UpsertProfile",
            upsert(user_id="u", location_cluster=-1),
            [("profile.location_cluster", "FIELD_OUT_OF_RANGE")],
        ),
        ("GetProfile", pb.GetProfileRequest(), [("user_id", "FIELD_MISSING")]),
        ("DeleteUser", pb.DeleteUserRequest(user_id="u\n"), [("user_id", "INVALID_CHARACTER")]),
        (
            "LinkSession",
            pb.LinkSessionRequest(),
            [("session_id", "FIELD_MISSING"), ("user_id", "FIELD_MISSING")],
        ),
    ],
)
def test_wrong_requests_are_named_and_reach_no_handler(
    client: RpcClient,
    use_cases: RecordingUseCases,
    method: str,
    request_: Message,
    expected: list[tuple[str, str]],
) -> None:
    assert refusal_of(getattr(client.profiles, method), request_).violations == expected
    assert use_cases.calls == []


def test_a_profile_is_written_without_what_is_output_only(
    client: RpcClient, use_cases: RecordingUseCases
) -> None:
    client.profiles.UpsertProfile(
        upsert(
            user_id="u",
            age_bucket=pb.AGE_BUCKET_25_TO_34,
            gender=pb.GENDER_OTHER,
            location_cluster=0,
            total_events=9,
        )
    )
    assert use_cases.only_call() == (UserProfile("u", age_bucket=3, gender=Gender.OTHER, location_cluster=0),)


def test_an_unset_place_is_unknown(client: RpcClient, use_cases: RecordingUseCases) -> None:
    client.profiles.UpsertProfile(upsert(user_id="u"))
    assert use_cases.only_call() == (UserProfile("u"),)


def test_a_profile_is_read_whole(client: RpcClient, use_cases: RecordingUseCases) -> None:
    use_cases.profile = UserProfile("u", 3, Gender.FEMALE, 7, 12, 1_000, 2_000)
    profile = client.profiles.GetProfile(pb.GetProfileRequest(user_id="u")).profile
    assert (profile.age_bucket, profile.gender) == (pb.AGE_BUCKET_25_TO_34, pb.GENDER_FEMALE)
    assert (profile.location_cluster, profile.total_events) == (7, 12)
    assert (profile.create_time.seconds, profile.update_time.seconds) == (1_000, 2_000)


def test_an_empty_profile_has_its_id_only(client: RpcClient) -> None:
    profile = client.profiles.GetProfile(pb.GetProfileRequest(user_id="u")).profile
    assert [field.name for field, _ in profile.ListFields()] == ["user_id"]


def test_erasing_tells_whether_anything_was_known(client: RpcClient, use_cases: RecordingUseCases) -> None:
    assert client.profiles.DeleteUser(pb.DeleteUserRequest(user_id="u")).existed
    assert use_cases.only_call() == ("u",)


def test_linking_tells_how_many_events_moved(client: RpcClient, use_cases: RecordingUseCases) -> None:
    answer = client.profiles.LinkSession(pb.LinkSessionRequest(session_id="s", user_id="u"))
    assert use_cases.only_call() == ("s", "u")
    assert answer.moved_event_count == 3


@given(
    st.builds(
        UserProfile,
        user_id=st.text(max_size=20),
        age_bucket=st.integers(0, 7),
        gender=st.integers(0, 3),
        location_cluster=st.integers(-1, 32_767),
    )
)
def test_a_profile_comes_back_as_it_went(profile: UserProfile) -> None:
    assert user_profile(profile_message(profile)) == profile
