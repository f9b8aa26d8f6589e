"""CatalogService's messages."""

from __future__ import annotations

from shortlist.v1 import catalog_service_pb2 as pb

from server.handlers.messages import CatalogItem
from server.rpc.conversions.times import timestamp_or_none


def catalog_item(item: pb.Item) -> CatalogItem:
    """Returns the change that the item stands for; None for each field that is unset."""
    return CatalogItem(
        item_id=item.item_id,
        title=item.title if item.HasField("title") else None,
        category_id=item.category_id if item.HasField("category_id") else None,
        brand=item.brand if item.HasField("brand") else None,
        price=item.price if item.HasField("price") else None,
        in_stock=item.in_stock if item.HasField("in_stock") else None,
        promoted=item.promoted if item.HasField("promoted") else None,
        hidden=item.hidden if item.HasField("hidden") else None,
        added_time_s=item.added_time.seconds if item.HasField("added_time") else None,
        expire_time_s=item.expire_time.seconds if item.HasField("expire_time") else None,
        image_embedding=tuple(item.image_embedding) or None,
    )


def item_message(item: CatalogItem) -> pb.Item:
    """Returns the item as GetItem answers it; what is unknown, and an expire time of never, is unset."""
    return pb.Item(
        item_id=item.item_id,
        title=item.title,
        category_id=item.category_id,
        brand=item.brand,
        price=item.price,
        in_stock=item.in_stock,
        promoted=item.promoted,
        hidden=item.hidden,
        added_time=timestamp_or_none(item.added_time_s),
        expire_time=timestamp_or_none(item.expire_time_s),
        image_embedding=item.image_embedding,
    )
