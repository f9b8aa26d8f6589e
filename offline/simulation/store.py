"""The simulated store: items, users, and what a user truly thinks of an item.

    utility = lift of a favourite category + style + brand + price + quality + season     (logits)
    P(click | looked at) = noise + (1 - noise) logistic(click_logit + utility)
    P(purchase | click)  = logistic(purchase_logit + purchase_utility_weight * utility)

Every value is a function of the seed and an index (draws.py). Items stand category by category, popular ones first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from offline.simulation.draws import Doubles, Indexes, normals, uniforms, zipf_ranks, zipf_shares
from offline.simulation.parameters import StoreParameters

STYLE_DIMS = 4
FAVOURITE_SHARES = (0.6, 0.25, 0.15)
BRANDS_PER_CATEGORY = 12
FAVOURITE_BRANDS = 4
OLDEST_DAYS = 365.0
DAYS_PER_MONTH = 30.0
DAYS_PER_YEAR = 365.0
ITEMS_PER_CATEGORY_MIN = 12
"""A small store has fewer categories than the measured one, rather than categories of an item or two."""

# Streams of draws; a number each, never used twice.
_I_BRAND, _I_BRANDLESS, _I_PRICE, _I_QUALITY, _I_NEW, _I_ADDED, _I_STYLE = 1, 2, 3, 4, 5, 6, 10
_C_PRICE, _C_SEASON, _C_BRAND = 20, 21, 22
_U_CATEGORY, _U_PRICE, _U_BRAND, _U_STYLE = 30, 40, 50, 60


@dataclass(frozen=True, slots=True)
class StoreShape:
    """What `generate` was asked for. days: of history. future_days: items that appear after it are kept back."""

    items: int = 5_000
    users: int = 2_000
    days: int = 60
    future_days: int = 7
    seed: int = 7


@dataclass(frozen=True, slots=True)
class ItemColumns:
    """Items by index. category, brand: numbers, brand -1 = none. log_price, price_gap: the latter from the mean
    of its category, in deviations. style: f64[n, STYLE_DIMS]. added_day: since the history's beginning."""

    category: Indexes
    brand: Indexes
    log_price: Doubles
    price_gap: Doubles
    quality: Doubles
    style: Doubles
    added_day: Doubles


@dataclass(frozen=True, slots=True)
class UserColumns:
    """Users by index. favourites: i64[n, 3] categories, most loved first. brands: i64[n, FAVOURITE_BRANDS].
    price_level: the price gap that suits them. style: f64[n, STYLE_DIMS]."""

    favourites: Indexes
    brands: Indexes
    price_level: Doubles
    style: Doubles


