"""A complete release of a few hundred items, the same for the same arguments, made without torch.

Its model means something: vectors have no negative values, so identity weights carry them through the towers'
ReLUs. An item's vector lies near its category's centre, a user's near the mean of the history's embeddings, and a
new item gets its category's centre. So a user of one category is recommended that category.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.ann_graph import graph_of
from offline.candidates.weight_codes import encode_weights
from offline.model.onnx_graphs import onnx_files
from offline.usearch_index import Index
from server.features.declarations import CROSS_FEATURES, TITLE_DIMS, VECTOR_DIMS
from server.features.encoding import (
    ITEM_HASH_BUCKETS,
    USER_BLOCKS,
    USER_WIDTH,
    ItemFeatures,
    block_slices,
    bucket_table,
    encode_items,
    item_blocks,
)
from server.features.event_types import PageType
from server.features.identity import hash_bucket, item_key
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
from server.releases.registry import activate as activate_release
from server.releases.writer import ReleaseContents, ReleaseWriter

CREATED_TIME_S = 1_700_000_000
TEXT_BUCKETS = 256
NEIGHBOURS_MAX = 10
_WORDS = ("lamp", "chair", "mug", "clock", "rug", "shelf", "vase", "frame")
_DAY_S = 86_400

Floats = NDArray[np.float32]
Weights = dict[str, Floats]


@dataclass(frozen=True)
class SmallRelease:
    """What was written. item_ids and item_categories are in row order; brands by code."""

    path: Path
    version: str
    item_ids: list[str]
    item_categories: list[str]
    categories: list[str]
    brands: list[str]

    def ids_of_category(self, category: str) -> list[str]:
        """Returns a category's item ids, in row order."""
        return [i for i, c in zip(self.item_ids, self.item_categories, strict=True) if c == category]


def build_small_release(
    releases_dir: Path,
    *,
    items: int = 200,
    categories: int = 5,
    brands: int = 8,
    spare_rows: int = 50,
    image_dims: int = 0,
    seed: int = 0,
    version: str = "r1",
    parent: str = "",
    ann_metric: str = "cos",
    overlay_sequence: int = 0,
    created_time_s: int = CREATED_TIME_S,
    out_of_stock: Collection[str] = (),
    hidden: Collection[str] = (),
    promoted: Collection[str] = (),
    activate: bool = True,
) -> SmallRelease:
    """Writes a release and, unless told not to, makes it the current one.

    Item ``item-0007`` is of category ``category-<7 % categories>`` and brand ``brand-<7 % brands>``; rows are
    grouped by category. Popularity falls with the item's number: ``item-0000`` is the most popular.
    """
    names = SmallNames.make(items, categories, brands)
    contents = small_contents(
        names,
        spare_rows=spare_rows,
        image_dims=image_dims,
        seed=seed,
        version=version,
        parent=parent,
        ann_metric=ann_metric,
        overlay_sequence=overlay_sequence,
        created_time_s=created_time_s,
        flags=_flags(names, out_of_stock, hidden, promoted),
    )
    path = ReleaseWriter(releases_dir).write(contents)
    if activate:
        activate_release(releases_dir, version)
    return SmallRelease(path, version, names.ids, names.item_categories, names.categories, names.brands)


@dataclass(frozen=True)
class SmallNames:
    """Ids and codes in row order; number: what stands in the id."""

    ids: list[str]
    number: NDArray[np.int64]
    category: NDArray[np.int32]
    brand: NDArray[np.int32]
    categories: list[str]
    brands: list[str]

    @staticmethod
    def make(items: int, categories: int, brands: int) -> SmallNames:
        """Returns the names of a release of so many items."""
        order = np.array(sorted(range(items), key=lambda n: (n % categories, n)), np.int64)
        return SmallNames(
            ids=[f"item-{n:04d}" for n in order],
            number=order,
            category=(order % categories).astype(np.int32),
            brand=(order % brands).astype(np.int32),
            categories=[f"category-{n:02d}" for n in range(categories)],
            brands=[f"brand-{n:02d}" for n in range(brands)],
        )

    @property
    def item_categories(self) -> list[str]:
        """Returns each row's category name."""
        return [self.categories[code] for code in self.category]


