"""Refuses calls whose token is missing, wrong or without the role, before anything else is done for them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

import grpc
from grpc_health.v1 import health
from grpc_status import rpc_status

from server.access.tokens import Role, TokenTable, Verdict
from server.errors import PermissionDenied, ShortlistError, Unauthenticated
from server.rpc.interceptors import METHOD_PREFIX, Handler
from server.rpc.lanes import refusing_handler
from server.rpc.status import status_of
from server.rpc.telemetry_interceptor import UNKNOWN_METHOD

_METADATA_KEY = "authorization"
_SCHEME = "Bearer "
_OPEN_PREFIX = f"/{health.SERVICE_NAME}/"
_SERVICE_ROLES = {
    "RecommendationService": Role.SERVE,
    "EventService": Role.WRITE,
    "CatalogService": Role.WRITE,
    "ProfileService": Role.WRITE,
}
"""Whatever is not here needs the role admin, services that do not exist included."""

_CODES = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


def role_for(method: str) -> Role | None:
    """Returns the role that a method needs; None for health, which balancers ask."""
    if method.startswith(_OPEN_PREFIX):
        return None
    if not method.startswith(METHOD_PREFIX):
        return Role.ADMIN
    return _SERVICE_ROLES.get(method.removeprefix(METHOD_PREFIX).partition("/")[0], Role.ADMIN)


class AuthInterceptor(grpc.ServerInterceptor):
    """Lets a call pass whose token has the role that its method needs.

    tokens: returns the table as it is now. refused: is told the status of each call refused. now_s: epoch seconds. ``denied`` counts refusals by verdict, for metrics.
    """

    def __init__(
        self,
        tokens: Callable[[], TokenTable],
        refused: Callable[[str, str], None] = lambda method, code: None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._tokens = tokens
        self._refused = refused
        self._now_s = now_s
        self._refusals = {verdict: _refusal(verdict) for verdict in Verdict if verdict}
        self.denied: Counter[Verdict] = Counter()

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Returns the method's handler, or one that refuses."""
        role = role_for(handler_call_details.method)
        if role is not None:
            secret = _bearer(handler_call_details.invocation_metadata)
            verdict = self._tokens().judge(secret, role, self._now_s())
            if verdict is not Verdict.ALLOWED:
                self.denied[verdict] += 1
                # A stranger may name any method: counting them by name would let him fill the memory.
                self._refused(UNKNOWN_METHOD, _CODES[verdict is Verdict.ROLE_MISSING].name)
                return self._refusals[verdict]
        return continuation(handler_call_details)


def _bearer(metadata: Iterable[tuple[str, str | bytes]]) -> bytes:
    for key, value in metadata:
        if key == _METADATA_KEY and isinstance(value, str) and value.startswith(_SCHEME):
            return value[len(_SCHEME) :].encode()
    return b""


def _refusal(verdict: Verdict) -> Handler:
    error: ShortlistError
    if verdict is Verdict.ROLE_MISSING:
        error = PermissionDenied("the token lacks the role", reason=verdict.name)
    else:
        error = Unauthenticated("no valid token", reason=verdict.name)
    status = status_of(error)
    assert status is not None
    return refusing_handler(rpc_status.to_status(status))
