"""The only module that imports usearch.

Importing usearch 2.26 and then ONNX Runtime 1.32 kills the process, while the other order works. So where ONNX
Runtime is installed it is loaded here first, and all code that builds an index takes ``Index`` from here.
"""

from __future__ import annotations

import importlib
import importlib.util

if importlib.util.find_spec("onnxruntime") is not None:
    importlib.import_module("onnxruntime")

from usearch.index import Index

__all__ = ["Index"]
