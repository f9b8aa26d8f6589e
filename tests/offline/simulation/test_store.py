"""The simulated store: the same for everybody, and with the marginals that it was given."""

from __future__ import annotations

import numpy as np
import pytest

from offline.simulation.browsing import browse, draw_sessions
from offline.simulation.calibration import calibrate
from offline.simulation.draws import normals, uniforms, zipf_ranks, zipf_shares
from offline.simulation.marginals import zipf_exponent
from offline.simulation.parameters import load_parameters
from offline.simulation.store import SimulatedStore, StoreShape, each
from server.features.event_types import EventType

PARAMETERS = load_parameters()
STORE = SimulatedStore(StoreShape(), PARAMETERS)


def test_draws_depend_on_the_key_alone() -> None:
    keys = np.arange(1000)
    whole = uniforms(3, 5, keys)
    assert np.array_equal(whole[[7, 999]], uniforms(3, 5, np.array([7, 999])))
    assert not np.array_equal(whole, uniforms(4, 5, keys))
    assert not np.array_equal(whole, uniforms(3, 6, keys))


def test_draws_have_the_moments_of_their_law() -> None:
    keys = np.arange(100_000)
    assert uniforms(1, 1, keys).mean() == pytest.approx(0.5, abs=0.005)
    drawn = normals(1, 2, keys)
    assert drawn.mean() == pytest.approx(0, abs=0.01)
    assert drawn.std() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("exponent", [0.6, 1.0, 1.3])
def test_ranks_fall_by_their_exponent(exponent: float) -> None:
    ranks = zipf_ranks(np.random.default_rng(0).random(400_000), 2_000, exponent)
    assert ranks.min() == 0
    assert ranks.max() <= 1_999
    assert zipf_exponent(np.bincount(ranks)[:300]) == pytest.approx(exponent, abs=0.12)
    assert zipf_shares(10, exponent).sum() == pytest.approx(1)


def test_a_store_of_ten_million_items_holds_nothing_by_item() -> None:
    store = SimulatedStore(StoreShape(items=10_000_000, users=5_000_000), PARAMETERS)
    few = store.items(np.array([0, 4_999_999, 9_999_999]))
    assert few.category.tolist()[0] == 0
    assert few.category.tolist()[2] == store.category_count - 1
    assert store.category_starts[-1] == 10_000_000


def test_prices_and_new_items_come_as_measured() -> None:
    items = STORE.items(STORE.all_items)
    measured = PARAMETERS.measured
    within = (
        items.log_price
        - np.array([items.log_price[items.category == c].mean() for c in range(STORE.category_count)])[
            items.category
        ]
    )
    freedom = 1 - STORE.category_count / STORE.shape.items
    assert within.std() / np.sqrt(freedom) == pytest.approx(measured.log_price_within, rel=0.05)
    new = (items.added_day > 0) & (items.added_day <= 30)
    assert new.mean() == pytest.approx(measured.new_items_per_month, rel=0.25)
    assert (items.brand < 0).mean() == pytest.approx(measured.brandless_share, abs=0.02)


def test_the_frozen_logits_are_those_that_calibration_finds() -> None:
    found = calibrate(PARAMETERS)
    assert found.click_logit == pytest.approx(PARAMETERS.calibrated.click_logit, abs=0.001)
    assert found.purchase_logit == pytest.approx(PARAMETERS.calibrated.purchase_logit, abs=0.001)


def test_sessions_keep_to_favourites_and_to_measured_lengths() -> None:
    rng = np.random.default_rng(1)
    sessions = draw_sessions(STORE, 6_000, 20, rng)
    actions = browse(STORE, sessions, rng)
    views = actions.kinds == EventType.VIEW
    users = STORE.users(sessions.users[actions.sessions[views]])
    items = STORE.items(actions.items[views])
    loved = (users.favourites == items.category[:, None]).any(axis=1)
    assert loved.mean() == pytest.approx(PARAMETERS.measured.favourites_share, abs=0.06)
    assert views.sum() / len(sessions) == pytest.approx(PARAMETERS.measured.session_views, rel=0.1)
    assert (items.added_day <= sessions.days[actions.sessions[views]]).all()
    bought = (actions.kinds == EventType.PURCHASE).sum() / views.sum()
    assert bought == pytest.approx(PARAMETERS.measured.purchase_per_view, rel=0.35)


def test_liking_raises_clicks_and_purchases_and_low_places_lower_looks() -> None:
    utility = np.linspace(-3, 6, 50)
    assert (np.diff(STORE.click_probability(utility)) > 0).all()
    assert (np.diff(STORE.purchase_probability(utility)) > 0).all()
    looked = STORE.examination(np.arange(20))
    assert looked[0] == 1
    assert looked[3] == pytest.approx(4**-0.6)


def test_utility_of_many_users_and_items_is_that_of_each_pair() -> None:
    users, items = np.array([1, 5, 9]), np.array([3, 4000])
    whole = STORE.utility(each(STORE.users(users)), STORE.items(items), 3.0)
    alone = STORE.utility(STORE.users(np.array([9])), STORE.items(np.array([4000])), 3.0)
    assert whole.shape == (3, 2)
    assert whole[2, 1] == pytest.approx(alone[0])
