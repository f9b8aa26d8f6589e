"""What each kernel promises, by hand-worked cases; every test runs on the kernel and on its twin."""

from __future__ import annotations

import numpy as np
import pytest


def f32(*values):
    return np.array(values, np.float32)


def i32(*values):
    return np.array(values, np.int32)


def halves(values):
    return np.array(values, np.float16).view(np.uint16)


class TestTopK:
    def test_best_come_first_and_ties_by_position(self, kernels):
        assert kernels.top_k(f32(1, 3, 2, 3), 3).tolist() == [1, 3, 2]

    def test_nan_is_never_selected(self, kernels):
        assert kernels.top_k(f32(np.nan, -np.inf, np.nan, 5), 4).tolist() == [3, 1]

    def test_k_of_zero_or_more_than_there_are(self, kernels):
        assert kernels.top_k(f32(1, 2), 0).tolist() == []
        assert kernels.top_k(f32(1, 2), 9).tolist() == [1, 0]
        assert kernels.top_k(f32(), 3).tolist() == []

    def test_negative_k_is_refused(self, kernels):
        with pytest.raises(ValueError, match="k must not be negative"):
            kernels.top_k(f32(1), -1)


# Item 0 has neighbours 1 (.5) and 2 (.25); item 1 has 2 (.75); items 2 and 3 have none.
TABLE = {
    "offsets": np.array([0, 2, 3, 3, 3], np.int64),
    "rows": i32(1, 2, 2),
    "codes": np.array([2, 1, 3], np.uint8),
    "scales": f32(0.25, 0.25, 0, 0),
}


def accumulate(kernels, history, weights, k, table=TABLE):
    found = kernels.accumulate_neighbours(history, weights, *table.values(), k)
    return [part.tolist() for part in found]


class TestAccumulateNeighbours:
    def test_gains_add_up_over_the_history(self, kernels):
        rows, scores, because = accumulate(kernels, i32(0, 1), f32(2, 1), 5)
        assert (rows, scores) == ([2, 1], [1.25, 1.0])
        assert because == [1, 0], "item 2 owes .75 to history entry 1 and .5 to entry 0"

    def test_only_the_k_best_come_back(self, kernels):
        assert accumulate(kernels, i32(0, 1), f32(2, 1), 1)[0] == [2]
        assert accumulate(kernels, i32(0, 1), f32(2, 1), 0)[0] == []

    def test_history_rows_outside_the_table_are_skipped(self, kernels):
        assert accumulate(kernels, i32(-1, 4, 5, 0), f32(9, 9, 9, 1), 5)[0] == [1, 2]

    def test_an_empty_history_has_no_neighbours(self, kernels):
        assert accumulate(kernels, i32(), f32(), 5) == [[], [], []]

    def test_an_earlier_call_does_not_mix_in(self, kernels):
        args = (*TABLE.values(), 5)
        first = kernels.accumulate_neighbours(i32(0), f32(1), *args)
        kernels.accumulate_neighbours(i32(1), f32(1), *args)
        again = kernels.accumulate_neighbours(i32(0), f32(1), *args)
        assert [p.tolist() for p in first] == [p.tolist() for p in again]


def blend(kernels, lists, weights, quotas, limit):
    rows = i32(*[row for found in lists for row, _ in found])
    scores = f32(*[score for found in lists for _, score in found])
    offsets = np.cumsum([0] + [len(found) for found in lists]).astype(np.int32)
    return kernels.blend_candidates(rows, scores, offsets, f32(*weights), i32(*quotas), limit)


