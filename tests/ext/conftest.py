"""Runs every behaviour test on both forms of the kernels."""

from __future__ import annotations

import importlib
from types import ModuleType, SimpleNamespace

import pytest

import ext
from ext import reference

COMPILED_MODULES = (
    "blend", "cross_features", "graph", "history", "keys", "masks", "mmr", "neighbours", "reply", "request", "scoring", "tensors",
    "topk", "towers", "user_input", "weights",
)  # fmt: skip


def compiled() -> SimpleNamespace:
    """Returns the compiled kernels by name, whatever SHORTLIST_KERNELS says."""
    modules: list[ModuleType] = [importlib.import_module(f"ext.{name}") for name in COMPILED_MODULES]
    names = [name for name in ext.__all__ if name not in ("KERNELS", "HistorySummary")]
    return SimpleNamespace(**{n: getattr(m, n) for m in modules for n in names if hasattr(m, n)})


@pytest.fixture(params=["twin", "kernel"])
def kernels(request: pytest.FixtureRequest) -> ModuleType | SimpleNamespace:
    """The NumPy twins, then the compiled kernels."""
    return reference if request.param == "twin" else compiled()
