"""`shortlist publish`: from work/ and the changes made while serving to a release."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offline.ann_served import ServedGraph, build_served_graph
from offline.candidates.neighbour_file import choice_metrics
from offline.model.train_work import BUILD_FILE, CANDIDATES_DIR, ITEMS_FILE, MODEL_DIR
from offline.overlay_merge import MergedItems
from server.errors import Refused
from server.releases.format import (
    MODEL_CONFIG_PATH,
    MODEL_WEIGHTS,
    ONNX_PATHS,
    POPULARITY_LISTS_PATH,
    TEXT_ENCODER_CONFIG_PATH,
    VOCABULARIES_PATH,
    ItemFlag,
)
from server.releases.layout import weight_path
from server.releases.manifest import TrainingWindow
from server.releases.writer import ReleaseContents

_ANN_FILE = "index.usearch"
_HALF_VECTORS = ("history_embeddings", "title_embeddings")

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class ReleaseIdentity:
    """What a release is called, from when it is and what it follows."""

    version: str
    created_time_s: int
    parent: str
    code_version: str


@dataclass(frozen=True, slots=True)
class AssembledRelease:
    """contents: for ReleaseWriter. ann: what the index is worth."""

    contents: ReleaseContents
    ann: ServedGraph


def read_built_items(work_dir: Path) -> pa.Table:
    """Returns items.parquet. Raises Refused when `build` or `train` has not run, or train is older than build."""
    for name, command in ((ITEMS_FILE, "build"), (f"{MODEL_DIR}/model.json", "train")):
        if not (work_dir / name).is_file():
            raise Refused(f"there is nothing to publish: run `shortlist {command}` first", reason="NOT_BUILT")
    items = pq.read_table(work_dir / ITEMS_FILE).combine_chunks()
    vectors = np.load(work_dir / MODEL_DIR / "item_vectors.npy", mmap_mode="r")
    if (work_dir / MODEL_DIR / "model.json").stat().st_mtime_ns < (
        work_dir / ITEMS_FILE
    ).stat().st_mtime_ns or len(vectors) != items.num_rows:
        raise Refused("the model is older than the build: run `shortlist train` again", reason="NOT_TRAINED")
    return items


def assemble_release(
    work_dir: Path,
    merged: MergedItems,
    identity: ReleaseIdentity,
    *,
    spare_rows: int,
    progress: Callable[[float], None] | None = None,
) -> AssembledRelease:
    """Returns all that the release is made of. progress: of the ANN index, the long part.

    Raises offline.ann.UnreachableItems when too many items cannot be found in the index.
    """
    model_dir, items = work_dir / MODEL_DIR, merged.items
    model = json.loads((model_dir / "model.json").read_text("utf-8"))
    built = json.loads((work_dir / BUILD_FILE).read_text("utf-8"))
    vectors = _load(model_dir, ("item_vectors", "history_embeddings", "title_embeddings", "image_embeddings"))
    ann = build_served_graph(
        np.asarray(vectors["item_vectors"], np.float32), model_dir / _ANN_FILE, progress=progress
    )
    arrays: Arrays = {
        **_directory(items),
        **_columns(items, spare_rows),
        **{_vector_path(n): _with_spare(_as_held(n, array), spare_rows) for n, array in vectors.items()},
        **_candidates(work_dir / CANDIDATES_DIR),
        **{f"ann/{name}.npy": array for name, array in ann.to_arrays().items()},
        **_weights(model_dir),
    }
    contents = ReleaseContents(
        arrays=arrays,
        json_files=_json_files(work_dir, model, items),
        binary_files={path: model_dir / Path(path).name for path in ONNX_PATHS},
        version=identity.version,
        created_time_s=identity.created_time_s,
        parent=identity.parent,
        overlay_sequence=merged.overlay_sequence,
        image_dims=int(model["image_dims"]),
        code_version=identity.code_version,
        metrics={
            **model["training"]["metrics"],
            **choice_metrics(work_dir / CANDIDATES_DIR),
            "ann_recall_200": ann.recall,
        },
        training_window=TrainingWindow(_first_event_s(work_dir), int(built["as_of_s"])),
    )
    return AssembledRelease(contents, ann)


def vocabulary(items: pa.Table, column: str) -> list[str]:
    """Returns the names that occur in a column, by code."""
    return sorted(set(items.column(column).unique().to_pylist()) - {""})


def _directory(items: pa.Table) -> Arrays:
    """The arrays that lead from ids and keys to rows and back."""
    keys = items.column("item_key").to_numpy().astype(np.uint64)
    order = np.argsort(keys)
    id_bytes, id_offsets = _flat_text(items.column("item_id"))
    title_bytes, title_offsets = _flat_text(items.column("title"))
    return {
        "items/id_bytes.npy": id_bytes,
        "items/id_offsets.npy": id_offsets,
        "items/title_bytes.npy": title_bytes,
        "items/title_offsets.npy": title_offsets,
        "items/sorted_keys.npy": keys[order],
        "items/sorted_key_rows.npy": order.astype(np.int32),
    }


def _columns(items: pa.Table, spare_rows: int) -> Arrays:
    """The item columns of N rows."""
    flags = np.full(items.num_rows, 0, np.uint8)
    for name, flag in (
        ("in_stock", ItemFlag.IN_STOCK),
        ("promoted", ItemFlag.PROMOTED),
        ("hidden", ItemFlag.HIDDEN),
    ):
        flags |= pc.fill_null(items.column(name), False).to_numpy().astype(np.uint8) * np.uint8(flag)
    columns: Arrays = {
        "items/keys.npy": items.column("item_key").to_numpy().astype(np.uint64),
        "items/category.npy": items.column("category_code").to_numpy().astype(np.int32),
        "items/brand.npy": items.column("brand_code").to_numpy().astype(np.int32),
    }
    for name, dtype in (
        ("price", np.float32),
        ("added_time_s", np.int64),
        ("expire_time_s", np.int64),
        ("view_count_7d", np.float32),
        ("purchase_count_7d", np.float32),
        ("avg_rating", np.float32),
        ("num_ratings", np.float32),
        ("trending_score", np.float32),
    ):
        columns[f"items/{name}.npy"] = items.column(name).to_numpy().astype(dtype)
    padded = {path: _with_spare(column, spare_rows) for path, column in columns.items()}
    vacant = np.full(spare_rows, ItemFlag.VACANT, np.uint8)
    return {**padded, "items/flags.npy": np.concatenate((flags, vacant))}


def _candidates(directory: Path) -> Arrays:
    """Neighbours and popularity lists as `build` wrote them."""
    paths = {
        "neighbours": ("neighbour_offsets", "neighbour_rows", "neighbour_codes", "neighbour_scales"),
        "popularity": ("popularity_offsets", "popularity_rows", "popularity_scores"),
    }
    return {
        f"{folder}/{name}.npy": np.load(directory / f"{name}.npy")
        for folder, names in paths.items()
        for name in names
    }


def _weights(model_dir: Path) -> Arrays:
    """Weights of the model and of the text encoder as `train` wrote them."""
    encoder = model_dir / "text_encoder"
    return {
        **{weight_path(n): np.load(model_dir / "weights" / f"{n}.npy") for n in MODEL_WEIGHTS},
        **{f"text_encoder/{n}.npy": np.load(encoder / f"{n}.npy") for n in ("idf", "projection")},
    }


def _json_files(work_dir: Path, model: object, items: pa.Table) -> dict[str, object]:
    return {
        MODEL_CONFIG_PATH: model,
        POPULARITY_LISTS_PATH: _read_json(work_dir / CANDIDATES_DIR / "lists.json"),
        VOCABULARIES_PATH: {
            "categories": vocabulary(items, "category"),
            "brands": vocabulary(items, "brand"),
        },
        TEXT_ENCODER_CONFIG_PATH: _read_json(work_dir / MODEL_DIR / "text_encoder" / "config.json"),
    }


def _vector_path(name: str) -> str:
    return f"vectors/{name}.npy"


def _as_held(name: str, array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Returns vectors as exact as a release holds them."""
    return array.astype(np.float16) if name in _HALF_VECTORS else array


def _load(directory: Path, names: Sequence[str]) -> Mapping[str, NDArray[np.generic]]:
    return {name: np.load(directory / f"{name}.npy") for name in names}


def _with_spare(array: NDArray[np.generic], spare_rows: int) -> NDArray[np.generic]:
    """Returns the array with zero rows behind it."""
    spare = np.zeros((spare_rows, *array.shape[1:]), array.dtype)
    return np.concatenate((array, spare))


def _flat_text(column: pa.ChunkedArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns the texts' UTF-8 bytes, one after the other, and their offsets."""
    encoded = [text.encode() for text in column.to_pylist()]
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in encoded]))).astype(np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def _read_json(path: Path) -> object:
    value: object = json.loads(path.read_text("utf-8"))
    return value


def _first_event_s(work_dir: Path) -> int:
    """Returns the time of the oldest event that training could see, 0 without any."""
    times = pq.read_table(work_dir / "features" / "history.parquet", columns=["time_s"]).column("time_s")
    return int(pc.min(times).as_py() or 0)
