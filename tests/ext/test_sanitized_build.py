"""The sanitized build is only worth its time if it sees what the release build would silently do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OVERRUN = """
def read_past(const float[::1] values not None):
    cdef Py_ssize_t i
    cdef float total = 0
    with nogil:
        for i in range(values.shape[0] + 1):
            total += values[i]
    return total
"""


@pytest.mark.skipif(os.environ.get("EXT_SANITIZE") != "1", reason="belongs to make test-sanitized")
def test_reading_one_element_too_far_ends_the_process_and_names_the_line(tmp_path):
    (tmp_path / "ext").mkdir()
    (tmp_path / "ext" / "__init__.py").touch()
    (tmp_path / "ext" / "overrun.pyx").write_text(OVERRUN)
    shutil.copy(ROOT / "setup.py", tmp_path)
    build = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "EXT_BUILD_DIR")}
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=tmp_path, env=build, check=True, capture_output=True,
    )  # fmt: skip
    code = "import numpy as np, ext.overrun; ext.overrun.read_past(np.zeros(4096, np.float32))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
    assert "overrun.c" in done.stderr
