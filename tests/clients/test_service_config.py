"""The service config that clients are given: clients/service_config.json, the same in the guide and in our own client."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from server.cli.client import SERVICE_CONFIG

REPOSITORY = Path(__file__).resolve().parents[2]


def published() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((REPOSITORY / "clients" / "service_config.json").read_text())
    return content


def test_our_own_client_follows_it() -> None:
    assert published() == json.loads(SERVICE_CONFIG)


def test_the_api_guide_shows_it() -> None:
    page = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    assert published() in shown


def test_only_what_a_second_try_can_cure_is_tried_again_and_never_without_end() -> None:
    (method,) = published()["methodConfig"]
    policy = method["retryPolicy"]
    # RESOURCE_EXHAUSTED is a refusal under load: trying it again would be more load.
    assert set(policy["retryableStatusCodes"]) == {"UNAVAILABLE", "CANCELLED"}
    assert policy["maxAttempts"] <= 3
    assert published()["retryThrottling"]["maxTokens"] > 0


def test_it_sets_no_timeout_which_python_would_get_wrong() -> None:
    # grpcio ends a call at once for a timeout below some 1.6 s in a service config (grpc/grpc#34547, #40633).
    assert all("timeout" not in method for method in published()["methodConfig"])
