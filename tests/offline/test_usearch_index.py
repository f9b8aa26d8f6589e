"""The index library beside the other libraries of an offline machine."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_onnx_runtime_can_be_imported_after_the_index_library() -> None:
    pytest.importorskip("onnxruntime")
    code = "import offline.usearch_index, onnxruntime"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
