"""The options of the commands that evaluate: the same files, the same methods, the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from server.cli.options import fail

OFFLINE_METHODS = ("popularity", "collaborative")
RELEASE_METHODS = ("embedding", "blend", "ranked")
ALL_METHODS = (*OFFLINE_METHODS, *RELEASE_METHODS)

RESAMPLES_MAX = 10_000
RESAMPLES_DEFAULT = 1_000

Train = Annotated[
    Path, typer.Option(help="Events to learn from: user_id, item_id[, event_type, event_time].")
]
Test = Annotated[Path, typer.Option(help="Events to be foretold, of the same form, from later on.")]
Items = Annotated[
    Path | None,
    typer.Option(help="item_id[, title, category, brand, price, image_embedding].", show_default=False),
]
ListLength = Annotated[int, typer.Option(min=1, max=200, help="Length of the lists.")]
AllowRepeats = Annotated[
    bool, typer.Option("--allow-repeats", help="Keep items that the user has seen in the lists.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of the training and the bootstrap.")]
Resamples = Annotated[
    int,
    typer.Option(
        min=0, max=RESAMPLES_MAX, help="Draws of the bootstrap that gives the intervals; 0 = no intervals."
    ),
]
MethodNames = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        help=f"Any of {', '.join(ALL_METHODS)}; may be repeated. [default: all]",
        show_default=False,
    ),
]
Work = Annotated[
    Path | None,
    typer.Option(help="An empty folder in which the release is made and stays.", show_default=False),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What is evaluated, and how. names: of the methods, in the order of ALL_METHODS."""

    train: Path
    test: Path
    items: Path | None
    k: int
    allow_repeats: bool
    seed: int
    resamples: int
    names: tuple[str, ...]
    work: Path | None


def method_names(given: Sequence[str] | None) -> tuple[str, ...]:
    """Returns the methods to measure, all where none is given. Exits where there is no such method."""
    unknown = sorted(set(given or ()) - set(ALL_METHODS))
    if unknown:
        fail(f"there is no method {unknown[0]}; there are {', '.join(ALL_METHODS)}")
    return tuple(name for name in ALL_METHODS if not given or name in given)