def small_contents(
    names: SmallNames,
    *,
    spare_rows: int = 50,
    image_dims: int = 0,
    seed: int = 0,
    version: str = "r1",
    parent: str = "",
    ann_metric: str = "cos",
    overlay_sequence: int = 0,
    created_time_s: int = CREATED_TIME_S,
    flags: NDArray[np.uint8] | None = None,
) -> ReleaseContents:
    """Returns the contents, for tests that change them before they write."""
    rng = np.random.default_rng(seed)
    centres = _centres(rng, len(names.categories))
    weights = _weights(rng, centres, names.categories, image_dims)
    encoder = _text_encoder(rng)
    columns = _columns(rng, names, created_time_s)
    columns["flags"] = flags if flags is not None else _flags(names, (), (), ())
    vectors = _vectors(rng, names, columns, centres, weights, encoder, image_dims, created_time_s)
    item_vectors = vectors["item_vectors"]
    if ann_metric == "cos":
        item_vectors /= np.linalg.norm(item_vectors, axis=1, keepdims=True)
    config = ModelConfig(f"model-{version}", 4.0, -2.0, image_dims, ann_metric)
    lists, popularity = _popularity(names)
    per_row = {**columns, **vectors}
    named = {
        **_id_arrays(names),
        **{name: _padded(array, name, spare_rows) for name, array in per_row.items()},
        **_neighbours(names),
        **popularity,
        **encoder.to_arrays(),
        **_graph(item_vectors),
        "unreached_rows": np.arange(1, min(len(names.ids), 4), 2, np.int32),
    }
    arrays: dict[str, NDArray[np.generic]] = {file.path: named[file.name] for file in ARRAY_FILES}
    arrays.update({weight_path(name): weight for name, weight in weights.items()})
    return ReleaseContents(
        arrays=arrays,
        json_files={
            MODEL_CONFIG_PATH: config.to_json(),
            POPULARITY_LISTS_PATH: lists,
            VOCABULARIES_PATH: {"categories": names.categories, "brands": names.brands},
            TEXT_ENCODER_CONFIG_PATH: encoder.config.to_json(),
        },
        binary_files={f"models/{name}": content for name, content in onnx_files(weights, config).items()},
        version=version,
        created_time_s=created_time_s,
        parent=parent,
        overlay_sequence=overlay_sequence,
        image_dims=image_dims,
        code_version="test",
        metrics={"recall": 0.5},
    )


def _centres(rng: np.random.Generator, categories: int) -> Floats:
    """Returns a sparse direction without negative values for each category: nearly orthogonal to the others."""
    centres = np.zeros((categories, VECTOR_DIMS), np.float32)
    for code in range(categories):
        centres[code, rng.choice(VECTOR_DIMS, 8, replace=False)] = 1
    return centres / np.linalg.norm(centres, axis=1, keepdims=True).astype(np.float32)


def _weights(rng: np.random.Generator, centres: Floats, categories: list[str], image_dims: int) -> Weights:
    weights = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(image_dims).items()}
    user, item = block_slices(USER_BLOCKS), block_slices(item_blocks(image_dims))
    identity = np.eye(VECTOR_DIMS, dtype=np.float32)
    weights["user_w1"][:, VECTOR_DIMS:] = rng.normal(0, 0.01, (USER_WIDTH, 64))
    weights["user_w1"][user["history_vector"], :VECTOR_DIMS] = identity
    weights["item_w1"][item["id_embedding"], :VECTOR_DIMS] = identity / 2
    for code, name in enumerate(categories):
        bucket = item["category"].start + hash_bucket(name, ITEM_HASH_BUCKETS)
        weights["item_w1"][bucket, :VECTOR_DIMS] = centres[code] / 2
    for tower in ("user", "item"):
        weights[f"{tower}_w2"][:VECTOR_DIMS] = identity
        weights[f"{tower}_w2"][VECTOR_DIMS:] = rng.normal(0, 0.01, (64, VECTOR_DIMS))
        weights[f"{tower}_w3"][:] = identity
    weights["head_w1"][:] = rng.uniform(0, 0.1, (len(CROSS_FEATURES), 16))
    weights["head_w2"][:] = 0.1
    return weights


