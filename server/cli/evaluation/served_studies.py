"""What the served list becomes when a knob is turned: more or less similarity, a source less, an input less."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.evaluation.assessment import METRICS, known_mean, user_values
from offline.evaluation.bootstrap import RESAMPLES_DEFAULT, intervals
from offline.evaluation.protocol import Split
from offline.report.content import Effect, TradeOffPoint
from server.cli.evaluation.built_release import release_from_train
from server.cli.evaluation.evaluation_run import Evaluation, ranked_lists
from server.cli.evaluation.release_methods import ReleaseMethods
from server.engine import EngineValues
from server.features.event_types import PageType
from server.query import ScenarioValues
from server.releases.mapped_release import MappedRelease

MMR_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)

INPUT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "title": ("title",),
    "category and brand": ("category", "brand"),
    "price": ("price",),
    "image embedding": ("image_embedding",),
}

Values = NDArray[np.float64]


class ServedStudies:
    """Asks for the served lists of some of an evaluation's users, at the settings and beside them.

    users_max: of the test users, drawn at random by the evaluation's seed.
    """

    def __init__(self, found: Evaluation, release: MappedRelease, users_max: int) -> None:
        self._found = found
        self._release = release
        self._places = drawn_places(found.split.test_users.size, users_max, found.options.seed)
        self.split = some_users(found.split, self._places)

    def trade_off(self) -> list[TradeOffPoint]:
        """Returns the served list at each of MMR_WEIGHTS and at that of the settings."""
        home = self._home()
        points = []
        for weight in sorted({*MMR_WEIGHTS, home.mmr_weight}):
            scenarios = {
                **self._found.values.scenarios,
                PageType.HOME.name: replace(home, mmr_weight=weight),
            }
            ranked = self._served(
                f"similarity {weight:g}", replace(self._found.values, scenarios=scenarios), self._release
            )
            table = dict(zip(METRICS, self._values(ranked).T, strict=True))
            points.append(
                TradeOffPoint(
                    weight,
                    weight == home.mmr_weight,
                    known_mean(table["ndcg"]),
                    known_mean(table["diversity"]),
                    known_mean(table["novelty"]),
                    np.unique(ranked[ranked >= 0]).size / len(self.split.item_ids),
                )
            )
        return points

    def without_sources(self) -> list[Effect]:
        """Returns what the list loses without each source that has a weight."""
        values = self._found.values
        usual = values.retrieval
        effects = []
        for source, retrieval in (
            ("collaborative", replace(usual, collaborative_weight=0.0)),
            ("embedding", replace(usual, embedding_weight=0.0)),
            ("popularity", replace(usual, popularity_weight=0.0)),
        ):
            if retrieval != usual:
                changed = replace(values, retrieval=retrieval)
                ranked = self._served(f"without {source}", changed, self._release)
                effects.append(self._effect(source, ranked))
        return effects

    def without_inputs(self) -> list[Effect]:
        """Returns what the list loses when all is trained without an input that the items file has."""
        items = self._found.items
        effects = []
        for name, columns in INPUT_COLUMNS.items():
            if items is None or not set(columns) & set(items.column_names):
                continue
            kept = items.select([column for column in items.column_names if column not in columns])
            with tempfile.TemporaryDirectory(prefix="shortlist-ablation-") as folder:
                release = release_from_train(
                    Path(folder), self._found.events, kept, seed=self._found.options.seed
                )
                ranked = self._served(f"without {name}", self._found.values, release)
            effects.append(self._effect(name, ranked))
        return effects

    def _home(self) -> ScenarioValues:
        name = PageType.HOME.name
        return self._found.values.scenarios.get(name, ScenarioValues(page_type=name))

    def _served(self, title: str, values: EngineValues, release: MappedRelease) -> NDArray[np.int32]:
        method = ReleaseMethods(self.split, release, values, self._found.options.k).all()["ranked"]
        return ranked_lists(self.split, {title: method})[title]

    def _values(self, ranked: NDArray[np.int32]) -> Values:
        return user_values(self.split, self._found.facts, ranked, self._found.expected[self._places])

    def _effect(self, name: str, ranked: NDArray[np.int32]) -> Effect:
        column = METRICS.index("ndcg")
        usual = self._found.assessment.values["ranked"][self._places, column]
        return effect(name, self._values(ranked)[:, column] - usual, self._found)


def effect(name: str, differences: Values, found: Evaluation) -> Effect:
    """Returns the mean difference over users, with an interval even where the evaluation has none."""
    resamples = found.options.resamples or RESAMPLES_DEFAULT
    (interval,) = intervals(differences[:, None], resamples=resamples, seed=found.options.seed)
    return Effect(name, interval)


def drawn_places(users: int, users_max: int, seed: int) -> NDArray[np.int64]:
    """Returns at most users_max places of 0 to users - 1, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(users)[:users_max])


def some_users(split: Split, places: NDArray[np.int64]) -> Split:
    """Returns the split with these of its test users."""
    return replace(split, test_users=split.test_users[places], relevant=split.relevant[places])