class TestBlendCandidates:
    def test_an_item_of_two_lists_counts_once_and_gains_from_both(self, kernels):
        lists = [[(7, 10.0), (8, 5.0), (9, 0.0)], [(8, 1.0), (6, 0.0)]]
        rows, score, nominated, source_scores = blend(kernels, lists, [0.5, 0.5], [3, 2], 10)
        assert rows.tolist() == [8, 7, 6, 9]
        assert score.tolist() == [0.75, 0.5, 0.0, 0.0]
        assert nominated.tolist() == [0b11, 0b01, 0b10, 0b01]
        assert source_scores.tolist() == [[0.5, 1], [1, 0], [0, 0], [0, 0]]

    def test_quotas_hold_until_the_lists_run_short(self, kernels):
        lists = [[(1, 3.0), (2, 2.0), (3, 1.0)], [(11, 3.0), (12, 2.0)]]
        assert sorted(blend(kernels, lists, [1, 1], [1, 1], 2)[0].tolist()) == [1, 11]
        assert sorted(blend(kernels, lists, [1, 1], [1, 1], 4)[0].tolist()) == [1, 2, 3, 11]

    def test_a_row_that_an_earlier_source_has_does_not_use_up_a_quota(self, kernels):
        lists = [[(1, 1.0)], [(1, 2.0), (2, 1.0)]]
        assert sorted(blend(kernels, lists, [1, 1], [1, 1], 2)[0].tolist()) == [1, 2]

    def test_equal_scores_of_a_list_are_all_one(self, kernels):
        assert blend(kernels, [[(4, 2.0), (5, 2.0)]], [0.5], [2], 5)[1].tolist() == [0.5, 0.5]

    def test_an_entry_without_a_score_counts_as_absent(self, kernels):
        lists = [[(4, np.nan), (5, 2.0), (6, 1.0)], [(4, 3.0), (6, np.nan)]]
        rows, score, nominated, _ = blend(kernels, lists, [1, 0.5], [2, 2], 5)
        assert rows.tolist() == [5, 4, 6]
        assert score.tolist() == [1, 0.5, 0]
        assert nominated.tolist() == [0b01, 0b10, 0b01]

    def test_order_holds_for_negative_and_equal_blends(self, kernels):
        lists = [[(9, 4.0), (300, 3.0), (2, 1.0), (70_000, 1.0)]]
        rows, score, _, _ = blend(kernels, lists, [-1], [4], 4)
        assert rows.tolist() == [2, 70_000, 300, 9]
        assert score == pytest.approx([0, 0, -2 / 3, -1])

    def test_empty_lists_and_no_room(self, kernels):
        assert len(blend(kernels, [[], []], [1, 1], [5, 5], 5)[0]) == 0
        assert len(blend(kernels, [[(1, 1.0)], []], [1, 1], [5, 5], 0)[0]) == 0


class TestMasks:
    def test_flags(self, kernels):
        flags = np.array([1, 0, 5, 3], np.uint8)
        assert kernels.keep_flags(i32(0, 1, 2, 3), flags, 1, 4).tolist() == [True, False, False, True]

    @pytest.mark.parametrize("length", [32, 33, 400])
    def test_a_short_and_a_long_list_answer_alike(self, kernels, length):
        listed = np.arange(10, 10 + 2 * length, 2, dtype=np.int32)
        asked = i32(9, 10, 11, listed[-1], listed[-1] + 1)
        assert kernels.keep_not_in(asked, listed).tolist() == [True, False, True, False, True]

    def test_excluded_rows(self, kernels):
        assert kernels.keep_not_in(i32(5, 1, 3), i32(1, 2, 3)).tolist() == [True, False, False]
        assert kernels.keep_not_in(i32(5), i32()).tolist() == [True]

    def test_allowed_codes(self, kernels):
        assert kernels.keep_codes(i32(0, 2, 1), i32(9, -1, 4), i32(4, 9)).tolist() == [True, True, False]

    def test_an_item_expires_at_its_time(self, kernels):
        times = np.array([0, 100, 101], np.int64)
        assert kernels.keep_not_expired(i32(0, 1, 2), times, 100).tolist() == [True, False, True]


DAY = 86_400
NOW = 1_000 * DAY
COLUMNS = {
    "category": i32(4, 4, 7, -1),
    "brand": i32(-1, 2, 2, 1),
    "price": f32(10, 20, -1, 30),
    "title_embeddings": halves([[1, 0], [0, 1], [1, 1], [0, 0]]),
    "history_embeddings": halves([[2], [4], [6], [8]]),
}
WEIGHTS = np.zeros(16, np.float32)
WEIGHTS[[2, 3, 4, 5, 6, 8]] = [1, 1, 3, 5, 2, 3]
VIEW, PURCHASE = 2, 5


def summarize(kernels, events, now=NOW):
    rows = i32(*[row for row, _, _ in events])
    times = np.array([time for _, time, _ in events], np.int64)
    types = np.array([kind for _, _, kind in events], np.uint8)
    return kernels.summarize_history(rows, times, types, now, WEIGHTS, *COLUMNS.values())


