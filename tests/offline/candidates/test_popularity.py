"""Popularity lists of a hand-made shop."""

from __future__ import annotations

import numpy as np
import pytest

from offline.candidates.popularity import (
    PopularityLists,
    PopularityOptions,
    popular_scores,
    popularity_lists,
    trending_scores,
    window_scores,
)
from server.features.event_types import EventType, PageType
from tests.support.interactions import interactions

DAY = 86_400
NOW = 100 * DAY


def rows_of(lists: PopularityLists, name: str) -> list[int]:
    place = lists.names.index(name)
    return lists.rows[lists.offsets[place] : lists.offsets[place + 1]].tolist()


def test_a_user_who_buys_often_counts_once_by_the_latest_event() -> None:
    events = interactions([(0, 0, NOW - 14 * DAY), (0, 0, NOW - 7 * DAY), (1, 0, NOW), (1, 1, NOW)])

    assert popular_scores(events, NOW, 7.0) == pytest.approx([1.5, 1.0])


def test_a_window_counts_distinct_users_from_its_start_on() -> None:
    events = interactions([(0, 0, 5), (1, 0, 10), (1, 0, 11), (2, 1, 9)])

    assert window_scores(events, 10).tolist() == [1.0, 0.0]


def test_a_rising_item_trends_above_a_steady_bestseller() -> None:
    steady = [(user, 0, NOW - user * DAY // 4) for user in range(400)]
    rising = [(user, 1, NOW - user * DAY // 8) for user in range(20)]
    events = interactions(steady + rising)

    popular = popular_scores(events, NOW, 30.0)
    trending = trending_scores(events, NOW, PopularityOptions())

    assert popular[0] > popular[1]
    assert trending[1] > trending[0]


def test_one_fresh_event_does_not_lead_the_trend() -> None:
    rising = [(user, 0, NOW - user * DAY // 8) for user in range(20)]
    events = interactions([*rising, (99, 1, NOW)])

    trending = trending_scores(events, NOW, PopularityOptions())

    assert trending[0] > trending[1]


@pytest.fixture
def shop_lists() -> PopularityLists:
    """Items: 0, 1, 2 tea, 3 coffee, 4 no category, 5 hidden tea. Item 2 has no events; 3 was seen on CART only."""
    events = interactions(
        [
            (0, 1, NOW, EventType.PURCHASE, PageType.HOME),
            (1, 1, NOW, EventType.PURCHASE, PageType.HOME),
            (0, 0, NOW, EventType.VIEW, PageType.HOME),
            (0, 3, NOW, EventType.VIEW, PageType.CART),
            (1, 4, NOW),
            (0, 5, NOW),
            (1, 5, NOW),
            (2, 5, NOW),
        ]
    )
    eligible = np.array([True, True, True, True, True, False])
    categories = np.array([1, 1, 1, 0, -1, 1], np.int32)
    return popularity_lists(events, NOW, eligible, categories, ("coffee", "tea"))


def test_the_global_list_goes_by_score_then_row_and_ends_with_untouched_items(
    shop_lists: PopularityLists,
) -> None:
    assert rows_of(shop_lists, "popular/global") == [1, 0, 3, 4, 2]


def test_each_category_has_its_list(shop_lists: PopularityLists) -> None:
    assert rows_of(shop_lists, "popular/category/tea") == [1, 0, 2]
    assert rows_of(shop_lists, "popular/category/coffee") == [3]


def test_page_types_count_their_own_events_only(shop_lists: PopularityLists) -> None:
    assert rows_of(shop_lists, "popular/page_type/HOME") == [1, 0]
    assert rows_of(shop_lists, "popular/page_type/CART") == [3]
    assert "popular/page_type/UNSPECIFIED" not in shop_lists.names


def test_trending_lists_hold_items_with_events_only(shop_lists: PopularityLists) -> None:
    assert rows_of(shop_lists, "trending/global") == [1, 0, 3, 4]


def test_hidden_items_are_in_no_list(shop_lists: PopularityLists) -> None:
    assert 5 not in shop_lists.rows


def test_lists_are_flat_arrays_of_the_release_format(shop_lists: PopularityLists) -> None:
    assert shop_lists.offsets.tolist()[-1] == shop_lists.rows.size == shop_lists.scores.size
    assert list(shop_lists.names) == sorted(shop_lists.names)
    assert (shop_lists.offsets.dtype, shop_lists.rows.dtype, shop_lists.scores.dtype) == (
        np.int64,
        np.int32,
        np.float32,
    )


def test_lists_end_at_their_limit() -> None:
    events = interactions([(0, item, NOW) for item in range(10)])
    options = PopularityOptions(items_max=3)

    lists = popularity_lists(events, NOW, np.ones(10, bool), np.zeros(10, np.int32), ("tea",), options)

    assert rows_of(lists, "popular/global") == [0, 1, 2]
    assert rows_of(lists, "popular/category/tea") == [0, 1, 2]


def test_a_shop_without_events_still_has_popular_lists() -> None:
    lists = popularity_lists(
        interactions([], items=2), NOW, np.ones(2, bool), np.zeros(2, np.int32), ("tea",)
    )

    assert lists.names == ("popular/category/tea", "popular/global")
    assert rows_of(lists, "popular/global") == [0, 1]
