"""One byte a weight: nothing is lost that would change a list."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ext import accumulate_neighbours
from offline.candidates.weight_codes import LARGEST_CODE, encode_weights


@given(st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_no_weight_is_off_by_more_than_half_a_step_and_none_becomes_zero(seed: int, items: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 6, items)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    weights = (rng.random(int(lengths.sum())) ** 3 + 1e-6).astype(np.float32)
    codes, scales = encode_weights(offsets, weights)
    assert codes.dtype == np.uint8
    assert scales.dtype == np.float32
    assert codes.min(initial=1) >= 1
    step = np.repeat(scales, lengths)
    off = np.abs(codes * step - weights)
    assert np.all((off <= 0.501 * step) | ((codes == 1) & (weights < step)))
    for item in np.flatnonzero(lengths):
        assert codes[offsets[item] : offsets[item + 1]].max() == LARGEST_CODE


def test_lists_of_neighbours_agree_with_those_of_the_exact_weights() -> None:
    rng = np.random.default_rng(5)
    items, count = 2_000, 100
    offsets = np.arange(items + 1, dtype=np.int64) * count
    rows = np.concatenate([rng.choice(items, count, replace=False) for _ in range(items)]).astype(np.int32)
    weights = rng.beta(1, 4, items * count).astype(np.float32) + np.float32(1e-4)
    codes, scales = encode_weights(offsets, weights)
    shared = []
    for _ in range(20):
        history = rng.choice(items, 50, replace=False).astype(np.int32)
        strength = rng.random(50, np.float32)
        exact = np.zeros(items)
        for row, factor in zip(history, strength, strict=True):
            inside = slice(offsets[row], offsets[row + 1])
            np.add.at(exact, rows[inside], factor * weights[inside].astype(np.float64))
        found, scores, _ = accumulate_neighbours(history, strength, offsets, rows, codes, scales, 200)
        np.testing.assert_allclose(scores, exact[found], rtol=0.02)
        shared.append(len(np.intersect1d(found, np.argsort(-exact)[:200])) / 200)
    assert np.mean(shared) > 0.985
