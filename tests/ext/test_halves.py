"""Half-precision vectors, as a release holds them, in the kernels that read them and in their twins."""

from __future__ import annotations

import numpy as np

from ext import reference


def test_halves_are_the_numbers_that_numpy_takes_them_for(kernels):
    """Every finite half, through the kernel that averages vectors: the mean of one vector is that vector."""
    bits = np.arange(1 << 16, dtype=np.uint16)
    finite = bits[np.isfinite(bits.view(np.float16))]
    codes, price = np.full(1, -1, np.int32), np.full(1, -1, np.float32)
    found = kernels.summarize_history(
        np.zeros(1, np.int32),
        np.zeros(1, np.int64),
        np.full(1, 2, np.uint8),
        10,
        np.ones(16, np.float32),
        codes,
        codes,
        price,
        finite[None],
        np.zeros((1, 1), np.uint16),
    )
    assert finite.size == 63_488
    np.testing.assert_array_equal(found.user_embedding, finite.view(np.float16).astype(np.float32))


def test_the_cosine_of_halves_is_that_of_their_numbers(kernels):
    rng = np.random.default_rng(3)
    for dims in (1, 4, 7, 8, 20, 64):
        titles = (rng.normal(size=(50, dims)) * 10.0 ** rng.integers(-7, 4, (50, 1))).astype(np.float16)
        user = rng.normal(size=dims).astype(np.float32)
        n = np.arange(50, dtype=np.int32)
        codes, numbers = np.full(50, -1, np.int32), np.ones(50, np.float32)
        none = np.empty(0, np.int32)
        arguments = (n, np.zeros((50, 3), np.float32), numbers, none, none, -1.0, -1.0, user)
        columns = (codes, codes, numbers, titles.view(np.uint16), numbers, numbers)
        found = kernels.assemble_cross_features(*arguments, *columns)[:, 3]
        expected = reference.assemble_cross_features(*arguments, *columns)[:, 3]
        np.testing.assert_allclose(found, expected, atol=2e-6)
