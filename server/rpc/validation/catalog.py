"""Checks of CatalogService's requests. latest_s: the latest added_time taken, in epoch seconds."""

from __future__ import annotations

import math

from shortlist.v1 import catalog_service_pb2 as pb

from server.handlers.messages import ITEMS_BATCH_MAX
from server.rpc.validation.field_checks import (
    PRICE_MAX,
    Violations,
    check_count,
    check_id,
    check_number,
    check_past_time,
    check_required_ids,
    check_text,
    check_time,
)

TITLE_BYTES_MAX = 1_024
IMAGE_DIMS_MAX = 4_096


def check_upsert_items(violations: Violations, request: pb.UpsertItemsRequest, latest_s: float) -> None:
    """Adds what is wrong with any of the items."""
    if not request.items:
        violations.add("items", "FIELD_MISSING", "needs at least one element")
    if check_count(violations, "items", len(request.items), ITEMS_BATCH_MAX):
        for index, item in enumerate(request.items):
            _check_item(violations, item, latest_s, f"items[{index}].")


def check_delete_items(violations: Violations, request: pb.DeleteItemsRequest) -> None:
    """Adds what is wrong with the request."""
    check_required_ids(violations, "item_ids", request.item_ids, ITEMS_BATCH_MAX)


def check_get_item(violations: Violations, request: pb.GetItemRequest) -> None:
    """Adds what is wrong with the request."""
    check_id(violations, "item_id", request.item_id)


def _check_item(violations: Violations, item: pb.Item, latest_s: float, prefix: str) -> None:
    check_id(violations, f"{prefix}item_id", item.item_id)
    check_text(violations, f"{prefix}title", item.title, TITLE_BYTES_MAX)
    check_text(violations, f"{prefix}category_id", item.category_id)
    check_text(violations, f"{prefix}brand", item.brand)
    if item.HasField("price"):
        check_number(violations, f"{prefix}price", item.price, 0, PRICE_MAX)
    if item.HasField("added_time"):
        check_past_time(violations, f"{prefix}added_time", item.added_time, latest_s)
    if item.HasField("expire_time"):
        check_time(violations, f"{prefix}expire_time", item.expire_time)
    _check_image_embedding(violations, item, f"{prefix}image_embedding")


def _check_image_embedding(violations: Violations, item: pb.Item, field: str) -> None:
    if not check_count(violations, field, len(item.image_embedding), IMAGE_DIMS_MAX):
        return
    for index, value in enumerate(item.image_embedding):
        if not math.isfinite(value):
            violations.add(f"{field}[{index}]", "FIELD_NOT_FINITE", "is not a finite number")
