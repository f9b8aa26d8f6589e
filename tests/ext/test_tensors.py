"""What is sent to a model server is a request of its protocol, and only its own answer is believed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from ext import reference
from ext.tensors import encode_candidates, take_scores

HEADER = service_pb2.ModelInferRequest(model_name="two_tower", model_version="3").SerializeToString()


def a_user(rng: np.random.Generator, n: int, dims: int = 6, columns: int = 3, items: int = 40):
    features, cross, vectors = (
        rng.normal(size=shape).astype(np.float32) for shape in ((1, 5), (n, columns), (items, dims))
    )
    return features, rng.integers(0, items, n, np.int32), cross, vectors, int(rng.integers(0, 1 << 24))


def test_a_model_server_reads_the_tensors_of_each_user_padded_with_zeros(kernels):
    rng = np.random.default_rng(1)
    users = [a_user(rng, n) for n in (7, 0, 12)]
    message = service_pb2.ModelInferRequest.FromString(kernels.encode_candidates(HEADER, users, 12))
    assert (message.model_name, message.model_version) == ("two_tower", "3")
    shapes = ((3, 5), (3, 12, 6), (3, 12, 3), (3, 12))
    features, vectors, cross, pair_ids = (
        np.frombuffer(raw, "<f4").reshape(shape)
        for raw, shape in zip(message.raw_input_contents, shapes, strict=True)
    )
    for at, (own, rows, own_cross, items, salt) in enumerate(users):
        n = len(rows)
        np.testing.assert_array_equal(features[at], own[0])
        np.testing.assert_array_equal(vectors[at, :n], items[rows])
        np.testing.assert_array_equal(cross[at, :n], own_cross)
        np.testing.assert_array_equal(pair_ids[at, :n], (rows + salt) % (1 << 24))
        assert not vectors[at, n:].any()
        assert not cross[at, n:].any()
        assert not pair_ids[at, n:].any()


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(0, 40), min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_kernel_and_twin_write_the_same_bytes(lengths, seed):
    rng = np.random.default_rng(seed)
    users = [a_user(rng, n) for n in lengths]
    padded = max(lengths) + int(rng.integers(0, 3))
    assert encode_candidates(HEADER, users, padded) == reference.encode_candidates(HEADER, users, padded)


def test_what_does_not_fit_is_refused(kernels):
    rng = np.random.default_rng(2)
    features, rows, cross, vectors, salt = a_user(rng, 4)
    for users, candidates in (
        ([], 4),
        ([(features, rows, cross, vectors, salt)], 3),
        ([(features, rows, cross, vectors, salt)], -1),
        ([(features, rows[:3].copy(), cross, vectors, salt)], 4),
        ([(np.repeat(features, 2, axis=0), rows, cross, vectors, salt)], 4),
        ([(features, rows, cross, vectors, salt), a_user(rng, 4, dims=7)], 4),
        ([(features, rows, cross, vectors, salt), a_user(rng, 4, columns=4)], 4),
    ):
        with pytest.raises(ValueError, match="must"):
            kernels.encode_candidates(HEADER, users, candidates)
    for wrong in (-1, 40):
        outside = np.array([0, 1, wrong, 3], np.int32)
        with pytest.raises(IndexError, match="outside"):
            kernels.encode_candidates(HEADER, [(features, outside, cross, vectors, salt)], 4)


def test_a_user_without_an_array_is_refused():
    user = a_user(np.random.default_rng(3), 4)
    for at in range(4):
        with pytest.raises(TypeError):
            encode_candidates(HEADER, [(*user[:at], None, *user[at + 1 :])], 4)


def test_scores_are_taken_where_they_stand_beside_the_pair_ids_that_were_sent(kernels):
    rows, salt = np.array([5, 2**24 - 1, 9], np.int32), 11
    scored = np.zeros((4, 2), np.float32)
    scored[:3] = [[0, 16], [0.5, 10], [1, 20]]
    scores, theirs, valid = kernels.take_scores(scored, rows, salt)
    assert (scores.tolist(), theirs, valid) == ([0, 0.5, 1], True, True)
    assert scores.flags.c_contiguous
    moved = scored[[1, 0, 2, 3]]
    assert kernels.take_scores(moved, rows, salt)[1:] == (False, True)
    assert kernels.take_scores(scored, rows, salt + 1)[1:] == (False, True)
    for bad in (np.nan, -0.001, 1.001, np.inf):
        scored[2, 0] = bad
        assert kernels.take_scores(scored, rows, salt)[1:] == (True, False)
    scored[2] = 1, np.nan
    assert kernels.take_scores(scored, rows, salt)[1:] == (False, True)


def test_a_reply_of_another_shape_is_refused(kernels):
    rows = np.arange(3, dtype=np.int32)
    for shape in ((2, 2), (3, 1), (3, 3)):
        with pytest.raises(ValueError, match="must have two columns"):
            kernels.take_scores(np.zeros(shape, np.float32), rows, 0)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 50), salt=st.integers(0, 2**24 - 1), seed=st.integers(0, 2**32 - 1))
def test_kernel_and_twin_believe_the_same(n, salt, seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 2**31 - 1, n, np.int32)
    scored = rng.choice(
        np.array([0, 0.3, 1, 1.1, np.nan], np.float32), (n + 2, 2), p=(0.3, 0.3, 0.3, 0.05, 0.05)
    )
    if rng.random() < 0.7:
        scored[:n, 1] = (rows.astype(np.int64) + salt) % (1 << 24)
    ours, theirs = take_scores(scored, rows, salt), reference.take_scores(scored, rows, salt)
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[1:] == theirs[1:]