class TestSummarizeHistory:
    def test_an_empty_history_has_only_missing_values(self, kernels):
        found = summarize(kernels, [])
        assert found.counters.tolist() == [0, 0, 0, -1]
        assert found.preferred_categories.tolist() == [-1, -1, -1]
        assert found.price_range.tolist() == [-1, -1]
        assert found.user_embedding.tolist() == [0, 0]
        assert found.viewed_categories.tolist() == found.bought_brands.tolist() == []

    def test_windows_include_their_first_second_and_not_now(self, kernels):
        events = [
            (0, NOW - 30 * DAY - 1, PURCHASE),
            (0, NOW - 30 * DAY, PURCHASE),
            (0, NOW - 7 * DAY - 1, VIEW),
            (0, NOW - 7 * DAY, VIEW),
            (0, NOW - 1, VIEW),
            (0, NOW, VIEW),
        ]
        counters = summarize(kernels, events).counters
        assert counters[:2].tolist() == [2, 1]
        assert counters[3] == np.float32(1 / DAY)

    def test_sessions_end_at_a_long_pause(self, kernels):
        start = NOW - DAY
        events = [(0, start + t, VIEW) for t in (0, 600, 2400, 4201)]
        assert summarize(kernels, events).counters[2] == 1200, "sessions of 2,400 s and of 0 s"

    def test_preferences_are_by_summed_weight_then_by_code(self, kernels):
        found = summarize(
            kernels, [(0, NOW - 9, VIEW), (1, NOW - 8, VIEW), (2, NOW - 7, PURCHASE), (3, NOW - 6, VIEW)]
        )
        assert found.preferred_categories.tolist() == [7, 4, -1]
        assert found.preferred_brands.tolist() == [2, 1, -1]
        assert found.viewed_categories.tolist() == [4, 7]
        assert found.bought_brands.tolist() == [2]

    def test_price_range_is_between_known_prices(self, kernels):
        found = summarize(
            kernels, [(0, NOW - 9, VIEW), (1, NOW - 8, VIEW), (2, NOW - 7, VIEW), (3, NOW - 6, VIEW)]
        )
        np.testing.assert_allclose(found.price_range, [12, 28], rtol=1e-6)

    def test_vectors_are_means_over_the_latest_known_items(self, kernels):
        events = (
            [(0, NOW - 500, VIEW)] + [(1, NOW - 400 + t, VIEW) for t in range(50)] + [(-1, NOW - 1, VIEW)]
        )
        found = summarize(kernels, events)
        assert found.history_vector.tolist() == [4]
        assert found.user_embedding.tolist() == [0, 1]
        assert found.counters[0] == 52, "an unknown item's event still counts"


def cross(kernels, rows, low=-1.0, high=-1.0, user=(1, 0)):
    rows = i32(*rows)
    n = len(rows)
    return kernels.assemble_cross_features(
        rows,
        np.full((n, 3), 0.25, np.float32),
        np.ones(n, np.float32),
        i32(4),
        i32(2),
        low,
        high,
        f32(*user),
        COLUMNS["category"],
        COLUMNS["brand"],
        COLUMNS["price"],
        COLUMNS["title_embeddings"],
        f32(0, 3, 0, 0),
        f32(0, 6, 5, 0),
    )


class TestCrossFeatures:
    def test_matches_of_category_and_brand(self, kernels):
        assert cross(kernels, [0, 1, 2, 3])[:, :2].tolist() == [[1, 0], [1, 1], [0, 1], [0, 0]]

    def test_price_falls_linearly_outside_the_range(self, kernels):
        assert cross(kernels, [0, 1, 2, 3], 20, 20)[:, 2].tolist() == [0.5, 1, 0.5, 0.5]
        assert cross(kernels, [0, 3], 25, 25)[:, 2] == pytest.approx([0.4, 0.8])
        assert cross(kernels, [3], 1, 2)[0, 2] == 0
        assert cross(kernels, [0])[0, 2] == 0.5, "no range"

    def test_similarity_is_a_cosine_and_zero_without_a_vector(self, kernels):
        assert cross(kernels, [0, 1, 2, 3])[:, 3] == pytest.approx([1, 0, 0.5**0.5, 0])
        assert cross(kernels, [0], user=(0, 0))[0, 3] == 0

    def test_popularity_and_conversion(self, kernels):
        found = cross(kernels, [0, 1, 2])
        assert found[:, 4] == pytest.approx([0, np.log(4), 0])
        assert found[:, 5].tolist() == [0, 2, 5]
        assert found[:, 6:].tolist() == [[0.25, 0.25, 0.25, 1]] * 3


