"""`shortlist train`: from what `build` wrote under work/ to the model under work/model/.

work/model/
  model.json               configuration, schema hash, how it was trained
  user_tower.onnx item_tower.onnx two_tower.onnx
  weights/<name>.npy       format.MODEL_WEIGHTS
  item_vectors.npy history_embeddings.npy title_embeddings.npy image_embeddings.npy      by row of items.parquet
  text_encoder/            config.json idf.npy projection.npy
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offline.candidates.neighbour_file import read_options
from offline.candidates.neighbours import NeighbourOptions
from offline.model.blend_head import install_blend
from offline.model.candidate_lists import BlendOptions
from offline.model.candidate_requests import past_lists
from offline.model.dataset import ExampleOptions, load_training_data
from offline.model.export import model_config, model_json
from offline.model.item_snapshots import Catalogue, DailyItemSnapshots, item_features
from offline.model.lent_factors import lend_factors
from offline.model.onnx_graphs import onnx_files
from offline.model.position_bias import read_exponent
from offline.model.ranker_training import FittedRanker, RankerOptions, fit_ranker
from offline.model.tower_fitting import FittedTowers, fit_towers
from offline.model.training import Report, TowerOptions
from offline.model.training_data import TrainingData
from offline.model.two_tower import TwoTowerModel
from offline.model.vectors import item_vectors
from offline.text import fit_text_encoder
from server.errors import Refused
from server.features.encoding import ITEM_HASH_BUCKETS, bucket_table, encode_items
from server.features.text_encoder import TextEncoder
from server.releases.model_config import BlendWeights

ITEMS_FILE = "items.parquet"
BUILD_FILE = "build.json"
MODEL_DIR = "model"
CANDIDATES_DIR = "candidates"

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """All knobs of the training. choose_blend: whether the blend's weights are looked for; else they are the given ones."""

    towers: TowerOptions = field(default_factory=TowerOptions)
    ranker: RankerOptions = field(default_factory=RankerOptions)
    examples: ExampleOptions = field(default_factory=ExampleOptions)
    blend: BlendOptions = field(default_factory=BlendOptions)
    choose_blend: bool = False

    def with_seed(self, seed: int, threads: int) -> TrainOptions:
        """Returns the same options with a seed and a number of threads."""
        towers = replace(self.towers, seed=seed, threads=threads)
        return replace(self, towers=towers, ranker=replace(self.ranker, seed=seed))


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """What was trained: counts, metrics by name, seconds. blend_weights: those that were chosen; None = none were."""

    model_version: str
    items: int
    queries: int
    examples: int
    epochs: int
    metrics: Mapping[str, float]
    blend_weights: BlendWeights | None
    seconds: float


def train_work(work_dir: Path, options: TrainOptions, report: Report) -> TrainSummary:
    """Trains on work_dir and writes work_dir/model, replacing what was there.

    Raises Refused when `build` has not run, or found nothing to learn from.
    """
    started = time.monotonic()
    if not (work_dir / ITEMS_FILE).is_file():
        raise Refused("there is nothing to train on: run `shortlist build` first", reason="NOT_BUILT")
    items = pq.read_table(work_dir / ITEMS_FILE).combine_chunks()
    encoder = fit_text_encoder(*texts(items), seed=options.towers.seed)
    catalogue = read_catalogue(items, encoder)
    examples = replace(
        options.examples, position_exponent=read_exponent(work_dir, options.examples.position_exponent)
    )
    data = load_training_data(work_dir, catalogue, examples)
    if not len(data.times_s):
        raise Refused("no user has done anything to learn from", reason="NOTHING_TO_LEARN")
    towers = fit_towers(data, options.towers, report)
    neighbours = read_options(work_dir / CANDIDATES_DIR)
    ranker = _fit_ranker(data, catalogue, towers, neighbours, options, report)
    _install(ranker, towers, catalogue, options)
    built = json.loads((work_dir / BUILD_FILE).read_text(encoding="utf-8"))
    vectors = vectors_at_build(towers.model, items, catalogue, int(built["as_of_s"]))
    metrics = _metrics(towers, ranker)
    chosen = ranker.blend.weights if ranker is not None and options.choose_blend else None
    summary = {"metrics": dict(metrics), "seed": options.towers.seed}
    version = _write(work_dir / MODEL_DIR, towers.model, encoder, catalogue, vectors, chosen, summary)
    return TrainSummary(
        model_version=version,
        items=catalogue.item_count,
        queries=len(data.times_s),
        examples=len(data.example_rows),
        epochs=towers.epochs,
        metrics=metrics,
        blend_weights=chosen,
        seconds=time.monotonic() - started,
    )


def texts(items: pa.Table) -> tuple[list[str], list[str], list[str]]:
    """Returns titles, categories and brands of items.parquet."""
    titles, categories, brands = (items.column(name).to_pylist() for name in ("title", "category", "brand"))
    return titles, categories, brands


def read_catalogue(items: pa.Table, encoder: TextEncoder) -> Catalogue:
    """Returns the attributes of items.parquet, in its row order."""
    return Catalogue(
        category=_column(items, "category_code").astype(np.int32),
        brand=_column(items, "brand_code").astype(np.int32),
        categories=_names(items, "category"),
        brands=_names(items, "brand"),
        price=_column(items, "price").astype(np.float32),
        added_time_s=_column(items, "added_time_s").astype(np.int64),
        in_stock=_column(items, "in_stock").astype(np.float32),
        promoted=_column(items, "promoted").astype(np.float32),
        # As exact as a release holds them, so that training and serving see the same numbers.
        title_embeddings=encoder.encode(*texts(items)).astype(np.float16).astype(np.float32),
        image_embeddings=_image_embeddings(items),
    )


