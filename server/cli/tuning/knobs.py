"""What is tuned: the knobs as one value, drawn, varied, applied to the engine and written as settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from server.engine import EngineValues, WeightsFrom
from server.features.event_types import PageType
from server.features.fusion import Fusion
from server.query import ScenarioValues

_HOME = PageType.HOME.name

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Knobs:
    """Settings of the sections retrieval and scenarios.HOME.

    weights: collaborative, embedding, popularity; sum 1. weights_from: whether the blend takes these, or those that the
    release was trained to.
    """

    weights: tuple[float, float, float]
    fusion: Fusion
    history_half_life_days: float
    mmr_weight: float
    category_cap: int
    repeat_boost: float
    weights_from: WeightsFrom = "settings"

    @staticmethod
    def of(values: EngineValues) -> Knobs:
        """Returns the knobs that an engine has; its weights as shares."""
        retrieval, home = values.retrieval, values.scenarios.get(_HOME, ScenarioValues(page_type=_HOME))
        return Knobs(
            _shares(retrieval.weights),
            retrieval.fusion,
            retrieval.history_half_life_days,
            home.mmr_weight,
            home.category_cap,
            home.repeat_boost,
            retrieval.weights_from,
        )

    def applied_to(self, values: EngineValues) -> EngineValues:
        """Returns the engine's values with these knobs."""
        collaborative, embedding, popularity = self.weights
        retrieval = replace(
            values.retrieval,
            collaborative_weight=collaborative,
            embedding_weight=embedding,
            popularity_weight=popularity,
            weights_from=self.weights_from,
            fusion=self.fusion,
            history_half_life_days=self.history_half_life_days,
        )
        home = replace(
            values.scenarios.get(_HOME, ScenarioValues(page_type=_HOME)),
            mmr_weight=self.mmr_weight,
            category_cap=self.category_cap,
            repeat_boost=self.repeat_boost,
        )
        return replace(values, retrieval=retrieval, scenarios={**values.scenarios, _HOME: home})

    def to_toml(self) -> str:
        """Returns a settings fragment, for a file of its own or to be pasted into one."""
        collaborative, embedding, popularity = self.weights
        return (
            "[retrieval]\n"
            f"collaborative_weight = {collaborative:g}\n"
            f"embedding_weight = {embedding:g}\n"
            f"popularity_weight = {popularity:g}\n"
            f'weights_from = "{self.weights_from}"\n'
            f'fusion = "{self.fusion}"\n'
            f"history_half_life_days = {self.history_half_life_days:g}\n"
            "\n"
            f"[scenarios.{_HOME}]\n"
            f"mmr_weight = {self.mmr_weight:g}\n"
            f"category_cap = {self.category_cap}\n"
            f"repeat_boost = {self.repeat_boost:g}\n"
        )


def random_knobs(rng: np.random.Generator) -> Knobs:
    """Returns knobs from anywhere in their ranges."""
    return Knobs(
        _drawn_weights(rng),
        _one_of(rng, ("score", "rank")),
        _one_of(rng, (30.0, 90.0, 365.0, 3_650.0)),
        _one_of(rng, (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)),
        _one_of(rng, (0, 3, 5, 10)),
        _one_of(rng, (0.0, 1.0, 2.0, 3.0, 4.0)),
    )


def varied_knobs(knobs: Knobs, rng: np.random.Generator) -> Knobs:
    """Returns the same with one knob drawn anew, or with the weights a step aside."""
    other = random_knobs(rng)
    steps: tuple[Callable[[], Knobs], ...] = (
        lambda: replace(knobs, weights=_moved(knobs.weights, rng), weights_from="settings"),
        lambda: replace(knobs, weights=other.weights, weights_from="settings"),
        lambda: replace(knobs, fusion="rank" if knobs.fusion == "score" else "score"),
        lambda: replace(knobs, history_half_life_days=other.history_half_life_days),
        lambda: replace(knobs, mmr_weight=other.mmr_weight),
        lambda: replace(knobs, category_cap=other.category_cap),
        lambda: replace(knobs, repeat_boost=other.repeat_boost),
    )
    return steps[int(rng.integers(len(steps)))]()


def _one_of(rng: np.random.Generator, values: tuple[T, ...]) -> T:
    return values[int(rng.integers(len(values)))]


def _drawn_weights(rng: np.random.Generator) -> tuple[float, float, float]:
    drawn = rng.dirichlet((1.0, 1.0, 1.0))
    return _shares((float(drawn[0]), float(drawn[1]), float(drawn[2])))


def _moved(weights: tuple[float, float, float], rng: np.random.Generator) -> tuple[float, float, float]:
    """Moves up to .2 of the weight from one source to another."""
    moved = list(weights)
    source, target = rng.permutation(3)[:2].tolist()
    step = min(moved[source], float(rng.uniform(0.05, 0.2)))
    moved[source] -= step
    moved[target] += step
    return _shares((moved[0], moved[1], moved[2]))


def _shares(weights: tuple[float, float, float]) -> tuple[float, float, float]:
    """Returns the weights in hundredths, the sum 1; as they are where all are 0."""
    total = sum(weights)
    if not total:
        return weights
    first, second = round(weights[0] / total, 2), round(weights[1] / total, 2)
    return first, second, round(max(1 - first - second, 0.0), 2)