class TestScoring:
    def test_exact_search_gathers_inner_products(self, kernels):
        vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
        assert kernels.exact_search(f32(1, 2), vectors, i32(2, 0)).tolist() == [14, 2]

    def test_a_tower_by_hand(self, kernels):
        identity = np.eye(2, dtype=np.float32)
        out = kernels.tower_forward(
            np.array([[1, -1]], np.float32),
            identity,
            f32(0, 0.5),
            identity,
            f32(1, -3),
            identity * 2,
            f32(0, 7),
        )
        assert out.tolist() == [[4, 7]]

    def test_score_is_the_logistic_of_dot_and_head(self, kernels):
        vectors, cross = np.array([[1, 1], [2, -1]], np.float32), np.array([[1], [-1]], np.float32)
        head = (units(2, -2)[None, :], units(), units(1, 3), f32(0.5))
        scores = kernels.score_candidates(i32(1, 0), f32(1, 1), vectors, cross, *head, 2.0, -1.0)
        assert scores == pytest.approx([1 / (1 + np.exp(-3.5)), 1 / (1 + np.exp(-9.5))])

    def test_extreme_logits_stay_in_range_and_nan_shows(self, kernels):
        vectors = np.array([[1e9], [-1e9], [np.nan]], np.float32)
        head = (units()[None, :], units(), units(), f32(0))
        scores = kernels.score_candidates(
            i32(0, 1, 2), f32(1), vectors, np.zeros((3, 1), np.float32), *head, 1.0, 0.0
        )
        assert scores[0] == 1
        assert 0 <= scores[1] < 1e-30
        assert np.isnan(scores[2])

    def test_a_cross_feature_that_is_nan_shows(self, kernels):
        head = (units(1)[None, :], units(), units(1), f32(0))
        cross = np.array([[np.nan], [0]], np.float32)
        scores = kernels.score_candidates(
            i32(0, 0), f32(1), np.ones((1, 1), np.float32), cross, *head, 1.0, 0.0
        )
        assert np.isnan(scores).tolist() == [True, False]


def units(*weights):
    """Returns the weights of the head's 16 hidden units; those not given are zero."""
    return np.pad(f32(*weights), (0, 16 - len(weights)))


class TestRowsOutsideTheColumns:
    """A row that no column has is an error of the caller's, told as one: the compiled loops check no bounds."""

    @pytest.mark.parametrize("row", [-1, 4])
    def test_are_refused(self, kernels, row):
        rows, codes, vectors = i32(0, row), COLUMNS["category"], np.ones((4, 2), np.float32)
        with pytest.raises(IndexError):
            kernels.keep_flags(rows, np.zeros(4, np.uint8), 1, 0)
        with pytest.raises(IndexError):
            kernels.keep_codes(rows, codes, i32(4))
        with pytest.raises(IndexError):
            kernels.keep_not_expired(rows, np.zeros(4, np.int64), 9)
        with pytest.raises(IndexError):
            kernels.exact_search(f32(1, 1), vectors, rows)
        with pytest.raises(IndexError):
            cross(kernels, [0, row])

    def test_are_refused_in_a_list(self, kernels):
        with pytest.raises(IndexError):
            blend(kernels, [[(0, 1.0), (-1, 0.5)]], [1], [2], 2)

    def test_are_refused_in_a_history(self, kernels):
        with pytest.raises(IndexError):
            summarize(kernels, [(4, NOW - 9, VIEW)])


def mmr(kernels, scores, category, brand, count, weight=0.3, cap=0):
    return kernels.mmr_select(f32(*scores), i32(*category), i32(*brand), count, weight, cap).tolist()


class TestMmr:
    def test_without_similarity_the_order_is_that_of_scores(self, kernels):
        assert mmr(kernels, [0.1, 0.9, 0.5], [-1, -1, -1], [-1, -1, -1], 3) == [1, 2, 0]

    def test_a_similar_item_gives_way(self, kernels):
        # After 0: item 1 (same category) is worth .8 - .3, item 2 (same brand) .75 - .15, item 3 .55.
        # After 0 and 2: item 1 is similar to one of two, .8 - .15.
        assert mmr(kernels, [0.9, 0.8, 0.75, 0.55], [1, 1, 2, 3], [5, 6, 5, 7], 4) == [0, 2, 1, 3]

    def test_similarity_is_the_mean_over_the_selected(self, kernels):
        # After 0 and 1, item 2 shares its category with one of two: .6 - .15 beats .44.
        assert mmr(kernels, [0.9, 0.8, 0.6, 0.44], [1, 2, 1, 3], [-1] * 4, 3) == [0, 1, 2]

    def test_the_cap_holds_and_the_overflow_fills_a_short_list(self, kernels):
        scores, category = [0.9, 0.8, 0.7, 0.1], [1, 1, 1, 2]
        assert mmr(kernels, scores, category, [-1] * 4, 2, 0.0, 1) == [0, 3]
        assert mmr(kernels, scores, category, [-1] * 4, 4, 0.0, 1) == [0, 3, 1, 2]

    def test_items_without_a_category_are_never_capped(self, kernels):
        assert mmr(kernels, [0.9, 0.8, 0.7], [-1, -1, -1], [-1] * 3, 3, 0.3, 1) == [0, 1, 2]

    def test_count_beyond_the_list_and_nan(self, kernels):
        assert mmr(kernels, [0.5, np.nan], [1, 1], [1, 1], 9, 0.3, 1) == [0]
        assert mmr(kernels, [], [], [], 3) == []
