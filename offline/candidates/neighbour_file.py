"""work/candidates/neighbours.json: which neighbours `build` chose and why, for `train`, `publish` and people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from offline.candidates.collaborative import CollaborativeOptions
from offline.candidates.ease import EaseOptions
from offline.candidates.neighbour_choice import NeighbourChoice
from offline.candidates.neighbours import NeighbourMethod, NeighbourOptions
from server.features.event_types import EventType

NEIGHBOURS_FILE = "neighbours.json"


def write_choice(directory: Path, choice: NeighbourChoice) -> None:
    """Writes the options, every trial and how many users judged them."""
    options = asdict(choice.options)
    weights = choice.options.collaborative.type_weights
    if weights is not None:
        options["collaborative"]["type_weights"] = {EventType(t).name: w for t, w in weights.items()}
    content = {
        "options": options,
        "held_out_users": choice.users,
        "quality": choice.quality,
        "trials": [asdict(trial) for trial in choice.trials],
    }
    (directory / NEIGHBOURS_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_options(directory: Path) -> NeighbourOptions:
    """Returns the options that `build` chose; the defaults where it has written none."""
    content = _read(directory)
    if not content:
        return NeighbourOptions()
    fields = content["options"]
    collaborative = CollaborativeOptions(**fields["collaborative"])
    if collaborative.type_weights is not None:
        weights = {EventType[str(name)]: weight for name, weight in collaborative.type_weights.items()}
        collaborative = replace(collaborative, type_weights=weights)
    return NeighbourOptions(
        **{
            **fields,
            "method": NeighbourMethod(fields["method"]),
            "collaborative": collaborative,
            "ease": EaseOptions(**fields["ease"]),
        }
    )


def choice_metrics(directory: Path) -> dict[str, float]:
    """Returns what a release's manifest says of the choice; nothing where no events were held out."""
    content = _read(directory)
    if not content or not content["trials"]:
        return {}
    shares = {NeighbourMethod.COSINE: 0.0, NeighbourMethod.EASE: 1.0}
    options = content["options"]
    return {
        "neighbours_ease_share": shares.get(NeighbourMethod(options["method"]), options["ease_share"]),
        "neighbours_recency_exponent": options["recency_exponent"],
        "validation_neighbours_quality_20": content["quality"],
        "validation_neighbours_default_quality_20": content["trials"][0]["quality"],
    }


def _read(directory: Path) -> Mapping[str, Any]:
    path = directory / NEIGHBOURS_FILE
    if not path.is_file():
        return {}
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
