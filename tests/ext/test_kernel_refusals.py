"""Wrong input is refused at the edge, never read as something else; right input of full size is answered alike."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from ext import reference
from perf.kernels.cases import Case, make_cases

CASES = make_cases(rows=3_000)
MODULES = (
    "blend",
    "cross_features",
    "graph",
    "history",
    "keys",
    "masks",
    "mmr",
    "neighbours",
    "reply",
    "request",
    "scoring",
    "tensors",
    "topk",
    "towers",
    "user_input",
    "weights",
)


def kernel_of(name):
    modules = [importlib.import_module(f"ext.{module}") for module in MODULES]
    return next(getattr(module, name) for module in modules if hasattr(module, name))


def by_name(name: str) -> Case:
    return next(case for case in CASES if case.kernel == name)


def changed(case: Case, at: int, value: object) -> list[object]:
    arguments = list(case.calls[0])
    arguments[at] = value
    return arguments


ARRAY_ARGUMENTS = [
    pytest.param(case, at, id=f"{case.kernel}-{at}")
    for case in CASES
    for at, argument in enumerate(case.calls[0])
    if isinstance(argument, np.ndarray)
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kernel)
def test_a_request_of_full_size_is_answered_as_the_twin_answers(case):
    ours, theirs = kernel_of(case.kernel)(*case.calls[0]), getattr(reference, case.kernel)(*case.calls[0])
    ours, theirs = (found if isinstance(found, tuple) else (found,) for found in (ours, theirs))
    for a, b in zip(ours, theirs, strict=True):
        if not isinstance(a, np.ndarray):
            assert a == b
            continue
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("case", "at"), ARRAY_ARGUMENTS)
def test_another_dtype_is_refused(case, at):
    array = case.calls[0][at]
    other = np.float64 if array.dtype != np.float64 else np.float32
    with pytest.raises(ValueError, match="dtype mismatch"):
        kernel_of(case.kernel)(*changed(case, at, array.astype(other)))


@pytest.mark.parametrize(("case", "at"), ARRAY_ARGUMENTS)
def test_a_strided_array_is_refused(case, at):
    strided = np.repeat(case.calls[0][at], 2, axis=-1)[..., ::2]
    if strided.flags.c_contiguous:
        pytest.skip("a single element lies in one piece however it was cut")
    with pytest.raises(ValueError, match="not C-contiguous"):
        kernel_of(case.kernel)(*changed(case, at, strided))


@pytest.mark.parametrize(("case", "at"), ARRAY_ARGUMENTS)
def test_none_is_refused(case, at):
    with pytest.raises(TypeError):
        kernel_of(case.kernel)(*changed(case, at, None))


@pytest.mark.parametrize(("case", "at"), ARRAY_ARGUMENTS)
def test_an_array_that_may_not_be_written_to_is_taken(case, at):
    array = case.calls[0][at].copy()
    array.setflags(write=False)
    arguments = changed(case, at, array)
    kernel_of(case.kernel)(*arguments)


ONE_LONGER = [
    *[("accumulate_neighbours", at) for at in (1, 4, 5)],
    *[("blend_candidates", at) for at in (1, 3, 4)],
    *[("summarize_history", at) for at in (1, 2, 4, 6, 7)],
    *[("assemble_cross_features", at) for at in (1, 2, 7, 9, 10, 12, 13)],
    *[("score_candidates", at) for at in (1, 3, 4, 5, 6, 7)],
    *[("exact_search", 0), ("mmr_select", 1), ("mmr_select", 2)],
    *[("tower_forward", at) for at in (1, 2, 3, 4, 5, 6)],
    *[("find_reasons", at) for at in (1, 2)],
    *[("encode_user_input", at) for at in (0, 4, 10, 16, 17)],
    *[("search_graph", at) for at in (0, 1, 2, 3, 4, 5)],
    *[("find_rows", 1), ("weigh_items", 1), ("weigh_items", 2), ("weigh_items", 3)],
    *[("encode_items", at) for at in (1, 2, 3)],
]


@pytest.mark.parametrize(("name", "at"), ONE_LONGER)
def test_lengths_that_do_not_fit_together_are_refused(name, at):
    case = by_name(name)
    array = case.calls[0][at]
    longer = np.concatenate([array, array[-1:]])
    with pytest.raises(ValueError, match=r"differ|fit|must|one quota"):
        kernel_of(name)(*changed(case, at, longer))


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        ("accumulate_neighbours", 6, -1),
        ("blend_candidates", 5, -1),
        ("blend_candidates", 2, np.array([0, 300, 200, 500], np.int32)),
        ("blend_candidates", 2, np.array([0, 200, 400, 501], np.int32)),
        ("blend_candidates", 2, np.array([-1, 200, 400, 500], np.int32)),
        ("top_k", 1, -1),
        ("count_until_wanted", 2, -1),
        ("search_graph", 6, 0),
        ("search_graph", 7, -1),
        ("mmr_select", 3, -1),
        ("mmr_select", 5, -1),
        ("score_candidates", 3, np.zeros((500, 11), np.float32)),
        ("assemble_cross_features", 1, np.zeros((500, 2), np.float32)),
    ],
)
def test_values_out_of_range_are_refused(name, at, value):
    with pytest.raises(ValueError, match=r"negative|offsets|fit|must"):
        kernel_of(name)(*changed(by_name(name), at, value))
