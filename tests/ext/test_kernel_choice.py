"""The switch between kernels and twins: explicit, and loud when the kernels are missing."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import ext
from ext import reference

ROOT = Path(__file__).parents[2]
HIDE_COMPILED = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name == "ext.blend":
            raise ModuleNotFoundError("No module named 'ext.blend'")
sys.meta_path.insert(0, Hide())
import ext
"""


def run(code: str, kernels: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SHORTLIST_KERNELS": kernels, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_missing_kernels_are_a_loud_error_that_says_what_to_do():
    done = run(HIDE_COMPILED, "compiled")
    assert done.returncode != 0
    assert "make build" in done.stderr


def test_the_twins_are_used_when_asked_for():
    done = run(HIDE_COMPILED + "print(ext.top_k.__module__)", "numpy")
    assert done.stdout.strip() == "ext.reference"


def test_an_unknown_choice_is_refused():
    assert "must be 'compiled' or 'numpy'" in run("import ext", "fast").stderr


def test_every_kernel_has_a_twin_with_the_same_parameters():
    for name in ext.__all__:
        if name not in ("KERNELS", "HistorySummary"):
            twin = inspect.signature(getattr(reference, name))
            kernel = inspect.signature(getattr(ext, name))
            assert list(kernel.parameters) == list(twin.parameters), name
