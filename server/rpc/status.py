"""The one table from domain errors to google.rpc.Status.

| error            | code                | text            | details besides ErrorInfo            |
|------------------|---------------------|-----------------|--------------------------------------|
| InvalidRequest   | INVALID_ARGUMENT    | first violation | BadRequest                           |
| NotFound         | NOT_FOUND           | the error's     | ResourceInfo                         |
| Refused          | FAILED_PRECONDITION | the error's     | none                                 |
| Overloaded       | RESOURCE_EXHAUSTED  | fixed           | RetryInfo                            |
| NotReady         | UNAVAILABLE         | fixed           | RetryInfo                            |
| StoreUnavailable | UNAVAILABLE         | fixed           | RetryInfo                            |
| Unauthenticated  | UNAUTHENTICATED     | fixed           | none                                 |
| PermissionDenied | PERMISSION_DENIED   | fixed           | none                                 |
| DeadlineExceeded | DEADLINE_EXCEEDED   | fixed           | none                                 |
| anything else    | INTERNAL            | fixed           | none; ErrorInfo.metadata has log_id  |

A subclass takes the row of its nearest base. Texts are fixed where an error's own could name paths or hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, ResourceInfo, RetryInfo
from google.rpc.status_pb2 import Status

from server.errors import (
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    NotReady,
    Overloaded,
    PermissionDenied,
    Refused,
    ShortlistError,
    StoreUnavailable,
    Unauthenticated,
    Unavailable,
)

ERROR_DOMAIN = "shortlist"

VIOLATIONS_REPORTED_MAX = 25
"""Details travel in the trailers, for which clients allow 8 KiB by default; the count tells of the rest."""

INTERNAL_TEXT = "Internal error. The log id in the details finds it in the server's log."

Details = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class StatusRow:
    """How one kind of error is answered. text: None takes the error's own."""

    code: grpc.StatusCode
    text: str | None
    details: Callable[[ShortlistError], Details]


def _no_details(error: ShortlistError) -> Details:
    return ()


def _bad_request(error: ShortlistError) -> Details:
    assert isinstance(error, InvalidRequest)
    reported = error.violations[:VIOLATIONS_REPORTED_MAX]
    return (
        BadRequest(
            field_violations=[
                BadRequest.FieldViolation(field=v.field, description=v.description, reason=v.reason)
                for v in reported
            ]
        ),
    )


def _resource(error: ShortlistError) -> Details:
    assert isinstance(error, NotFound)
    return (ResourceInfo(resource_type=error.resource_type, resource_name=error.resource_name),)


def _retry(error: ShortlistError) -> Details:
    assert isinstance(error, Unavailable)
    delay = Duration()
    delay.FromMilliseconds(error.retry_after_ms)
    return (RetryInfo(retry_delay=delay),)


STATUS_TABLE: Mapping[type[ShortlistError], StatusRow] = {
    InvalidRequest: StatusRow(grpc.StatusCode.INVALID_ARGUMENT, None, _bad_request),
    NotFound: StatusRow(grpc.StatusCode.NOT_FOUND, None, _resource),
    Refused: StatusRow(grpc.StatusCode.FAILED_PRECONDITION, None, _no_details),
    Overloaded: StatusRow(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "The server is at its limit; try again later.", _retry
    ),
    NotReady: StatusRow(
        grpc.StatusCode.UNAVAILABLE, "The server is starting or draining; try again.", _retry
    ),
    StoreUnavailable: StatusRow(
        grpc.StatusCode.UNAVAILABLE, "A store did not answer, or is full; try again later.", _retry
    ),
    Unavailable: StatusRow(grpc.StatusCode.UNAVAILABLE, "Try again later.", _retry),
    Unauthenticated: StatusRow(
        grpc.StatusCode.UNAUTHENTICATED, "This server asks for a valid bearer token.", _no_details
    ),
    PermissionDenied: StatusRow(
        grpc.StatusCode.PERMISSION_DENIED, "The token lacks the role that this call needs.", _no_details
    ),
    DeadlineExceeded: StatusRow(
        grpc.StatusCode.DEADLINE_EXCEEDED, "The time that the caller gave is used up.", _no_details
    ),
}


def status_of(error: ShortlistError) -> Status | None:
    """Returns the status of an error in the table; None for a programmer's error, which is internal."""
    for kind in type(error).__mro__:
        row = STATUS_TABLE.get(kind)
        if row is not None:
            text = error.message.removeprefix(": ") if row.text is None else row.text
            return _status(row.code, text, error.reason, _metadata(error), row.details(error))
    return None


def internal_status(log_id: str) -> Status:
    """Returns the status of everything that is not in the table. It tells nothing but the log id."""
    return _status(grpc.StatusCode.INTERNAL, INTERNAL_TEXT, ShortlistError.reason, {"log_id": log_id}, ())


def _metadata(error: ShortlistError) -> Mapping[str, str]:
    if isinstance(error, InvalidRequest):
        return {**error.metadata, "violation_count": str(len(error.violations))}
    return error.metadata


def _status(
    code: grpc.StatusCode, text: str, reason: str, metadata: Mapping[str, str], details: Iterable[Message]
) -> Status:
    status = Status(code=code.value[0], message=text)
    for detail in (ErrorInfo(reason=reason, domain=ERROR_DOMAIN, metadata=metadata), *details):
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status
