"""The domain errors. Each carries a reason that a program can act on; none knows gRPC.

ShortlistError
 |- InvalidRequest         the caller's input is wrong; names each field
 |- NotFound               a named thing does not exist
 |- Refused                the call is right, but the state of the system forbids it
 |   |- ReleaseRefused     a release does not verify, or does not fit this server
 |- Unavailable            try again later
 |   |- NotReady           starting or draining
 |   |- Overloaded         admission refused; says when to come back
 |   |- StoreUnavailable   a store did not answer or is full
 |   |- ModelServerUnavailable   the model server did not answer in time, or not with what can be used
 |- Unauthenticated        no token, or none that is valid
 |- PermissionDenied       a valid token without the role
 |- DeadlineExceeded       the time that the caller gave is used up
 |- ContractBroken         a programmer's error: wrong shape, wrong schema; never failed open
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One thing wrong with one field.

    field: path in the request, such as ``events[17].item_id``.
    reason: UPPER_SNAKE_CASE, such as ``FIELD_MISSING``; stable, for programs.
    description: one sentence for a person; holds no user data.
    """

    field: str
    reason: str
    description: str


class ShortlistError(Exception):
    """Base of every error that a caller may see."""

    reason = "INTERNAL"

    def __init__(
        self, message: str, *, reason: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or type(self).reason
        self.metadata: Mapping[str, str] = metadata or {}


class InvalidRequest(ShortlistError):
    """The caller's input is wrong. Carries every violation found, in field order."""

    reason = "INVALID_FIELD"

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        if not violations:
            raise ValueError("an InvalidRequest names at least one field")
        first = violations[0]
        super().__init__(f"{first.field}: {first.description}", reason=first.reason)
        self.violations: tuple[FieldViolation, ...] = tuple(violations)

    def inside(self, parent: str) -> InvalidRequest:
        """Returns the same error for a message that is the field `parent` of a larger one."""
        return InvalidRequest([replace(v, field=f"{parent}.{v.field}") for v in self.violations])


class NotFound(ShortlistError):
    """A named thing does not exist. Unknown users are not an error and never raise this."""

    reason = "NOT_FOUND"

    def __init__(self, resource_type: str, resource_name: str, *, reason: str) -> None:
        super().__init__(
            f"{resource_type} not found",
            reason=reason,
            metadata={"resource_type": resource_type, "resource_name": resource_name},
        )
        self.resource_type = resource_type
        self.resource_name = resource_name


class Refused(ShortlistError):
    """The call is right, but the state of the system forbids it."""

    reason = "REFUSED"


class ReleaseRefused(Refused):
    """A release does not verify, or does not fit this server. The old one goes on serving."""

    reason = "RELEASE_REFUSED"


class Unavailable(ShortlistError):
    """Try again later."""

    reason = "UNAVAILABLE"

    def __init__(self, message: str, *, reason: str | None = None, retry_after_ms: int = 100) -> None:
        super().__init__(message, reason=reason)
        self.retry_after_ms = retry_after_ms


class NotReady(Unavailable):
    """The server is starting or draining."""

    reason = "NOT_READY"


class Overloaded(Unavailable):
    """Admission refused the request."""

    reason = "OVERLOADED"


class StoreUnavailable(Unavailable):
    """A store did not answer, or is full."""

    reason = "STORE_UNAVAILABLE"


class ModelServerUnavailable(Unavailable):
    """The model server did not answer in time, or not with what can be used. Callers score in this process."""

    reason = "MODEL_SERVER_UNAVAILABLE"


class Unauthenticated(ShortlistError):
    """The call has no token, or none that is valid."""

    reason = "TOKEN_INVALID"


class PermissionDenied(ShortlistError):
    """The call's token lacks the role that the call needs."""

    reason = "ROLE_MISSING"


class DeadlineExceeded(ShortlistError):
    """The time that the caller gave is used up."""

    reason = "DEADLINE"


class ContractBroken(ShortlistError):
    """A programmer's error: a stage or file breaks its contract. Never failed open."""

    reason = "CONTRACT_BROKEN"
