"""`shortlist evaluate`: how good are the lists, from popularity to what would be served?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.evaluation.evaluation_options import (
    RESAMPLES_DEFAULT,
    AllowRepeats,
    EvaluationOptions,
    Items,
    ListLength,
    MethodNames,
    Resamples,
    Seed,
    Test,
    Train,
    Work,
    method_names,
)
from server.cli.options import Config, console, load_settings, told_errors

if TYPE_CHECKING:
    from server.cli.evaluation.evaluation_run import Evaluation


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("evaluate", rich_help_panel="Learn")(evaluate)


def evaluate(
    train: Train,
    test: Test,
    items: Items = None,
    k: ListLength = 20,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Where the numbers go.", show_default=False)
    ] = None,
    allow_repeats: AllowRepeats = False,
    seed: Seed = 0,
    resamples: Resamples = RESAMPLES_DEFAULT,
    method: MethodNames = None,
    work: Work = None,
    config: Config = None,
) -> None:
    """Trains on one file of events and measures the lists against another.

    All items of train are ranked for each user whom both files know. Popularity and collaborative filtering come
    straight from the events; embedding, blend and ranked from a release made for the purpose, through the code
    that serves. Files are CSV, JSONL or Parquet, plain or .gz; without times the order of lines counts. Below each
    mean stands its 95 % interval, from a bootstrap over users.
    """
    settings = load_settings(config)
    options = EvaluationOptions(
        train=train,
        test=test,
        items=items,
        k=k,
        allow_repeats=allow_repeats,
        seed=seed,
        resamples=resamples,
        names=method_names(method),
        work=work,
    )
    from server.cli.evaluation.evaluation_run import evaluation

    with told_errors(), evaluation(options, settings) as found:
        _write(found, json_path)


def _write(found: Evaluation, json_path: Path | None) -> None:
    from offline.evaluation.assessment_json import assessment_json
    from server.cli.evaluation.evaluation_tables import evaluation_tables

    for table in evaluation_tables(found):
        console().print(table)
    if json_path is not None:
        content = assessment_json(found.split, found.assessment, found.options.k)
        json_path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
