"""Which neighbours to serve: chosen on a held-out part of the events themselves, one knob after another.

Shops differ by years: a season's goods want a half-life of weeks, a library of films decades. What is best so far
stands unless something else is better by more than chance: the gain must exceed its own standard error over the users.
Only the mix and a little recency, which were better on every later period of a real shop whatever the held-out ones
said (docs/evaluation.md), are taken unless they are surely worse.
Every table that was tried is kept with its quality, for the release and its maker to see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from offline.candidates.collaborative import CollaborativeOptions, cosine_by_candidate
from offline.candidates.ease import ease_by_candidate, items_with_events
from offline.candidates.held_out import HeldOut, HeldOutOptions, Values, hold_out
from offline.candidates.interactions import SECONDS_PER_DAY, Interactions
from offline.candidates.neighbours import (
    NeighbourMethod,
    NeighbourOptions,
    ease_is_possible,
    for_mixing,
    mixed,
    with_recency,
)
from server.features.event_types import EVENT_WEIGHTS

Tables = list[sp.csr_matrix]


@dataclass(frozen=True, slots=True)
class NeighbourSearch:
    """What is tried beside the given options.

    methods: those that may be chosen. half_life_days: None = no decay; tried where the events span the shortest.
    strengths: of EASE, the best first; with more than strengths_items_max items the first only, for each costs the cube
    of the items. favourites: names of trials that are taken unless they are surely worse. type_share: weights by type
    are tried where a second type has so much of the events.
    """

    methods: tuple[NeighbourMethod, ...] = tuple(NeighbourMethod)
    half_life_days: tuple[float | None, ...] = (None, 720.0, 180.0, 45.0)
    user_exponents: tuple[float, ...] = (0.25,)
    basket_weights: tuple[float, ...] = (0.5,)
    strengths: tuple[float, ...] = (10.0, 1.0)
    strengths_items_max: int = 5_000
    recency_exponents: tuple[float, ...] = (0.15, 0.3)
    favourites: tuple[str, ...] = ("mix with EASE 10", "recency ^ 0.15")
    type_share: float = 0.01
    held_out: HeldOutOptions = field(default_factory=HeldOutOptions)


@dataclass(frozen=True, slots=True)
class Trial:
    """One kind of table that was tried. quality: mean of recall@20 and NDCG@20 over the held-out users."""

    name: str
    quality: float
    kept: bool


@dataclass(frozen=True, slots=True)
class NeighbourChoice:
    """options: what was chosen. trials: in their order, the given options first; none where the events cannot tell.

    users: held-out users who were ranked for.
    """

    options: NeighbourOptions
    trials: tuple[Trial, ...] = ()
    users: int = 0

    @property
    def quality(self) -> float:
        """That of the chosen table; 0 without trials."""
        return next((trial.quality for trial in reversed(self.trials) if trial.kept), 0.0)


def choose_neighbours(
    events: Interactions, options: NeighbourOptions | None = None, search: NeighbourSearch | None = None
) -> NeighbourChoice:
    """Returns what ranks best what the users then took for the first time; the options where nobody can tell.

    Of a single method only its knobs are chosen.
    """
    options, search = options or NeighbourOptions(), search or NeighbourSearch()
    fixed = replace(options, method=search.methods[0]) if len(search.methods) == 1 else options
    parts = hold_out(events, search.held_out)
    return _Climb(parts, options, search).run() if parts else NeighbourChoice(fixed)


class _Climb:
    """The best so far, from which every next trial differs by one knob.

    Tables of the best so far are kept, one a held-out part, because recency only multiplies them.
    """

    def __init__(self, parts: Sequence[HeldOut], options: NeighbourOptions, search: NeighbourSearch) -> None:
        self._parts = parts
        self._search = search
        self._options = replace(options, method=NeighbourMethod.COSINE)
        self._trials: list[Trial] = []
        self._best: Values | None = None
        self._tables: Tables = []

    def run(self) -> NeighbourChoice:
        """Tries one knob after another."""
        self._try_cosine("co-occurrence", self._options.collaborative)
        for knob in (self._half_lives, self._type_weights, self._user_exponents, self._baskets):
            for name, collaborative in list(knob()):
                self._try_cosine(name, collaborative)
        if set(self._search.methods) != {NeighbourMethod.COSINE}:
            self._try_ease()
        tables, options = self._tables, self._options
        for exponent in self._search.recency_exponents:
            recent = [
                with_recency(table, part.train, part.cut_s, exponent)
                for table, part in zip(tables, self._parts, strict=True)
            ]
            self._offer(f"recency ^ {exponent:g}", recent, replace(options, recency_exponent=exponent))
        assert self._best is not None
        return NeighbourChoice(self._options, tuple(self._trials), len(self._best))

    def _half_lives(self) -> Iterator[tuple[str, CollaborativeOptions]]:
        collaborative, tried = self._options.collaborative, self._search.half_life_days
        shortest = min((days for days in tried if days is not None), default=0.0)
        if np.ptp(self._parts[0].train.times_s) < shortest * SECONDS_PER_DAY:
            return
        for days in tried:
            if days != collaborative.half_life_days:
                name = "no decay" if days is None else f"half-life {days:g} days"
                yield name, replace(collaborative, half_life_days=days)

    def _type_weights(self) -> Iterator[tuple[str, CollaborativeOptions]]:
        counts = np.bincount(self._parts[0].train.types)
        if np.count_nonzero(counts >= self._search.type_share * counts.sum()) > 1:
            weighed = replace(self._options.collaborative, type_weights=dict(EVENT_WEIGHTS))
            yield "weights by event type", weighed

    def _user_exponents(self) -> Iterator[tuple[str, CollaborativeOptions]]:
        for exponent in self._search.user_exponents:
            yield f"a = {exponent:g}", replace(self._options.collaborative, user_exponent=exponent)

    def _baskets(self) -> Iterator[tuple[str, CollaborativeOptions]]:
        for weight in self._search.basket_weights:
            yield f"baskets * {weight:g}", replace(self._options.collaborative, basket_weight=weight)

    def _try_cosine(self, name: str, collaborative: CollaborativeOptions) -> None:
        tables = [cosine_by_candidate(part.train, part.cut_s, collaborative) for part in self._parts]
        self._offer(name, tables, replace(self._options, collaborative=collaborative))

    def _try_ease(self) -> None:
        options = self._options
        if not ease_is_possible(self._parts[0].train, options.ease):
            return
        few = items_with_events(self._parts[0].train) <= self._search.strengths_items_max
        cosine = [cosine_by_candidate(part.train, part.cut_s, for_mixing(options)) for part in self._parts]
        if NeighbourMethod.COSINE not in self._search.methods:
            self._best = None
        for strength in self._search.strengths if few else self._search.strengths[:1]:
            changed = replace(options, ease=replace(options.ease, strength=strength))
            ease = [
                ease_by_candidate(part.train, part.cut_s, options.collaborative, changed.ease)
                for part in self._parts
            ]
            if NeighbourMethod.EASE in self._search.methods:
                self._offer(f"EASE {strength:g}", ease, replace(changed, method=NeighbourMethod.EASE))
            if NeighbourMethod.MIX in self._search.methods:
                both = [
                    mixed(one, other, options.ease_share, options.mixed_neighbours_max)
                    for one, other in zip(cosine, ease, strict=True)
                ]
                self._offer(f"mix with EASE {strength:g}", both, replace(changed, method=NeighbourMethod.MIX))

    def _offer(self, name: str, tables: Tables, options: NeighbourOptions) -> None:
        """Takes a kind of table where it is better by more than the gain's standard error."""
        qualities = np.concatenate(
            [part.qualities(sp.csr_matrix(table.T)) for part, table in zip(self._parts, tables, strict=True)]
        )
        better = (
            self._best is None
            or _surely_better(qualities, self._best)
            or (name in self._search.favourites and not _surely_better(self._best, qualities))
        )
        if better:
            self._best, self._tables, self._options = qualities, tables, options
        self._trials.append(Trial(name, float(qualities.mean()), better))


def _surely_better(qualities: Values, best: Values) -> bool:
    gains = qualities - best
    return bool(gains.mean() > gains.std() / np.sqrt(len(gains)) and gains.mean() > 0)
