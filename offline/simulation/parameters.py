"""The numbers of the simulated store, frozen in store_parameters.toml before any result of a recommender was looked at."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class MeasuredParameters:
    """Marginals of real logs; marginals.py says how each is measured. Exponents are Zipf's."""

    categories: int
    brands: int
    category_exponent: float
    brand_exponent: float
    item_exponent: float
    brandless_share: float
    log_price_mean: float
    log_price_between: float
    log_price_within: float
    session_views: float
    category_stays: float
    favourites_share: float
    favourite_lift: float
    cart_per_view: float
    purchase_per_view: float
    activity_exponent: float
    season_log_deviation: float
    new_items_per_month: float
    hour_shares: tuple[float, ...]
    random_click_rate: float


@dataclass(frozen=True, slots=True)
class ChosenParameters:
    """What no log at hand says. Weights are in logits, a standard deviation each unless said otherwise.

    examination_exponent: position p from 0 is looked at with probability (p + 1)^-it. click_noise: a click that has
    nothing to do with taste, a share of looks. random_list_length: of the lists whose click rate is measured.
    """

    examination_exponent: float
    click_noise: float
    style_weight: float
    brand_weight: float
    price_weight: float
    quality_weight: float
    purchase_utility_weight: float
    own_weight: float
    rating_share: float
    random_list_length: int


@dataclass(frozen=True, slots=True)
class CalibratedParameters:
    """Solved for, so that a random list earns random_click_rate and the store's own views purchase_per_view."""

    click_logit: float
    purchase_logit: float


@dataclass(frozen=True, slots=True)
class StoreParameters:
    """All three kinds."""

    measured: MeasuredParameters
    chosen: ChosenParameters
    calibrated: CalibratedParameters


def load_parameters() -> StoreParameters:
    """Returns the frozen parameters."""
    text = (files("offline.simulation") / "store_parameters.toml").read_text(encoding="utf-8")
    values = tomllib.loads(text)
    measured = dict(values["measured"])
    measured["hour_shares"] = tuple(measured["hour_shares"])
    return StoreParameters(
        MeasuredParameters(**measured),
        ChosenParameters(**values["chosen"]),
        CalibratedParameters(**values["calibrated"]),
    )
