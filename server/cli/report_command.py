"""`shortlist report`: an evaluation in pictures, one page that can be sent to anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from server.cli.options import Config, console, fail, load_settings, told_errors

STUDY_USERS_MAX = 20_000

StudyUsers = Annotated[
    int,
    typer.Option(
        min=1, max=STUDY_USERS_MAX, help="Users, at random, for the trade-off, the sources and the features."
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("report", rich_help_panel="Learn")(report)


def report(
    train: Train,
    test: Test,
    items: Items = None,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("report.html"),
    k: ListLength = 20,
    allow_repeats: AllowRepeats = False,
    seed: Seed = 0,
    resamples: Resamples = RESAMPLES_DEFAULT,
    method: MethodNames = None,
    study_users: StudyUsers = 2_000,
    ablation: Annotated[
        bool,
        typer.Option("--ablation", help="Train anew without each input of the items file: minutes each."),
    ] = False,
    work: Work = None,
    config: Config = None,
) -> None:
    """Evaluates as `shortlist evaluate` does, and writes what it finds as one HTML page.

    Every method against the baselines with intervals, what diversity costs, users by history, coverage and
    popularity, calibration, what the ranker leans on, and some users' lists side by side. The page needs nothing
    else: no network, no script.
    """
    settings = load_settings(config)
    if not out.parent.is_dir():
        fail(f"there is no folder {out.parent}")
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
    from server.cli.evaluation.report_run import report_page
    from server.cli.main import product_version

    with told_errors(), evaluation(options, settings) as found:
        page = report_page(found, version=product_version(), study_users=study_users, ablation=ablation)
    out.write_text(page, encoding="utf-8")
    console().print(f"The report is in {out}")
