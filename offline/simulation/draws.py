"""Random numbers that are functions of (seed, stream, key): any item's or user's values, without making the others.

So a store of 10 million items needs no memory for them, and every process sees the same store.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Indexes = NDArray[np.int64]
Doubles = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def uniforms(seed: int, stream: int, keys: NDArray[np.int64]) -> Doubles:
    """Returns a number in (0, 1) for each key: SplitMix64's finalizer (Steele, Lea & Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        base = _mixed(np.uint64(seed) * _GOLDEN + np.uint64(stream))
        mixed = _mixed(keys.astype(np.uint64) * _GOLDEN + base)
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normals(seed: int, stream: int, keys: NDArray[np.int64]) -> Doubles:
    """Returns a standard normal number for each key."""
    return np.asarray(ndtri(uniforms(seed, stream, keys)), np.float64)


def zipf_ranks(uniform: Doubles, counts: NDArray[np.int64] | int, exponent: float) -> Indexes:
    """Returns ranks from 0 below counts, of probability about (rank + 1)^-exponent: the inverse of the continuous law."""
    tops = np.asarray(counts, np.float64) + 1.0
    if abs(exponent - 1.0) < 1e-9:
        drawn = tops**uniform
    else:
        power = 1.0 - exponent
        drawn = ((tops**power - 1.0) * uniform + 1.0) ** (1.0 / power)
    return np.minimum(drawn.astype(np.int64) - 1, np.asarray(counts, np.int64) - 1)


def zipf_shares(count: int, exponent: float) -> Doubles:
    """Returns shares of ranks 1..count that fall as rank^-exponent and add up to 1."""
    weights = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum())


def _mixed(values: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    values = np.asarray(values, np.uint64)
    values = (values ^ (values >> np.uint64(30))) * _MIX_1
    values = (values ^ (values >> np.uint64(27))) * _MIX_2
    return values ^ (values >> np.uint64(31))
