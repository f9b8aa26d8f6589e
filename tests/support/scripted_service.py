"""A server of the contract that answers as its caller asks: any error, any delay, any bytes.

RecommendRequest.user_id is the script: `fail:NAME` one of FAILURES; `sleep:SECONDS`; `flaky:COUNT:KEY` fails with
UNAVAILABLE so often; `message:NAME` one of MESSAGES; anything else is answered with the call's own metadata.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from shortlist.v1 import recommendation_service_pb2 as api

from server.errors import (
    DeadlineExceeded,
    FieldViolation,
    InvalidRequest,
    NotFound,
    NotReady,
    Overloaded,
    ReleaseRefused,
    ShortlistError,
    StoreUnavailable,
)
from server.rpc.status import internal_status, status_of

MESSAGES: dict[str, str] = json.loads(
    Path(__file__).parents[1].joinpath("clients", "messages.json").read_text(encoding="utf-8")
)
"""Answers of other versions of the contract, as hexadecimal digits. See test_messages.py."""

FIELD_REASONS = (
    *("FIELD_MISSING", "FIELD_TOO_LONG", "FIELD_OUT_OF_RANGE", "FIELD_NOT_FINITE", "FIELD_MALFORMED"),
    *("INVALID_CHARACTER", "UNKNOWN_ENUM_VALUE", "UNKNOWN_SCENARIO", "TOO_MANY_ELEMENTS"),
    *("DUPLICATE_ELEMENT", "TIME_IN_FUTURE", "REQUEST_TOO_LARGE", "REQUEST_MALFORMED"),
)
NOT_FOUND_REASONS = ("ITEM_NOT_FOUND", "USER_NOT_FOUND", "RECOMMENDATION_NOT_FOUND", "RELEASE_NOT_FOUND")
RELEASE_REASONS = (
    *("RELEASE_CORRUPT", "RELEASE_SCHEMA", "RELEASE_SHAPE", "NO_PREVIOUS_RELEASE", "SWITCH_INCOMPLETE"),
)


def _errors() -> Iterator[ShortlistError]:
    for reason in FIELD_REASONS:
        yield InvalidRequest([FieldViolation("num_items", reason, "is wrong")])
    for reason in NOT_FOUND_REASONS:
        yield NotFound("thing", "thing-1", reason=reason)
    for reason in RELEASE_REASONS:
        yield ReleaseRefused("no", reason=reason)
    yield Overloaded("full", retry_after_ms=250)
    yield NotReady("starting", retry_after_ms=250)
    yield StoreUnavailable("gone", retry_after_ms=250)
    yield DeadlineExceeded("late")


def _statuses() -> dict[str, Status]:
    found = {error.reason: status_of(error) for error in _errors()}
    return {reason: status for reason, status in found.items() if status} | {
        "INTERNAL": internal_status("log-1")
    }


FAILURES = _statuses()
"""The status of each reason, made by the server's own table."""

CODES = {code.value[0]: code.name for code in grpc.StatusCode}


def failures_json() -> list[dict[str, str]]:
    """Returns every reason with its code's name, for clients of any language."""
    return [{"reason": reason, "code": CODES[status.code]} for reason, status in FAILURES.items()]


class _Recommend:
    """The scripted Recommend, on bytes."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        word, _, argument = api.RecommendRequest.FromString(data).user_id.partition(":")
        if word == "fail":
            context.abort_with_status(rpc_status.to_status(FAILURES[argument]))
        elif word == "sleep":
            self._sleep(float(argument), context)
        elif word == "flaky":
            self._fail_first(argument, context)
        elif word == "message":
            return bytes.fromhex(MESSAGES[argument])
        return self._echo(context)

    def _sleep(self, seconds: float, context: grpc.ServicerContext) -> None:
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait(seconds)

    def _fail_first(self, argument: str, context: grpc.ServicerContext) -> None:
        count, _, key = argument.partition(":")
        with self._lock:
            self._failures[key] += 1
            failing = self._failures[key] <= int(count)
        if failing:
            context.abort_with_status(rpc_status.to_status(FAILURES["NOT_READY"]))

    def _echo(self, context: grpc.ServicerContext) -> bytes:
        """Returns the call's metadata: traceparent as recommendation_id, authorization as scenario."""
        metadata: dict[str, Any] = {item.key: item.value for item in context.invocation_metadata()}
        return api.RecommendResponse(
            recommendation_id=metadata.get("traceparent", ""),
            scenario=metadata.get("authorization", ""),
            latency_ms=(context.time_remaining() or 0) * 1_000,
        ).SerializeToString()


@contextmanager
def scripted_server(credentials: grpc.ServerCredentials | None = None) -> Iterator[str]:
    """Starts the server, with TLS where credentials are given; yields its address."""
    # Alone on its port: a shared machine may have another server that would take some of the calls.
    server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(_Recommend())
    service = grpc.method_handlers_generic_handler(
        "shortlist.v1.RecommendationService", {"Recommend": handler}
    )
    server.add_generic_rpc_handlers((service,))
    address = "127.0.0.1:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait(10)
