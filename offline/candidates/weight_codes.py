"""Weights of neighbours in one byte each: a table of a million items has a hundred million of them.

A history item's weights are whole multiples of the 255th part of its largest, so none is off by more than 1/510 of that;
float16 would be finer and twice as large. A weight never becomes 0: its candidate would be found and not scored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST_CODE = 255
_ITEMS = 1 << 16


def encode_weights(
    offsets: NDArray[np.int64], weights: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Returns codes, uint8[E], 1 to 255, and scales, float32[I]: weight = codes[e] * scales[i], nearly.

    offsets: int64[I + 1]; item i has the entries offsets[i]:offsets[i + 1]. weights: float32[E], above 0.
    """
    lengths = np.diff(offsets)
    scales = np.zeros(len(lengths), np.float32)
    filled = np.flatnonzero(lengths)
    scales[filled] = np.maximum.reduceat(weights, offsets[filled]) / LARGEST_CODE if len(filled) else 0
    codes = np.empty(len(weights), np.uint8)
    for start in range(0, len(lengths), _ITEMS):
        stop = min(start + _ITEMS, len(lengths))
        inside = slice(offsets[start], offsets[stop])
        steps = weights[inside] / np.repeat(scales[start:stop], lengths[start:stop])
        codes[inside] = np.clip(np.rint(steps), 1, LARGEST_CODE)
    return codes, scales