def _text_encoder(rng: np.random.Generator) -> TextEncoder:
    config = TextEncoderConfig(buckets=TEXT_BUCKETS, dims=TITLE_DIMS)
    idf = rng.uniform(1, 2, TEXT_BUCKETS).astype(np.float32)
    projection = rng.normal(0, 1, (TEXT_BUCKETS, TITLE_DIMS)).astype(np.float32)
    return TextEncoder(config, idf, projection)


def _title(number: int, category: str) -> str:
    return f"{_WORDS[number % len(_WORDS)].title()} {category} {number}"


def _flags(
    names: SmallNames, out_of_stock: Collection[str], hidden: Collection[str], promoted: Collection[str]
) -> NDArray[np.uint8]:
    def flag(item_id: str) -> int:
        stock = 0 if item_id in out_of_stock else ItemFlag.IN_STOCK
        shown = ItemFlag.HIDDEN if item_id in hidden else 0
        return stock | shown | (ItemFlag.PROMOTED if item_id in promoted else 0)

    return np.array([flag(item_id) for item_id in names.ids], np.uint8)


def _columns(
    rng: np.random.Generator, names: SmallNames, created_time_s: int
) -> dict[str, NDArray[np.generic]]:
    n = len(names.ids)
    views = (1000 / (1 + names.number)).astype(np.float32)
    age_days = rng.integers(10, 400, n)
    return {
        "keys": np.array([item_key(item_id) for item_id in names.ids], np.uint64),
        "category": names.category,
        "brand": names.brand,
        "price": rng.uniform(1, 100, n).astype(np.float32),
        "added_time_s": (created_time_s - age_days * _DAY_S).astype(np.int64),
        "expire_time_s": np.zeros(n, np.int64),
        "view_count_7d": views,
        "purchase_count_7d": (views / 10).astype(np.float32),
        "avg_rating": rng.uniform(1, 5, n).astype(np.float32),
        "num_ratings": rng.integers(0, 50, n).astype(np.float32),
        "trending_score": rng.uniform(0, 3, n).astype(np.float32),
    }


def _vectors(
    rng: np.random.Generator,
    names: SmallNames,
    columns: dict[str, NDArray[np.generic]],
    centres: Floats,
    weights: Weights,
    encoder: TextEncoder,
    image_dims: int,
    created_time_s: int,
) -> dict[str, NDArray[np.generic]]:
    n = len(names.ids)
    noise = np.abs(rng.normal(0, 0.05, (n, VECTOR_DIMS))).astype(np.float32)
    history = centres[names.category] + noise
    titles = [_title(int(k), c) for k, c in zip(names.number, names.item_categories, strict=True)]
    title_embeddings = encoder.encode(titles, names.item_categories, [names.brands[b] for b in names.brand])
    images = rng.normal(0, 1, (n, image_dims)).astype(np.float32)
    features = ItemFeatures(
        **{name: columns[name] for name in ("category", "brand", "price", "view_count_7d")},  # type: ignore[arg-type]
        **{name: columns[name] for name in ("purchase_count_7d", "avg_rating", "num_ratings")},  # type: ignore[arg-type]
        days_since_added=((created_time_s - columns["added_time_s"]) / _DAY_S).astype(np.float32),  # type: ignore[operator]
        trending_score=columns["trending_score"],  # type: ignore[arg-type]
        in_stock=((columns["flags"] & ItemFlag.IN_STOCK) != 0).astype(np.float32),  # type: ignore[operator]
        is_promoted=((columns["flags"] & ItemFlag.PROMOTED) != 0).astype(np.float32),  # type: ignore[operator]
        title_embedding=title_embeddings,
        image_embedding=images,
        id_embedding=history,
    )
    buckets = (bucket_table(v, ITEM_HASH_BUCKETS) for v in (names.categories, names.brands))
    return {
        "item_vectors": forward(encode_items(features, *buckets), weights, "item"),
        "history_embeddings": history.astype(np.float16),
        "title_embeddings": title_embeddings.astype(np.float16),
        "image_embeddings": images,
    }


