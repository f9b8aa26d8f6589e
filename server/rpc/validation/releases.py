"""Checks of ReleaseService's requests."""

from __future__ import annotations

from shortlist.v1 import release_service_pb2 as pb

from server.rpc.validation.field_checks import Violations, check_id


def check_activate_release(violations: Violations, request: pb.ActivateReleaseRequest) -> None:
    """Adds what is wrong with the request. Whether the version exists is the handler's to say."""
    check_id(violations, "version", request.version)