def vectors_at_build(model: TwoTowerModel, items: pa.Table, catalogue: Catalogue, as_of_s: int) -> Floats:
    """Returns all items' unit vectors, float32[I, V], with their features as of the build."""
    names = ("view_count_7d", "purchase_count_7d", "avg_rating", "num_ratings", "trending_score")
    values = {name: _column(items, name).astype(np.float32) for name in names}
    rows = np.arange(catalogue.item_count, dtype=np.int64)
    inputs = encode_items(
        item_features(catalogue, values, as_of_s, rows),
        bucket_table(catalogue.categories, ITEM_HASH_BUCKETS),
        bucket_table(catalogue.brands, ITEM_HASH_BUCKETS),
    )
    return item_vectors(model, inputs)


def _fit_ranker(
    data: TrainingData,
    catalogue: Catalogue,
    towers: FittedTowers,
    neighbours: NeighbourOptions,
    options: TrainOptions,
    report: Report,
) -> FittedRanker | None:
    if towers.held_out is None:
        return None
    assert isinstance(data.items, DailyItemSnapshots)
    lists = past_lists(
        data,
        catalogue,
        data.items,
        towers.held_out,
        options.blend,
        neighbours,
        requests_max=options.ranker.requests_max,
        seed=options.ranker.seed,
    )
    return fit_ranker(
        list(lists),
        options.towers.logit_scale,
        options.ranker,
        report,
        options.blend.weights,
        choose_blend=options.choose_blend,
    )


def _install(
    ranker: FittedRanker | None, towers: FittedTowers, catalogue: Catalogue, options: TrainOptions
) -> None:
    """Puts into the towers' model what orders candidates, and factors for items that nobody has taken."""
    if ranker is None:
        install_blend(towers.model, options.blend.weights)
    else:
        ranker.install(towers.model)
    if not towers.epochs:
        lend_factors(towers.model, catalogue.title_embeddings)


def _metrics(towers: FittedTowers, ranker: FittedRanker | None) -> dict[str, float]:
    metrics: dict[str, float] = {}
    if towers.held_out is not None:
        metrics["validation_embedding_recall_20"] = towers.held_out.quality.recall
        metrics["validation_embedding_ndcg_20"] = towers.held_out.quality.ndcg
    if ranker is not None:
        metrics["validation_ranked_ndcg_20"] = ranker.quality.ndcg
        metrics["validation_blend_ndcg_20"] = ranker.blend_quality.ndcg
        metrics["validation_best_source_ndcg_20"] = ranker.source_quality.ndcg
        metrics["blend_choice_ndcg_20"] = ranker.blend.quality.ndcg
        metrics["blend_choice_default_ndcg_20"] = ranker.blend.given.ndcg
    return metrics


def _write(
    directory: Path,
    model: TwoTowerModel,
    encoder: TextEncoder,
    catalogue: Catalogue,
    vectors: Floats,
    blend_weights: BlendWeights | None,
    summary: Mapping[str, object],
) -> str:
    """Writes the files of the module's docstring; returns the model's version, which names its content."""
    weights = model.serving_weights()
    digest = hashlib.sha256(b"".join(weights[name].tobytes() for name in sorted(weights)) + vectors.tobytes())
    digest.update(np.array(blend_weights or (), np.float64).tobytes())
    version = f"two-tower-{digest.hexdigest()[:12]}"
    config = model_config(model, version, blend_weights)
    shutil.rmtree(directory, ignore_errors=True)
    for folder in ("weights", "text_encoder"):
        (directory / folder).mkdir(parents=True)
    arrays = {
        **{f"weights/{name}": array for name, array in weights.items()},
        **{f"text_encoder/{name}": array for name, array in encoder.to_arrays().items()},
        "item_vectors": vectors,
        "history_embeddings": model.history_embeddings(),
        "title_embeddings": catalogue.title_embeddings,
        "image_embeddings": catalogue.image_embeddings,
    }
    for name, array in arrays.items():
        np.save(directory / f"{name}.npy", array)
    for name, content in onnx_files(weights, config).items():
        (directory / name).write_bytes(content)
    (directory / "text_encoder" / "config.json").write_text(json.dumps(encoder.config.to_json()), "utf-8")
    (directory / "model.json").write_text(json.dumps(model_json(config, summary), indent=2) + "\n", "utf-8")
    return version


def _column(table: pa.Table, name: str) -> NDArray[np.generic]:
    values: NDArray[np.generic] = table.column(name).to_numpy()
    return values


def _names(items: pa.Table, column: str) -> tuple[str, ...]:
    """Returns the vocabulary: the names that occur, in ascending string order."""
    return tuple(sorted(set(items.column(column).unique().to_pylist()) - {""}))


def _image_embeddings(items: pa.Table) -> Floats:
    """Returns float32[I, M], zero where an item has none; M is 0 when no item has one.

    Raises Refused when widths differ.
    """
    given = items.column("image_embedding").to_pylist()
    widths = {len(vector) for vector in given if vector}
    if len(widths) > 1:
        raise Refused(
            f"image embeddings have widths {sorted(widths)}; a catalogue needs one", reason="IMAGE_DIMS"
        )
    out = np.zeros((len(given), next(iter(widths), 0)), np.float32)
    for row, vector in enumerate(given):
        if vector:
            out[row] = vector
    return out
