from __future__ import annotations

import logging

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ResourceInfo, RetryInfo
from shortlist.v1 import recommendation_service_pb2 as pb
from shortlist.v1 import release_service_pb2 as release_pb

from server.errors import (
    ContractBroken,
    DeadlineExceeded,
    FieldViolation,
    InvalidRequest,
    NotFound,
    NotReady,
    Overloaded,
    PermissionDenied,
    Refused,
    ReleaseRefused,
    ShortlistError,
    StoreUnavailable,
    Unauthenticated,
    Unavailable,
)
from tests.support.recording_use_cases import RecordingUseCases
from tests.support.rpc_client import Refusal, RpcClient, refusal_of

SECRET = "/srv/secret/path: connection refused"
REQUEST = pb.RecommendRequest(user_id="u")


def refused(client: RpcClient, use_cases: RecordingUseCases, error: Exception) -> Refusal:
    use_cases.error = error
    return refusal_of(client.recommendations.Recommend, REQUEST)


@pytest.mark.parametrize(
    ("error", "code", "reason", "text"),
    [
        (
            InvalidRequest([FieldViolation("scenario", "UNKNOWN_SCENARIO", "is not set up")]),
            grpc.StatusCode.INVALID_ARGUMENT,
            "UNKNOWN_SCENARIO",
            "scenario: is not set up",
        ),
        (
            NotFound("item", "i1", reason="ITEM_NOT_FOUND"),
            grpc.StatusCode.NOT_FOUND,
            "ITEM_NOT_FOUND",
            "item not found",
        ),
        (
            Refused("there is no release before this one"),
            grpc.StatusCode.FAILED_PRECONDITION,
            "REFUSED",
            "there is no release before this one",
        ),
        (
            ReleaseRefused("a hash differs", reason="RELEASE_CORRUPT"),
            grpc.StatusCode.FAILED_PRECONDITION,
            "RELEASE_CORRUPT",
            "a hash differs",
        ),
        (
            Overloaded(SECRET),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "OVERLOADED",
            "The server is at its limit; try again later.",
        ),
        (
            NotReady(SECRET),
            grpc.StatusCode.UNAVAILABLE,
            "NOT_READY",
            "The server is starting or draining; try again.",
        ),
        (
            StoreUnavailable(SECRET),
            grpc.StatusCode.UNAVAILABLE,
            "STORE_UNAVAILABLE",
            "A store did not answer, or is full; try again later.",
        ),
        (Unavailable(SECRET), grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "Try again later."),
        (
            Unauthenticated(SECRET),
            grpc.StatusCode.UNAUTHENTICATED,
            "TOKEN_INVALID",
            "This server asks for a valid bearer token.",
        ),
        (
            PermissionDenied(SECRET),
            grpc.StatusCode.PERMISSION_DENIED,
            "ROLE_MISSING",
            "The token lacks the role that this call needs.",
        ),
        (
            DeadlineExceeded(SECRET),
            grpc.StatusCode.DEADLINE_EXCEEDED,
            "DEADLINE",
            "The time that the caller gave is used up.",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_domain_error_becomes_its_row(
    client: RpcClient,
    use_cases: RecordingUseCases,
    error: ShortlistError,
    code: grpc.StatusCode,
    reason: str,
    text: str,
) -> None:
    refusal = refused(client, use_cases, error)
    assert (refusal.code, refusal.text) == (code, text)
    assert (refusal.info.reason, refusal.info.domain) == (reason, "shortlist")


@pytest.mark.parametrize("kind", [ContractBroken, ShortlistError, KeyError, RuntimeError])
def test_anything_else_is_internal_and_tells_only_a_log_id(
    client: RpcClient,
    use_cases: RecordingUseCases,
    caplog: pytest.LogCaptureFixture,
    kind: type[Exception],
) -> None:
    with caplog.at_level(logging.ERROR, logger="server.rpc.interceptors"):
        refusal = refused(client, use_cases, kind(SECRET))
    assert (refusal.code, refusal.info.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "secret" not in str(refusal.status) + refusal.text
    assert list(refusal.info.metadata) == ["log_id"]
    assert refusal.info.metadata["log_id"] in caplog.text
    assert SECRET in caplog.text


def test_a_bad_field_has_its_violation(client: RpcClient, use_cases: RecordingUseCases) -> None:
    refusal = refused(
        client, use_cases, InvalidRequest([FieldViolation("scenario", "UNKNOWN_SCENARIO", "is not set up")])
    )
    detail = refusal.detail(BadRequest)
    assert detail is not None
    (violation,) = detail.field_violations
    assert (violation.field, violation.reason, violation.description) == (
        "scenario",
        "UNKNOWN_SCENARIO",
        "is not set up",
    )


def test_a_missing_thing_is_named(client: RpcClient, use_cases: RecordingUseCases) -> None:
    refusal = refused(client, use_cases, NotFound("item", "i1", reason="ITEM_NOT_FOUND"))
    detail = refusal.detail(ResourceInfo)
    assert detail is not None
    assert (detail.resource_type, detail.resource_name) == ("item", "i1")
    assert dict(refusal.info.metadata) == {"resource_type": "item", "resource_name": "i1"}


@pytest.mark.parametrize("kind", [Overloaded, NotReady, StoreUnavailable, Unavailable])
def test_what_may_be_tried_again_says_when(
    client: RpcClient, use_cases: RecordingUseCases, kind: type[Unavailable]
) -> None:
    detail = refused(client, use_cases, kind("later", retry_after_ms=250)).detail(RetryInfo)
    assert detail is not None
    assert detail.retry_delay.ToMilliseconds() == 250


def test_the_admin_port_answers_errors_alike(admin_client: RpcClient, use_cases: RecordingUseCases) -> None:
    use_cases.error = NotFound("release", "v9", reason="RELEASE_NOT_FOUND")
    refusal = refusal_of(
        admin_client.releases.ActivateRelease, release_pb.ActivateReleaseRequest(version="v9")
    )
    assert (refusal.code, refusal.info.reason) == (grpc.StatusCode.NOT_FOUND, "RELEASE_NOT_FOUND")
