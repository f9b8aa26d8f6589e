"""The ranker through ONNX Runtime in this process."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import onnxruntime

from perf.gpu.ranker_inputs import RankerInputs
from perf.gpu.timing import Timing

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

# TF32 keeps 10 bits of each product's factors: scores would be off by more than 1e-4.
_OPTIONS: Mapping[str, Mapping[str, str]] = {CPU: {}, CUDA: {"use_tf32": "0"}}
_WARM_UP = 5


def available(provider: str) -> bool:
    """Returns whether this ONNX Runtime can use a provider."""
    return provider in onnxruntime.get_available_providers()


def run_in_process(model: bytes, provider: str, inputs: RankerInputs, seconds: float) -> Timing:
    """Runs one inference after the other for so long. Raises RuntimeError where the provider does not start."""
    session = onnxruntime.InferenceSession(model, providers=[(provider, dict(_OPTIONS[provider]))])
    if session.get_providers()[0] != provider:
        raise RuntimeError(f"{provider} does not start here: are CUDA and cuDNN installed?")
    feeds = {value.name: getattr(inputs, value.name) for value in session.get_inputs()}
    for _ in range(_WARM_UP):
        (scored,) = session.run(None, feeds)
    times_ms: list[float] = []
    start_s = time.perf_counter()
    while time.perf_counter() - start_s < seconds:
        begun_s = time.perf_counter()
        (scored,) = session.run(None, feeds)
        times_ms.append((time.perf_counter() - begun_s) * 1e3)
    took_s = time.perf_counter() - start_s
    return Timing(len(times_ms), took_s, times_ms, np.ascontiguousarray(scored[:, :, 0]))
