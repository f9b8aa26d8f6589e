"""`shortlist off-policy`: what would another policy have earned, from choices that were logged with propensities?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import track
from rich.table import Table

from server.cli.options import Config, DataDir, console, fail, load_settings, told_errors

if TYPE_CHECKING:
    from offline.evaluation.off_policy.estimators import Judgement
    from offline.evaluation.off_policy.logged_choices import LoggedChoices
    from offline.evaluation.off_policy.target_policies import TargetPolicy
    from server.settings import Settings
    from server.stores.protocols import LoggedRecommendation

WEIGHT_MEAN_TOLERANCE = 0.2
"""Weights have a mean of 1 where propensities, log and policy fit; further away from it deserves a word."""

UNSUPPORTED_TOLERANCE = 1e-6
"""Less than this is rounding."""

Log = Annotated[
    list[Path],
    typer.Option(
        help="CSV or Parquet of item_id, position, reward (or click), propensity; or the server's recommendation log"
        " (.jsonl), which is joined with the event log. May be repeated for .jsonl.",
    ),
]
Uniform = Annotated[bool, typer.Option("--uniform", help="Judge showing every item equally often.")]
Like = Annotated[
    Path | None,
    typer.Option(help="Judge showing items as often, at each position, as this log did.", show_default=False),
]
Policy = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        help="Judge a file of recommendation_id, position, item_id, probability.",
        show_default=False,
    ),
]
Candidate = Annotated[
    str,
    typer.Option(
        help="Judge the lists that this server (host:port), with the new release, gives to the same requests.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("off-policy", rich_help_panel="Learn")(off_policy)


def off_policy(
    log: Log,
    uniform: Uniform = False,
    like: Like = None,
    policy: Policy = None,
    candidate: Candidate = "",
    clip: Annotated[
        float | None, typer.Option(min=1, help="Cut larger weights; a bias.", show_default=False)
    ] = None,
    ess_min: Annotated[float, typer.Option(min=1, help="Refuse fewer effective rows.")] = 100.0,
    resamples: Annotated[int, typer.Option(min=100, max=100_000, help="Of the bootstrap.")] = 1000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Where the numbers go.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Judges a policy before it serves anyone: IPW, SNIPW and DR with intervals, or a refusal where a value would be
    noise."""
    if [uniform, like is not None, policy is not None, bool(candidate)].count(True) != 1:
        fail("name one policy to judge: --uniform, --like, --policy or --candidate")
    for path in (*log, *(path for path in (like, policy) if path is not None)):
        if not path.is_file():
            fail(f"there is no file {path}")
    settings = load_settings(config, data_dir)
    with told_errors():
        from offline.evaluation.off_policy.estimators import EstimatorValues, judge

        choices, entries = _read(log, settings)
        target = _target(choices, entries, like, policy, candidate)
        values = EstimatorValues(clip=clip, ess_min=ess_min, resamples=resamples, seed=seed)
        _write(judge(choices, target, values), json_path)


def _read(paths: Sequence[Path], settings: Settings) -> tuple[LoggedChoices, list[LoggedRecommendation]]:
    if not all(path.suffix == ".jsonl" for path in paths):
        from offline.evaluation.off_policy.log_files import read_choices

        if len(paths) > 1:
            fail("several --log are for the server's own recommendation log (.jsonl) only")
        return read_choices(paths[0]), []
    from offline.evaluation.off_policy.served_log import read_recommendations, served_choices
    from server.storage import open_event_log

    entries = list(read_recommendations(paths))
    return served_choices(entries, open_event_log(settings)), entries


def _target(
    choices: LoggedChoices,
    entries: Sequence[LoggedRecommendation],
    like: Path | None,
    policy: Path | None,
    candidate: str,
) -> TargetPolicy:
    from offline.evaluation.off_policy.log_files import read_choices
    from offline.evaluation.off_policy.served_log import list_policy, read_policy
    from offline.evaluation.off_policy.target_policies import frequency_policy, uniform_policy

    if like is not None:
        return frequency_policy(choices, read_choices(like))
    if policy is not None:
        return read_policy(policy, choices)
    if candidate:
        if not entries:
            fail("--candidate replays requests, which only the server's recommendation log (.jsonl) holds")
        return list_policy(choices, _answers(candidate, entries))
    return uniform_policy(choices)


def _answers(address: str, entries: Sequence[LoggedRecommendation]) -> list[list[str]]:
    """Returns the lists that a server gives to logged requests. It knows the users as they are now, not as then."""
    import grpc

    from server.cli.client import ShortlistClient, recommend_request
    from server.features.event_types import PageType

    lists = []
    with ShortlistClient(address) as client:
        for entry in track(entries, description="Asking the candidate", console=console()):
            request = recommend_request(
                user_id=entry.user_id,
                session_id=entry.session_id,
                page_type=PageType(entry.page_type),
                num_items=len(entry.item_ids),
            )
            request.scenario = entry.scenario
            try:
                reply = client.recommend(request)
            except grpc.RpcError as error:
                fail(f"{address} answered {error.code().name}: {error.details()}", code=1)
            lists.append([item.item_id for item in reply.items])
    return lists


def _write(found: Judgement, json_path: Path | None) -> None:
    table = Table(title=f"{found.rows:,} logged choices", title_justify="left")
    for column in ("estimator", "value", "95 % from", "to"):
        table.add_column(column, justify="left" if column == "estimator" else "right")
    for name, estimate in found.estimates().items():
        table.add_row(name, f"{estimate.value:.5f}", f"{estimate.low:.5f}", f"{estimate.high:.5f}")
    out = console()
    out.print(table)
    out.print(
        f"effective rows {found.ess:,.0f}, largest weight {found.weight_max:,.1f}, mean weight {found.weight_mean:.3f};"
        f" the policy that served earned {found.logged_value:.5f}"
    )
    if found.clip is not None:
        out.print(f"clipped: {found.clipped:,} weights cut to {found.clip:g}; the values are biased by that")
    elif abs(found.weight_mean - 1) > WEIGHT_MEAN_TOLERANCE:
        out.print("the mean weight is far from 1: propensities and log may not fit, read SNIPW alone")
    if found.unsupported > UNSUPPORTED_TOLERANCE:
        out.print(
            f"{found.unsupported:.1%} of the policy is items that the log never shows: not judged by IPW"
        )
    if json_path is not None:
        json_path.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
