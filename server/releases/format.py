"""What a release directory holds: every file with its dtype and shape, once, for writer and reader.

    releases/<version>/
      manifest.json            format version, identity, SHA-256 and size of every other file
      items/                   one array a column; rows are grouped by category
      vectors/                 vectors by item row: float32 what is scored with, float16 what is averaged or compared
      ann/                     int8 HNSW over vectors/item_vectors.npy, as ext.search_graph walks through it
      ann/unreached_rows.npy   rows that a search of the index may miss, so that they are looked at beside it
      neighbours/              item-item table by history item, flat (CSR); weight = neighbour_codes * its item's neighbour_scales
      popularity/              ranked lists, flat, with their names in lists.json
      models/                  ONNX files, the same weights as plain arrays, model.json
      text_encoder/            hashed TF-IDF + SVD as plain arrays
      vocabularies.json        category and brand names by code, in ascending string order

Symbols in shapes: I items, N = I + spare rows (row space of a server), V VECTOR_DIMS, T TITLE_DIMS,
M image dims, B bytes, E neighbour entries, L popularity lists, P popularity entries, U unreached rows, D links in the
graph's base layer, A entries of those above it, D2 their links.

Arrays with N rows end in vacant rows (flag VACANT, key 0, rest zero). A server maps them copy-on-write and
puts items that are newer than the release into them, so kernels see one row space and the file never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from pathlib import PurePosixPath

FORMAT_VERSION = 4
MANIFEST_NAME = "manifest.json"
CURRENT_LINK = "current"
MODEL_CONFIG_PATH = "models/model.json"
POPULARITY_LISTS_PATH = "popularity/lists.json"
VOCABULARIES_PATH = "vocabularies.json"
TEXT_ENCODER_CONFIG_PATH = "text_encoder/config.json"
ONNX_PATHS = ("models/user_tower.onnx", "models/item_tower.onnx", "models/two_tower.onnx")


class ItemFlag(IntFlag):
    """Bits of items/flags.npy. A row that may be shown has IN_STOCK and neither HIDDEN nor VACANT."""

    IN_STOCK = 1
    PROMOTED = 2
    HIDDEN = 4
    VACANT = 8


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """One .npy file. shape: symbols of the module docstring. mutable: the overlay writes to its mapping."""

    path: str
    dtype: str
    shape: tuple[str, ...]
    mutable: bool = False

    @property
    def name(self) -> str:
        """The file's stem: the attribute under which a mapped release holds the array."""
        return PurePosixPath(self.path).stem


ARRAY_FILES: tuple[ArrayFile, ...] = (
    ArrayFile("items/id_bytes.npy", "uint8", ("B",)),
    ArrayFile("items/id_offsets.npy", "int64", ("I+1",)),
    ArrayFile("items/title_bytes.npy", "uint8", ("B2",)),
    ArrayFile("items/title_offsets.npy", "int64", ("I+1",)),
    ArrayFile("items/sorted_keys.npy", "uint64", ("I",)),
    ArrayFile("items/sorted_key_rows.npy", "int32", ("I",)),
    ArrayFile("items/keys.npy", "uint64", ("N",), mutable=True),
    ArrayFile("items/category.npy", "int32", ("N",), mutable=True),
    ArrayFile("items/brand.npy", "int32", ("N",), mutable=True),
    ArrayFile("items/price.npy", "float32", ("N",), mutable=True),
    ArrayFile("items/flags.npy", "uint8", ("N",), mutable=True),
    ArrayFile("items/added_time_s.npy", "int64", ("N",), mutable=True),
    ArrayFile("items/expire_time_s.npy", "int64", ("N",), mutable=True),
    ArrayFile("items/view_count_7d.npy", "float32", ("N",), mutable=True),
    ArrayFile("items/purchase_count_7d.npy", "float32", ("N",), mutable=True),
    ArrayFile("items/avg_rating.npy", "float32", ("N",), mutable=True),
    ArrayFile("items/num_ratings.npy", "float32", ("N",), mutable=True),
    ArrayFile("items/trending_score.npy", "float32", ("N",), mutable=True),
    ArrayFile("vectors/item_vectors.npy", "float32", ("N", "V"), mutable=True),
    ArrayFile("vectors/history_embeddings.npy", "float16", ("N", "V"), mutable=True),
    ArrayFile("vectors/title_embeddings.npy", "float16", ("N", "T"), mutable=True),
    ArrayFile("vectors/image_embeddings.npy", "float32", ("N", "M"), mutable=True),
    ArrayFile("neighbours/neighbour_offsets.npy", "int64", ("I+1",)),
    ArrayFile("neighbours/neighbour_rows.npy", "int32", ("E",)),
    ArrayFile("neighbours/neighbour_codes.npy", "uint8", ("E",)),
    ArrayFile("neighbours/neighbour_scales.npy", "float32", ("I",)),
    ArrayFile("popularity/popularity_offsets.npy", "int64", ("L+1",)),
    ArrayFile("popularity/popularity_rows.npy", "int32", ("P",)),
    ArrayFile("popularity/popularity_scores.npy", "float32", ("P",)),
    ArrayFile("ann/ann_codes.npy", "int8", ("I", "V")),
    ArrayFile("ann/ann_links.npy", "int32", ("I", "D")),
    ArrayFile("ann/upper_rows.npy", "int32", ("A",)),
    ArrayFile("ann/upper_links.npy", "int32", ("A", "D2")),
    ArrayFile("ann/upper_down.npy", "int32", ("A",)),
    ArrayFile("ann/unreached_rows.npy", "int32", ("U",)),
    ArrayFile("text_encoder/idf.npy", "float32", ("H",)),
    ArrayFile("text_encoder/projection.npy", "float32", ("H", "T")),
)
"""expire_time_s: 0 = never. price: -1 = unknown. category, brand: -1 = none."""

MODEL_WEIGHTS = (
    # Batch normalisation is folded into the linear layer after it; weights are [inputs, outputs], row-major.
    "user_w1", "user_b1", "user_w2", "user_b2", "user_w3", "user_b3",
    "item_w1", "item_b1", "item_w2", "item_b2", "item_w3", "item_b3",
    "head_w1", "head_b1", "head_w2", "head_b2",
)  # fmt: skip
"""models/weights/<name>.npy, float32. Tower widths: input, 128, 64, VECTOR_DIMS. Head: cross features, 16, 1.
score = logistic(dot(user, item) * dot_scale + head + score_bias), where head = relu(x w1 + b1) w2 + b2 and
dot_scale, score_bias are numbers in model.json."""


def popularity_list_name(kind: str, scope: str, value: str = "") -> str:
    """Returns a list's name: kind ``popular`` or ``trending``; scope ``global``, ``category`` or ``page_type``.

    value: the category's name or the page type's; empty for the global list.
    """
    return f"{kind}/{scope}/{value}" if value else f"{kind}/{scope}"
