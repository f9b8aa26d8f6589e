"""`shortlist train`: learns the model from what `build` wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from server.cli.options import Config, DataDir, console, load_settings, told_errors

if TYPE_CHECKING:
    from offline.model.train_work import TrainSummary
    from offline.model.training import EpochReport

_STAGES = {
    "factors": "Towers from factors",
    "validation": "Towers, newest weeks held back",
    "final": "Towers, on everything",
    "ranker": "Ranker, on past candidate lists",
}
_METRICS = {
    "validation_embedding_recall_20": "embedding alone, recall@20",
    "validation_embedding_ndcg_20": "embedding alone, NDCG@20",
    "validation_blend_ndcg_20": "candidates as blended, NDCG@20 within the list",
    "validation_best_source_ndcg_20": "candidates of the best source alone, NDCG@20 within the list",
    "validation_ranked_ndcg_20": "candidates as ranked, NDCG@20 within the list",
}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("train", rich_help_panel="Learn")(train)


def train(
    seed: Annotated[int, typer.Option(min=0, help="The same data and seed give the same model.")] = 0,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of the arithmetic.")] = 1,
    epochs_max: Annotated[int, typer.Option(min=1, max=1_000, help="Epochs of the towers at most.")] = 8,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Trains the two towers and the ranker on what `shortlist build` wrote.

    The last month is held back first, to choose the number of epochs and to train the ranker on lists whose
    sources could not know what was chosen; then the towers are trained anew on everything.
    """
    from offline.model.candidate_lists import BlendOptions
    from offline.model.train_work import TrainOptions, train_work

    settings = load_settings(config, data_dir)
    retrieval = settings.retrieval
    weights = (retrieval.collaborative_weight, retrieval.embedding_weight, retrieval.popularity_weight)
    blend = BlendOptions.of(
        weights, retrieval.candidates_max, retrieval.history_half_life_days, retrieval.fusion
    )
    choose = retrieval.weights_from == "release"
    options = TrainOptions(blend=blend, choose_blend=choose).with_seed(seed, threads)
    options = replace(options, towers=replace(options.towers, epochs_max=epochs_max))
    with told_errors(), TrainingProgress() as progress:
        summary = train_work(settings.data_dir / "work", options, progress.report)
    _print(summary)


class TrainingProgress:
    """A bar for each stage, with the loss and the quality of its latest epoch."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[state]}"),
            console=console(),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> TrainingProgress:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def report(self, epoch: EpochReport) -> None:
        """Shows an epoch that is done. A stage that stopped early is shown as complete when the next begins."""
        if epoch.stage not in self._tasks:
            self._tasks[epoch.stage] = self._progress.add_task(
                _STAGES[epoch.stage], total=epoch.epochs, state=""
            )
        told = [] if epoch.loss is None else [f"loss {epoch.loss:.3f}"]
        if epoch.quality is not None:
            told.append(f"recall@20 {epoch.quality.recall:.4f}, NDCG@20 {epoch.quality.ndcg:.4f}")
        self._progress.update(self._tasks[epoch.stage], completed=epoch.epoch, state=", ".join(told))


def _print(summary: TrainSummary) -> None:
    table = Table(title=f"Model {summary.model_version}", title_justify="left", show_header=False, box=None)
    table.add_row("items", f"{summary.items:,}")
    table.add_row("requests, examples", f"{summary.queries:,}, {summary.examples:,}")
    table.add_row("epochs", f"{summary.epochs}")
    if summary.blend_weights is not None:
        table.add_row(
            "weights chosen for the blend", " / ".join(f"{weight:g}" for weight in summary.blend_weights)
        )
    for name, title in _METRICS.items():
        if name in summary.metrics:
            table.add_row(title, f"{summary.metrics[name]:.4f}")
    table.add_row("time", f"{summary.seconds:.0f} s")
    console().print(table)
