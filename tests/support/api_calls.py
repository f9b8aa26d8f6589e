"""The calls of docs/api.md, made by their names on a live server: what grpcurl would send and show."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format

PATH = Path(__file__).parents[1] / "clients" / "calls.json"
ADMIN_SERVICE = "ReleaseService"
_MODULES = {
    "RecommendationService": "recommendation_service",
    "EventService": "event_service",
    "CatalogService": "catalog_service",
    "ProfileService": "profile_service",
    "ReleaseService": "release_service",
}


def documented_calls() -> dict[str, dict[str, Any]]:
    """Returns service, request and, once recorded, answer of each RPC by its name, in an order that can be run."""
    calls: dict[str, dict[str, Any]] = json.loads(PATH.read_text(encoding="utf-8"))
    return calls


def make_calls(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Makes every documented call at the lab's addresses, in order; returns each answer as JSON."""
    answers: dict[str, dict[str, Any]] = {}
    with (
        grpc.insecure_channel(environment["SHORTLIST_ADDRESS"]) as public,
        grpc.insecure_channel(environment["SHORTLIST_ADMIN_ADDRESS"]) as admin,
    ):
        for name, call in documented_calls().items():
            channel = admin if call["service"] == ADMIN_SERVICE else public
            text = json.dumps(call["request"])
            if "RECOMMENDATION_ID" in text:
                text = text.replace("RECOMMENDATION_ID", answers["Recommend"]["recommendationId"])
            answers[name] = _call(channel, call["service"], name, text)
    return answers


def _call(channel: grpc.Channel, service: str, name: str, text: str) -> dict[str, Any]:
    module = importlib.import_module(f"shortlist.v1.{_MODULES[service]}_pb2")
    request = json_format.Parse(text, getattr(module, f"{name}Request")())
    method = channel.unary_unary(
        f"/shortlist.v1.{service}/{name}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=getattr(module, f"{name}Response").FromString,
    )
    return dict(json_format.MessageToDict(method(request, timeout=60)))