def forward(inputs: Floats, weights: Weights, tower: str) -> Floats:
    """Returns a tower's output by plain NumPy."""
    hidden = np.maximum(inputs @ weights[f"{tower}_w1"] + weights[f"{tower}_b1"], 0)
    hidden = np.maximum(hidden @ weights[f"{tower}_w2"] + weights[f"{tower}_b2"], 0)
    out: Floats = hidden @ weights[f"{tower}_w3"] + weights[f"{tower}_b3"]
    return out


def _padded(array: NDArray[np.generic], name: str, spare_rows: int) -> NDArray[np.generic]:
    spare = np.zeros((spare_rows, *array.shape[1:]), array.dtype)
    if name == "flags":
        spare[:] = ItemFlag.VACANT
    return np.concatenate([array, spare])


def _id_arrays(names: SmallNames) -> dict[str, NDArray[np.generic]]:
    titles = [_title(int(k), c) for k, c in zip(names.number, names.item_categories, strict=True)]
    id_bytes, id_offsets = _flat_text(names.ids)
    title_bytes, title_offsets = _flat_text(titles)
    keys = np.array([item_key(item_id) for item_id in names.ids], np.uint64)
    order = np.argsort(keys)
    return {
        "id_bytes": id_bytes,
        "id_offsets": id_offsets,
        "title_bytes": title_bytes,
        "title_offsets": title_offsets,
        "sorted_keys": keys[order],
        "sorted_key_rows": order.astype(np.int32),
    }


def _flat_text(texts: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *(len(e) for e in encoded)]).astype(np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def _neighbours(names: SmallNames) -> dict[str, NDArray[np.generic]]:
    """Joins each item to the items before and after it in its category, the nearer the stronger."""
    offsets, rows, weights = [0], [], []
    for row, code in enumerate(names.category):
        same = np.flatnonzero(names.category == code)
        others = same[same != row]
        nearest = others[np.argsort(np.abs(others - row), kind="stable")][:NEIGHBOURS_MAX]
        rows.extend(nearest)
        weights.extend(1 / (2 + np.abs(nearest - row)))
        offsets.append(len(rows))
    codes, scales = encode_weights(np.array(offsets, np.int64), np.array(weights, np.float32))
    return {
        "neighbour_offsets": np.array(offsets, np.int64),
        "neighbour_rows": np.array(rows, np.int32),
        "neighbour_codes": codes,
        "neighbour_scales": scales,
    }


def _popularity(names: SmallNames) -> tuple[list[str], dict[str, NDArray[np.generic]]]:
    everything = np.argsort(names.number, kind="stable")
    ranked: dict[str, NDArray[np.int64]] = {
        popularity_list_name("popular", "global"): everything,
        popularity_list_name("trending", "global"): everything[: max(1, len(everything) // 4)][::-1],
    }
    for code, category in enumerate(names.categories):
        inside = everything[names.category[everything] == code]
        ranked[popularity_list_name("popular", "category", category)] = inside
        ranked[popularity_list_name("trending", "category", category)] = inside[:10][::-1]
    for page_type in PageType:
        if page_type is not PageType.UNSPECIFIED:
            ranked[popularity_list_name("popular", "page_type", page_type.name)] = everything
    scores = [np.linspace(1, 0.01, len(rows), dtype=np.float32) for rows in ranked.values()]
    return list(ranked), {
        "popularity_offsets": np.cumsum([0, *(len(rows) for rows in ranked.values())]).astype(np.int64),
        "popularity_rows": np.concatenate(list(ranked.values())).astype(np.int32),
        "popularity_scores": np.concatenate(scores),
    }


def _graph(item_vectors: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
    index = Index(ndim=VECTOR_DIMS, metric="cos", dtype="i8", connectivity=16, expansion_add=128)
    index.add(np.arange(len(item_vectors)), item_vectors, threads=1)
    return graph_of(
        np.frombuffer(bytes(index.save()), np.uint8), np.asarray(item_vectors, np.float32)
    ).to_arrays()
