"""The scripts for a GPU, at a small size on the CPU."""

from __future__ import annotations

import numpy as np
import pytest

from perf.gpu.in_process import CPU, run_in_process
from perf.gpu.ranker_inputs import ranker_inputs
from perf.gpu.rows_model import with_item_table
from server.releases.mapped_release import MappedRelease
from tests.support.small_release import build_small_release


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> MappedRelease:
    return MappedRelease.open(build_small_release(tmp_path_factory.mktemp("releases")).path)


@pytest.mark.parametrize("form", ["vectors", "rows"])
def test_both_forms_score_as_the_kernels_do(release: MappedRelease, form: str) -> None:
    content = (release.path / "models" / "two_tower.onnx").read_bytes()
    if form == "rows":
        content = with_item_table(content, np.asarray(release.arrays.item_vectors))
    inputs = ranker_inputs(release, users=3, candidates=20)
    timing = run_in_process(content, CPU, inputs, seconds=0.01)
    assert timing.count == len(timing.times_ms) > 0
    np.testing.assert_allclose(timing.scores, inputs.expected, atol=1e-5)
