"""The twins of the kernels that write an inference request and read its reply."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]
User = tuple[Floats, Rows, Floats, Floats, int]
"""The tower's input, float32[1, W]; the candidates' rows, int32[n], and cross features, float32[n, C]; the vectors of all
items, float32[N, V]; a random number of 24 bits."""

_RAW_CONTENT_TAG = 7 << 3 | 2
_PAIR_ID_BITS = 24
"""Whole numbers of so many bits are exact in float32."""


def encode_candidates(header: bytes, users: list[User], candidates: int) -> bytes:
    """Returns a KServe v2 ModelInferRequest: header, then the raw contents of user_features, item_vectors, cross_features and
    pair_ids, little-endian float32, a user after the other, each padded with zeros to so many candidates.

    A pair id is a candidate's row plus the user's number, modulo 2 ** 24.
    """
    if not users:
        raise ValueError("there must be a user")
    if candidates < 0:
        raise ValueError("candidates must not be negative")
    if (
        len({(features.shape, cross.shape[1], vectors.shape[1]) for features, _, cross, vectors, _ in users})
        > 1
    ):
        raise ValueError("the users' features, cross features and vectors must be as wide as the first one's")
    tensors: list[list[Floats]] = [[], [], [], []]
    for features, rows, cross, vectors, salt in users:
        if len(cross) != len(rows) or len(rows) > candidates or len(features) != 1:
            raise ValueError("cross must have a row a candidate, and there must be room for all candidates")
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(vectors):
            raise IndexError(f"a row lies outside 0 to {len(vectors) - 1}")
        parts = (vectors[rows], cross, _pair_ids(rows, salt))
        for tensor, part in zip(
            tensors, (features, *(_padded(part, candidates) for part in parts)), strict=True
        ):
            tensor.append(part)
    contents = [np.concatenate(tensor).tobytes() for tensor in tensors]
    return b"".join(
        [header, *(bytes([_RAW_CONTENT_TAG]) + _varint(len(content)) + content for content in contents)]
    )


def take_scores(scored: Floats, rows: Rows, salt: int) -> tuple[Floats, bool, bool]:
    """Returns one user's scores, whether they stand beside the pair ids that were sent, and whether all are in [0, 1].

    scored: float32[m, 2], scores and pair ids, m at least the number of candidates.
    """
    n = len(rows)
    if scored.shape[1] != 2 or len(scored) < n:
        raise ValueError("scored must have two columns and a row a candidate")
    scores, pair_ids = scored[:n, 0].copy(), scored[:n, 1]
    theirs = bool((pair_ids == _pair_ids(rows, salt)).all())
    return scores, theirs, bool(((scores >= 0) & (scores <= 1)).all())


def _pair_ids(rows: Rows, salt: int) -> Floats:
    return ((rows.astype(np.int64) + salt) % (1 << _PAIR_ID_BITS)).astype(np.float32)


def _padded(part: Floats, candidates: int) -> Floats:
    out = np.zeros((candidates, *part.shape[1:]), np.float32)
    out[: len(part)] = part
    return out


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
