"""What new items borrow from the catalogue items that they are like."""

from __future__ import annotations

import numpy as np
import pytest

from server.releases.new_item_kin import KIN_MAX, NewItemKin, find_kin, shares_of


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def i32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def borrowed(kin: NewItemKin, scores: dict[int, float]) -> dict[int, tuple[float, int]]:
    """Returns (score, lending row) by new row."""
    rows = i32(*scores)
    found, given, lenders = kin.borrowed(rows, f32(*scores.values()))
    return {
        row: (round(score, 4), int(rows[lender]))
        for row, score, lender in zip(found.tolist(), given.tolist(), lenders.tolist(), strict=True)
    }


def test_a_new_item_scores_as_its_kin_do_by_likeness() -> None:
    kin = NewItemKin()
    kin.set(i32(100), i32(3, 7).reshape(1, 2), f32(1, 0.5).reshape(1, 2))
    share = 1 / (1 + 0.5**4)
    assert borrowed(kin, {3: 2.0, 7: 1.0}) == {100: (round(2 * share + 1 - share, 4), 3)}
    assert borrowed(kin, {7: 1.0, 9: 5.0}) == {100: (round(1 - share, 4), 7)}


def test_it_borrows_no_more_than_it_is_like_them() -> None:
    assert shares_of(f32(0.5, 0, -1).reshape(1, 3)).tolist() == [[0.5, 0, 0]]
    assert shares_of(f32(0.8, 0.8, 0).reshape(1, 3))[0] == pytest.approx([0.4, 0.4, 0])
    assert shares_of(f32(0, 0, 0).reshape(1, 3)).tolist() == [[0, 0, 0]]


def test_several_new_items_may_have_the_same_kin() -> None:
    kin = NewItemKin()
    kin.set(i32(100, 101), i32(3, 5, 3, 6).reshape(2, 2), f32(1, 0, 1, -1).reshape(2, 2))
    assert borrowed(kin, {3: 2.0, 5: 9.0, 6: 9.0}) == {100: (2.0, 3), 101: (2.0, 3)}


def test_an_item_that_changes_borrows_from_its_new_kin_only() -> None:
    kin = NewItemKin()
    for lender in (3, 8):
        kin.set(i32(100), i32(lender).reshape(1, 1), f32(1).reshape(1, 1))
    assert borrowed(kin, {3: 2.0, 8: 1.0}) == {100: (1.0, 8)}


def test_nothing_is_borrowed_from_an_empty_list_or_by_no_one() -> None:
    kin = NewItemKin()
    assert borrowed(kin, {3: 2.0}) == {}
    kin.set(i32(100), i32(3).reshape(1, 1), f32(1).reshape(1, 1))
    assert borrowed(kin, {}) == {}
    assert len(kin) == 1


def test_kin_are_the_items_of_like_text() -> None:
    titles = np.array([[0.6, 0.8], [0, 1], [1, 0], [1, 0], [0, 0]], np.float32)
    kin, likeness = find_kin(titles[3], titles, i32(0, 1, 2))
    assert kin.tolist() == [2, 0, 1]
    assert likeness == pytest.approx([1, 0.6, 0])


def test_an_empty_text_or_catalogue_has_no_kin() -> None:
    titles = np.array([[1, 0], [0, 0]], np.float32)
    assert find_kin(titles[1], titles, i32(0))[1].tolist() == [0] * KIN_MAX
    assert find_kin(titles[0], titles, i32())[1].tolist() == [0] * KIN_MAX
