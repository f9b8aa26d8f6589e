"""The requests: HOME lists for a release's own users, drawn by Zipf's law, as encoded messages."""

from __future__ import annotations

from pathlib import Path

import grpc
import numpy as np
import pyarrow.dataset as ds
from shortlist.v1.event_types_pb2 import PageType
from shortlist.v1.recommendation_service_pb2 import RecommendRequest, RecommendResponse

METHOD = "/shortlist.v1.RecommendationService/Recommend"


def zipf_users(data_dir: Path, draws: int, seed: int) -> list[str]:
    """Returns user ids by Zipf(1.0) over the users of the event log, the most active user first in rank."""
    table = ds.dataset(data_dir / "events", format="parquet", partitioning="hive").to_table(["user_id"])
    counts = table.group_by("user_id").aggregate([("user_id", "count")]).to_pandas()
    counts = counts[counts["user_id"] != ""].sort_values(
        ["user_id_count", "user_id"], ascending=[False, True]
    )
    weights = 1.0 / np.arange(1, len(counts) + 1)
    chosen = np.random.default_rng(seed).choice(len(counts), draws, p=weights / weights.sum())
    return [str(counts["user_id"].iloc[rank]) for rank in chosen]


def encoded_requests(users: list[str]) -> list[bytes]:
    """Returns a Recommend of 20 items for HOME for each user."""
    return [
        RecommendRequest(user_id=user, page_type=PageType.PAGE_TYPE_HOME, num_items=20).SerializeToString()
        for user in users
    ]


def raw_call(channel: grpc.Channel) -> grpc.UnaryUnaryMultiCallable:
    """Returns Recommend over bytes, with no message objects on the client's side."""
    return channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)


def checked_replies(port: int, bodies: list[bytes]) -> list[bytes]:
    """Returns the reply to each request; ends the measurement if one is not complete and undegraded."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        replies = [raw_call(channel)(body, timeout=5) for body in bodies]
    for reply in replies:
        message = RecommendResponse.FromString(reply)
        if len(message.items) != 20 or message.degraded:
            raise SystemExit(f"not a full answer: {len(message.items)} items, degraded {message.degraded}")
    return replies
