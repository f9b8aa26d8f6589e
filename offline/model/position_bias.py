"""How likely each place of a list is looked at, from impressions and clicks.

The position-based model: P(click) = examination of the place x attraction of the item. Where one item was shown at
several places, what it earned there tells the places apart whatever its attraction: natural interventions are
harvested (Agarwal et al., "Estimating Position Bias without Intrusive Interventions", WSDM 2019). Attractions are
nuisance parameters; with few clicks a place, clicks are nearly Poisson, and then maximum likelihood is not biased
by their number (Hausman, Hall & Griliches, Econometrica 1984), as it is for Bernoulli items seen a few times. The
maximum is found by scaling places and items in turn, each step of which raises the likelihood (an EM of Wang et al.,
"Position Bias Estimation for Unbiased Learning to Rank in Personal Search", WSDM 2018, in closed form).

It assumes that the place of an item does not depend on who looks. A ranker that places what this user likes on top
makes the top look brighter than it is, so there the exponent is an upper bound; places left to chance are free of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from ibis.expr.types import Table
from numpy.typing import NDArray

from offline.engine import Engine
from server.features.event_types import EventType

EXAMINATION_FILE = "examination.json"
CLICKS_MIN = 500
"""With fewer clicks on lists the default exponent is likelier right than an estimate."""
ROUNDS_MAX = 500
TOLERANCE = 1e-7
EXPONENT_MAX = 2.0

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Examination:
    """propensities: f64[positions], of the first place 1; NaN where a place says nothing. exponent: of the curve
    (p + 1)^-exponent that fits them best. clicks, shown: what they rest on."""

    propensities: Doubles
    exponent: float
    clicks: int
    shown: int


def estimate_examination(
    items: NDArray[np.int64], positions: NDArray[np.int64], shown: Doubles, clicks: Doubles
) -> Examination:
    """Returns the places' propensities from counts by (item, position), one such pair a row.

    Raises ValueError where there are no clicks.
    """
    if not clicks.sum() > 0:
        raise ValueError("places cannot be told apart without clicks")
    place_clicks = np.asarray(np.bincount(positions, clicks), np.float64)
    item_clicks = np.bincount(items, clicks)
    places = np.where(place_clicks > 0, 1.0, 0.0)
    for _ in range(ROUNDS_MAX):
        exposure = np.bincount(items, shown * places[positions])
        attraction = np.divide(item_clicks, exposure, out=np.zeros_like(exposure), where=exposure > 0)
        expected = np.bincount(positions, shown * attraction[items])
        moved = np.divide(place_clicks, expected, out=np.zeros_like(expected), where=expected > 0)
        # The scale is free: attraction takes it up. Held at the mean, since the first place may be noisy.
        moved /= moved[moved > 0].mean()
        done = float(np.abs(moved - places).max()) < TOLERANCE
        places = moved
        if done:
            break
    exponent, scale = _curve(places, place_clicks)
    known = np.where(places > 0, places, np.nan)
    return Examination(known / scale, exponent, int(clicks.sum()), int(shown.sum()))


def _curve(places: Doubles, clicks: Doubles) -> tuple[float, float]:
    """Returns (exponent, value at the first place) of the power law through the places, each weighing as its clicks.

    A logarithm's variance is 1 / clicks. The first place's value comes from the whole curve, not from its own noise.
    """
    known = np.flatnonzero(places > 0)
    if known.size < 2:
        return 0.0, float(places[known[0]])
    slope, start = np.polyfit(np.log(known + 1.0), np.log(places[known]), 1, w=np.sqrt(clicks[known]))
    return float(np.clip(-slope, 0.0, EXPONENT_MAX)), float(np.exp(start))


def count_shown(engine: Engine, events: Table) -> pa.Table:
    """Returns item (code), position, shown and clicks of every list in an event log, by item and position.

    An impression counts once a recommendation and item, and so does a click on it.
    """
    listed = events.filter(events.recommendation_id != "")
    keys = ["recommendation_id", "item_id"]
    seen = listed.filter((listed.event_type == int(EventType.IMPRESSION)) & (listed.position >= 0))
    seen = seen.group_by(keys).aggregate(position=seen.position.min())
    clicked = (
        listed.filter(listed.event_type == int(EventType.CLICK)).select(keys).distinct().mutate(clicked=1)
    )
    joined = seen.left_join(clicked, keys)
    counted = joined.group_by(["item_id", "position"]).aggregate(
        shown=joined.count(), clicks=joined.clicked.sum().coalesce(0)
    )
    return engine.to_arrow(counted.order_by(["item_id", "position"]))


def write_examination(engine: Engine, events: Table, work_dir: Path) -> Examination | None:
    """Estimates from an event log and writes EXAMINATION_FILE; removes it and returns None with too few clicks."""
    path = work_dir / EXAMINATION_FILE
    counts = count_shown(engine, events)
    clicks = np.asarray(counts.column("clicks").to_numpy(), np.float64)
    if clicks.sum() < CLICKS_MIN:
        path.unlink(missing_ok=True)
        return None
    items = counts.column("item_id").combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    found = estimate_examination(
        items,
        np.asarray(counts.column("position").to_numpy(), np.int64),
        np.asarray(counts.column("shown").to_numpy(), np.float64),
        clicks,
    )
    values = {
        "exponent": round(found.exponent, 4),
        "clicks": found.clicks,
        "shown": found.shown,
        "propensities": [None if np.isnan(value) else round(float(value), 4) for value in found.propensities],
    }
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return found


def read_exponent(work_dir: Path, default: float) -> float:
    """Returns the exponent that `build` estimated, or the default where it had too little to go by."""
    path = work_dir / EXAMINATION_FILE
    if not path.is_file():
        return default
    return float(json.loads(path.read_text(encoding="utf-8"))["exponent"])
