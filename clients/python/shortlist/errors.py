"""What a failed call says, as exceptions: one class for each thing that a caller may do about it.

ShortlistError
 |- InvalidRequest    correct the request: `violations` names each field
 |- NotFound          a named thing does not exist
 |- Refused           the state of the system forbids it; read the message
 |- Overloaded        send less, after `retry_after_s`
 |- Unavailable       try again, after `retry_after_s`
 |- DeadlinePassed    give more time, or show a list of your own
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One thing wrong with one field.

    field: path in the request, such as ``events[17].item_id``. reason: stable, for programs, such as
    ``FIELD_MISSING``. description: one sentence for a person.
    """

    field: str
    reason: str
    description: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What the server, or gRPC itself, said. retry_after_s: None where it did not say when to come back."""

    code: grpc.StatusCode
    reason: str
    message: str
    violations: tuple[FieldViolation, ...] = ()
    metadata: Mapping[str, str] | None = None
    retry_after_s: float | None = None


class ShortlistError(Exception):
    """A call failed. reason: ErrorInfo's, or the code's name where gRPC itself refused the call."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.reason}: {failure.message}")
        self.code = failure.code
        self.reason = failure.reason
        self.message = failure.message
        self.violations = failure.violations
        self.metadata = failure.metadata or {}
        self.retry_after_s = failure.retry_after_s

    @property
    def is_unreachable(self) -> bool:
        """Whether gRPC has not reached the server: what the server refuses has a reason of its own."""
        return self.code is grpc.StatusCode.UNAVAILABLE and self.reason == self.code.name


class InvalidRequest(ShortlistError):
    """The request is wrong; violations has up to 25 of what is, metadata["violation_count"] their number."""


class NotFound(ShortlistError):
    """A named thing does not exist: metadata has its resource_type and resource_name."""


class Refused(ShortlistError):
    """The request is right, but the state of the system forbids it."""


class Overloaded(ShortlistError):
    """The server, or a limit of gRPC, refused the call."""


class Unavailable(ShortlistError):
    """The server could not be reached, is starting or draining, or a store of its does not answer."""


class DeadlinePassed(ShortlistError):
    """The time that the call was given is used up."""


_KINDS: Mapping[grpc.StatusCode, type[ShortlistError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.FAILED_PRECONDITION: Refused,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlinePassed,
}
_REASONS_OF_GRPC = {grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE"}


def error_of(
    code: grpc.StatusCode, text: str | None, trailers: Sequence[tuple[str, str | bytes]]
) -> ShortlistError:
    """Returns the exception for a call that ended with a code, a text and trailing metadata."""
    reason, metadata = _REASONS_OF_GRPC.get(code, code.name), dict[str, str]()
    violations: tuple[FieldViolation, ...] = ()
    retry_after_s = None
    for packed in _status(trailers).details:
        info, bad_request, retry = ErrorInfo(), BadRequest(), RetryInfo()
        if packed.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif packed.Unpack(bad_request):
            found = bad_request.field_violations
            violations = tuple(FieldViolation(v.field, v.reason, v.description) for v in found)
        elif packed.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    kind = _KINDS.get(code, ShortlistError)
    return kind(Failure(code, reason, text or "", violations, metadata, retry_after_s))


def _status(trailers: Sequence[tuple[str, str | bytes]]) -> Status:
    for key, value in trailers:
        if key == _DETAILS_KEY and isinstance(value, bytes):
            return Status.FromString(value)
    return Status()
