"""The requests: HOME lists for a release's own users, drawn by Zipf's law, as encoded messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pyarrow.dataset as ds
from numpy.typing import NDArray
from shortlist.v1.event_types_pb2 import PageType
from shortlist.v1.recommendation_service_pb2 import RecommendRequest, RecommendResponse

from perf.world.shape import WORLD_FILE, WorldShape
from perf.world.users import user_id

METHOD = "/shortlist.v1.RecommendationService/Recommend"
NUM_ITEMS = 20
CHECK_ATTEMPTS = 10


def zipf_users(data_dir: Path, draws: int, seed: int) -> list[str]:
    """Returns user ids by Zipf(1.0): over a world's users, else over those of the event log, most active first."""
    if (note := data_dir / WORLD_FILE).is_file():
        shape = WorldShape(**json.loads(note.read_text())["shape"])
        return [user_id(int(rank)) for rank in _zipf_ranks(shape.user_count, draws, seed)]
    files = [str(path) for path in sorted((data_dir / "events").glob("day=*/*.parquet"))]
    table = ds.dataset(files, format="parquet").to_table(["user_id"])
    counts = table.group_by("user_id").aggregate([("user_id", "count")]).to_pandas()
    counts = counts[counts["user_id"] != ""].sort_values(
        ["user_id_count", "user_id"], ascending=[False, True]
    )
    return [str(counts["user_id"].iloc[rank]) for rank in _zipf_ranks(len(counts), draws, seed)]


def _zipf_ranks(count: int, draws: int, seed: int) -> NDArray[np.int64]:
    weights = 1.0 / np.arange(1, count + 1)
    return np.random.default_rng(seed).choice(count, draws, p=weights / weights.sum())


def encoded_requests(users: list[str]) -> list[bytes]:
    """Returns a Recommend of NUM_ITEMS items for HOME for each user."""
    return [
        RecommendRequest(
            user_id=user, page_type=PageType.PAGE_TYPE_HOME, num_items=NUM_ITEMS
        ).SerializeToString()
        for user in users
    ]


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What a sample of replies showed: how many, the share that was degraded, the fewest items of one."""

    replies: int
    degraded_share: float
    items_min: int


def look_into(replies: Sequence[bytes]) -> LookedAt:
    """Returns what the given encoded replies show."""
    messages = [RecommendResponse.FromString(reply) for reply in replies]
    degraded = sum(message.degraded for message in messages)
    fewest = min((len(message.items) for message in messages), default=0)
    return LookedAt(len(messages), degraded / max(len(messages), 1), fewest)


def checked_replies(port: int, bodies: list[bytes]) -> list[bytes]:
    """Returns the reply to each request, by a real client; ends the measurement if one is never full and undegraded.

    A busy machine may make one answer late, so that stages are left out: such a request is repeated.
    """
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
        return [_full_reply(lambda body=body: call(body, timeout=5)) for body in bodies]


def _full_reply(ask: Callable[[], bytes]) -> bytes:
    for _ in range(CHECK_ATTEMPTS):
        message = RecommendResponse.FromString(reply := ask())
        if len(message.items) == NUM_ITEMS and not message.degraded:
            return reply
    raise SystemExit(f"not a full answer: {len(message.items)} items, degraded {message.degraded}")