@dataclass(slots=True)
class SimulatedStore:
    """One store. Knows the truth; holds nothing by item or user."""

    shape: StoreShape
    parameters: StoreParameters
    category_count: int = field(init=False)
    category_shares: Doubles = field(init=False)
    category_starts: Indexes = field(init=False)

    def __post_init__(self) -> None:
        measured, items = self.parameters.measured, self.shape.items
        self.category_count = max(2, min(measured.categories, items // ITEMS_PER_CATEGORY_MIN))
        self.category_shares = zipf_shares(self.category_count, measured.category_exponent)
        ends = np.round(np.cumsum(self.category_shares) * items).astype(np.int64)
        self.category_starts = np.concatenate([[0], ends])

    @property
    def all_items(self) -> Indexes:
        """Every index, those of the future among them."""
        return np.arange(self.shape.items)

    def items(self, indexes: Indexes) -> ItemColumns:
        """Returns the items' attributes."""
        measured, seed = self.parameters.measured, self.shape.seed
        category = np.searchsorted(self.category_starts, indexes, side="right") - 1
        gap = normals(seed, _I_PRICE, indexes)
        mean = measured.log_price_mean + measured.log_price_between * normals(seed, _C_PRICE, category)
        return ItemColumns(
            category=category,
            brand=self._item_brands(indexes, category),
            log_price=mean + measured.log_price_within * gap,
            price_gap=gap,
            quality=normals(seed, _I_QUALITY, indexes),
            style=self._styles(_I_STYLE, indexes),
            added_day=self._added_days(indexes),
        )

    def users(self, indexes: Indexes) -> UserColumns:
        """Returns the users' tastes."""
        seed, shares = self.shape.seed, np.cumsum(self.category_shares)
        favourites = np.stack(
            [
                np.searchsorted(shares, uniforms(seed, _U_CATEGORY + at, indexes) * shares[-1])
                for at in range(len(FAVOURITE_SHARES))
            ],
            axis=-1,
        )
        brands = [
            self._brand_of(
                favourites[..., at % len(FAVOURITE_SHARES)],
                zipf_ranks(
                    uniforms(seed, _U_BRAND + at, indexes),
                    BRANDS_PER_CATEGORY,
                    self.parameters.measured.brand_exponent,
                ),
            )
            for at in range(FAVOURITE_BRANDS)
        ]
        return UserColumns(
            favourites,
            np.stack(brands, axis=-1),
            normals(seed, _U_PRICE, indexes),
            self._styles(_U_STYLE, indexes),
        )

    def utility(self, users: UserColumns, items: ItemColumns, day: Doubles | float) -> Doubles:
        """Returns what users think of items, elementwise over their broadcast shapes."""
        chosen = self.parameters.chosen
        lift = np.log(self.parameters.measured.favourite_lift)
        loved = (users.favourites == items.category[..., None]) * _relative_love()
        brand = (users.brands == items.brand[..., None]).any(axis=-1)
        style = (users.style * items.style).sum(axis=-1) / np.sqrt(STYLE_DIMS)
        apart = np.abs(items.price_gap - users.price_level)
        return np.asarray(
            lift * loved.max(axis=-1)
            + chosen.style_weight * style
            + chosen.brand_weight * brand
            - chosen.price_weight * apart
            + chosen.quality_weight * items.quality
            + self.season(items.category, day)
        )

    def season(self, category: Indexes, day: Doubles | float) -> Doubles:
        """Returns how much more a category is wanted on a day than over the year, in logits."""
        amplitude = self.parameters.measured.season_log_deviation * np.sqrt(2)
        phase = uniforms(self.shape.seed, _C_SEASON, category)
        return np.asarray(amplitude * np.cos(2 * np.pi * (np.asarray(day) / DAYS_PER_YEAR - phase)))

    def click_probability(self, utility: Doubles) -> Doubles:
        """Returns the probability of a click by a user who looks at the item."""
        noise = self.parameters.chosen.click_noise
        return noise + (1 - noise) * _logistic(self.parameters.calibrated.click_logit + utility)

    def purchase_probability(self, utility: Doubles) -> Doubles:
        """Returns the probability that a user who is on the item's page buys it."""
        weight = self.parameters.chosen.purchase_utility_weight
        return _logistic(self.parameters.calibrated.purchase_logit + weight * utility)

    def examination(self, positions: Indexes) -> Doubles:
        """Returns the probability that a position, from 0, is looked at."""
        return (np.asarray(positions, np.float64) + 1.0) ** -self.parameters.chosen.examination_exponent

    def _item_brands(self, indexes: Indexes, category: Indexes) -> Indexes:
        measured, seed = self.parameters.measured, self.shape.seed
        ranks = zipf_ranks(uniforms(seed, _I_BRAND, indexes), BRANDS_PER_CATEGORY, measured.brand_exponent)
        none = uniforms(seed, _I_BRANDLESS, indexes) < measured.brandless_share
        return np.where(none, -1, self._brand_of(category, ranks))

    def _brand_of(self, category: Indexes, rank: Indexes) -> Indexes:
        drawn = uniforms(self.shape.seed, _C_BRAND, category * BRANDS_PER_CATEGORY + rank)
        return (drawn * self.parameters.measured.brands).astype(np.int64)

    def _added_days(self, indexes: Indexes) -> Doubles:
        seed, span = self.shape.seed, self.shape.days + self.shape.future_days
        share = self.parameters.measured.new_items_per_month * span / DAYS_PER_MONTH
        when = uniforms(seed, _I_ADDED, indexes)
        return np.where(uniforms(seed, _I_NEW, indexes) < share, when * span, -when * OLDEST_DAYS)

    def _styles(self, stream: int, indexes: Indexes) -> Doubles:
        return np.stack([normals(self.shape.seed, stream + at, indexes) for at in range(STYLE_DIMS)], axis=-1)


def _relative_love() -> NDArray[np.float64]:
    """Returns how much of the first favourite's lift each favourite has."""
    shares = np.array(FAVOURITE_SHARES)
    return np.asarray(np.sqrt(shares / shares[0]))


def _logistic(values: Doubles) -> Doubles:
    return np.asarray(1.0 / (1.0 + np.exp(-values)))


def each(columns: UserColumns) -> UserColumns:
    """Returns the users with an axis for items after them."""
    return UserColumns(
        columns.favourites[..., None, :],
        columns.brands[..., None, :],
        columns.price_level[..., None],
        columns.style[..., None, :],
    )
