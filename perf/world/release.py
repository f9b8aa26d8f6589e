"""W(items) as a release: real files, real index, and a model whose user vector is the mean of the history's items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from offline.ann_served import build_served_graph
from offline.model.onnx_graphs import onnx_files
from perf.world.shape import DAY_S, NOW_S, WorldItems, WorldShape, make_neighbours
from server.features.declarations import CROSS_FEATURES, TITLE_DIMS, VECTOR_DIMS
from server.features.encoding import USER_BLOCKS, USER_WIDTH, block_slices
from server.features.identity import item_key
from server.features.text_encoder import TextEncoder, TextEncoderConfig
from server.releases.format import (
    ARRAY_FILES,
    MODEL_CONFIG_PATH,
    POPULARITY_LISTS_PATH,
    TEXT_ENCODER_CONFIG_PATH,
    VOCABULARIES_PATH,
    ItemFlag,
    popularity_list_name,
)
from server.releases.layout import weight_path
from server.releases.model_config import ModelConfig, weight_shapes
from server.releases.registry import activate
from server.releases.writer import ReleaseContents, ReleaseWriter

Arrays = dict[str, NDArray[np.generic]]

SPARE_ROWS = 1_000
VERSION = "world"
_TEXT_BUCKETS = 256
_POPULAR_MAX = 1_000


def item_id(number: int) -> str:
    """Returns an item's id."""
    return f"item-{number:08d}"


def write_release(shape: WorldShape, items: WorldItems, data_dir: Path, console: Console) -> float:
    """Writes and activates the release; returns the index's recall@200."""
    rng = np.random.default_rng(shape.seed + 3)
    index_path = data_dir / "work" / "index.usearch"
    console.print(f"index of {shape.items:,} vectors")
    served = build_served_graph(items.vectors, index_path)
    console.print(f"recall@200 {served.recall:.3f} after {served.index.attempts} attempts; neighbours")
    weights = _weights()
    config = ModelConfig(VERSION, 4.0, -2.0, 0, "cos")
    encoder = TextEncoder(
        TextEncoderConfig(buckets=_TEXT_BUCKETS, dims=TITLE_DIMS),
        rng.uniform(1, 2, _TEXT_BUCKETS).astype(np.float32),
        rng.normal(0, 1, (_TEXT_BUCKETS, TITLE_DIMS)).astype(np.float32),
    )
    lists, popularity = _popularity(items)
    named: Arrays = {
        **_directory(shape),
        **{name: _padded(column, name) for name, column in _columns(shape, items, rng).items()},
        **make_neighbours(shape, items),
        **popularity,
        **encoder.to_arrays(),
        **served.to_arrays(),
    }
    arrays = {file.path: named[file.name] for file in ARRAY_FILES}
    arrays.update({weight_path(name): weight for name, weight in weights.items()})
    categories = [f"category-{n:05d}" for n in range(int(items.category.max()) + 1)]
    contents = ReleaseContents(
        arrays=arrays,
        json_files={
            MODEL_CONFIG_PATH: config.to_json(),
            POPULARITY_LISTS_PATH: lists,
            VOCABULARIES_PATH: {
                "categories": categories,
                "brands": [f"brand-{n:04d}" for n in range(shape.brands)],
            },
            TEXT_ENCODER_CONFIG_PATH: encoder.config.to_json(),
        },
        binary_files={f"models/{name}": content for name, content in onnx_files(weights, config).items()},
        version=VERSION,
        created_time_s=NOW_S,
        parent="",
        overlay_sequence=0,
        image_dims=0,
        code_version="perf",
        metrics={"ann_recall_200": served.recall},
    )
    console.print("writing")
    ReleaseWriter(data_dir / "releases").write(contents)
    activate(data_dir / "releases", VERSION)
    index_path.unlink()
    return served.recall


def _weights() -> dict[str, NDArray[np.float32]]:
    """The user tower is the identity on the history vector: a bias lifts it over the ReLUs, the last layer takes
    the bias away. All other columns are there and cost what they cost."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(0).items()}
    identity = np.eye(VECTOR_DIMS, dtype=np.float32)
    history = block_slices(USER_BLOCKS)["history_vector"]
    rng = np.random.default_rng(0)
    weights["user_w1"][:] = rng.normal(0, 1e-6, (USER_WIDTH, weights["user_w1"].shape[1]))
    weights["user_w1"][history, :VECTOR_DIMS] = identity
    weights["user_b1"][:VECTOR_DIMS] = 2
    weights["user_w2"][:VECTOR_DIMS] = identity
    weights["user_w3"][:] = identity
    weights["user_b3"][:] = -2
    weights["head_w1"][:] = rng.uniform(0, 0.1, (len(CROSS_FEATURES), 16))
    weights["head_w2"][:] = 0.1
    return weights


def _columns(shape: WorldShape, items: WorldItems, rng: np.random.Generator) -> Arrays:
    views = (items.weight / items.weight.max() * 100_000).astype(np.float32)
    turned = np.linalg.qr(rng.standard_normal((VECTOR_DIMS, TITLE_DIMS)))[0].astype(np.float32)
    return {
        "keys": np.array([item_key(item_id(n)) for n in range(shape.items)], np.uint64),
        "category": items.category,
        "brand": items.brand,
        "price": items.price,
        "flags": np.full(shape.items, ItemFlag.IN_STOCK, np.uint8),
        "added_time_s": NOW_S - rng.integers(DAY_S, 400 * DAY_S, shape.items),
        "expire_time_s": np.zeros(shape.items, np.int64),
        "view_count_7d": views,
        "purchase_count_7d": views / 20,
        "avg_rating": rng.uniform(1, 5, shape.items).astype(np.float32),
        "num_ratings": rng.integers(0, 50, shape.items).astype(np.float32),
        "trending_score": rng.uniform(0, 3, shape.items).astype(np.float32),
        "item_vectors": items.vectors,
        "history_embeddings": items.vectors.astype(np.float16),
        "title_embeddings": (items.vectors @ turned).astype(np.float16),
        "image_embeddings": np.empty((shape.items, 0), np.float32),
    }


def _padded(column: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    fill = ItemFlag.VACANT if name == "flags" else 0
    spare = np.full((SPARE_ROWS, *column.shape[1:]), fill, column.dtype)
    return np.concatenate((column, spare))


def _directory(shape: WorldShape) -> Arrays:
    ids = [item_id(n).encode() for n in range(shape.items)]
    keys = np.array([item_key(item_id(n)) for n in range(shape.items)], np.uint64)
    order = np.argsort(keys)
    offsets = np.arange(shape.items + 1, dtype=np.int64) * len(ids[0])
    text = np.frombuffer(b"".join(ids), np.uint8)
    return {
        "id_bytes": text,
        "id_offsets": offsets,
        "title_bytes": text,
        "title_offsets": offsets,
        "sorted_keys": keys[order],
        "sorted_key_rows": order.astype(np.int32),
    }


def _popularity(items: WorldItems) -> tuple[list[str], Arrays]:
    best = np.argsort(-items.weight, kind="stable")[:_POPULAR_MAX].astype(np.int32)
    names = [popularity_list_name("popular", "global"), popularity_list_name("trending", "global")]
    lists = [best, np.ascontiguousarray(best[::-1])]
    scores = np.linspace(1, 0.01, len(best), dtype=np.float32)
    return names, {
        "popularity_offsets": np.cumsum([0, *map(len, lists)]).astype(np.int64),
        "popularity_rows": np.concatenate(lists),
        "popularity_scores": np.concatenate([scores] * len(lists)),
    }
