"""CatalogService."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

import grpc
from shortlist.v1 import catalog_service_pb2 as pb
from shortlist.v1 import catalog_service_pb2_grpc as pb_grpc

from server.rpc.conversions.catalog import catalog_item, item_message
from server.rpc.servicers.event_time_rule import EventTimeRule
from server.rpc.use_cases import CatalogUseCases
from server.rpc.validation.catalog import check_delete_items, check_get_item, check_upsert_items
from server.rpc.validation.field_checks import Violations


class CatalogServicer(pb_grpc.CatalogServiceServicer):
    """The catalogue."""

    def __init__(self, use_cases: CatalogUseCases, time_rule: EventTimeRule) -> None:
        self._use_cases = use_cases
        self._time_rule = time_rule

    def UpsertItems(
        self, request: pb.UpsertItemsRequest, context: grpc.ServicerContext
    ) -> pb.UpsertItemsResponse:
        """Creates items and changes existing ones."""
        violations = Violations()
        check_upsert_items(violations, request, self._time_rule.latest_s())
        violations.raise_if_any()
        sequence = self._use_cases.upsert_items([catalog_item(item) for item in request.items])
        return pb.UpsertItemsResponse(overlay_sequence=sequence)

    def DeleteItems(
        self, request: pb.DeleteItemsRequest, context: grpc.ServicerContext
    ) -> pb.DeleteItemsResponse:
        """Takes items out of the catalogue."""
        violations = Violations()
        check_delete_items(violations, request)
        violations.raise_if_any()
        missing = self._use_cases.delete_items(tuple(request.item_ids))
        return pb.DeleteItemsResponse(missing_item_ids=missing)

    def GetItem(self, request: pb.GetItemRequest, context: grpc.ServicerContext) -> pb.GetItemResponse:
        """Returns one item."""
        violations = Violations()
        check_get_item(violations, request)
        violations.raise_if_any()
        return pb.GetItemResponse(item=item_message(self._use_cases.get_item(request.item_id)))
