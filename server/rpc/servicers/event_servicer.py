"""EventService."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

import grpc
from shortlist.v1 import event_service_pb2 as pb
from shortlist.v1 import event_service_pb2_grpc as pb_grpc

from server.rpc.conversions.events import user_event
from server.rpc.conversions.times import microseconds
from server.rpc.servicers.event_time_rule import EventTimeRule
from server.rpc.use_cases import EventUseCases
from server.rpc.validation.events import check_write_events, check_write_impressions
from server.rpc.validation.field_checks import Violations


class EventServicer(pb_grpc.EventServiceServicer):
    """Events in."""

    def __init__(self, use_cases: EventUseCases, time_rule: EventTimeRule) -> None:
        self._use_cases = use_cases
        self._time_rule = time_rule

    def WriteEvents(
        self, request: pb.WriteEventsRequest, context: grpc.ServicerContext
    ) -> pb.WriteEventsResponse:
        """Stores a batch of events."""
        violations = Violations()
        check_write_events(violations, request, self._time_rule.latest_s())
        violations.raise_if_any()
        result = self._use_cases.write_events([user_event(event) for event in request.events])
        return pb.WriteEventsResponse(stored_count=result.stored, duplicate_count=result.duplicates)

    def WriteImpressions(
        self, request: pb.WriteImpressionsRequest, context: grpc.ServicerContext
    ) -> pb.WriteImpressionsResponse:
        """Stores that items of an earlier answer were shown."""
        violations = Violations()
        check_write_impressions(violations, request, self._time_rule.latest_s())
        violations.raise_if_any()
        result = self._use_cases.write_impressions(
            request.recommendation_id, tuple(request.positions), self._event_time_us(request)
        )
        return pb.WriteImpressionsResponse(stored_count=result.stored, duplicate_count=result.duplicates)

    def _event_time_us(self, request: pb.WriteImpressionsRequest) -> int:
        if request.HasField("event_time"):
            return microseconds(request.event_time)
        return int(self._time_rule.now_s() * 1e6)
