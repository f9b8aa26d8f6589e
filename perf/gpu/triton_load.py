"""The ranker on a Triton: a closed loop of inferences over gRPC."""

from __future__ import annotations

import threading
import time

import numpy as np
from tritonclient.grpc.service_pb2 import ModelInferRequest

from perf.gpu.ranker_inputs import RankerInputs
from perf.gpu.timing import Timing
from server.inference.triton_channel import TritonChannel
from server.inference.triton_scorer import OUTPUT, RANKER, RANKER_INPUTS
from server.inference.triton_wire import ModelVersion, decode_reply, encode_header

_MESSAGE_BYTES_MAX = 1 << 28
_TIMEOUT_S = 10.0


def triton_load(url: str, number: int, inputs: RankerInputs, seconds: float, concurrency: int) -> Timing:
    """Keeps so many inferences of two_tower under way for so long. Raises ModelServerUnavailable."""
    model = ModelVersion(RANKER, number)
    tensors: dict[str, np.ndarray] = {spec.name: getattr(inputs, spec.name) for spec in RANKER_INPUTS}
    shapes = tuple((name, tensor.shape) for name, tensor in tensors.items())
    contents = ModelInferRequest(raw_input_contents=[tensor.tobytes() for tensor in tensors.values()])
    request = encode_header(model, shapes, OUTPUT, _TIMEOUT_S) + contents.SerializeToString()
    channel = TritonChannel(url.removeprefix("triton://"), _MESSAGE_BYTES_MAX)
    shape = (*inputs.pair_ids.shape, 2)
    scored = decode_reply(channel.infer(request, _TIMEOUT_S), model, OUTPUT, shape)
    times_ms: list[float] = []
    start_s = time.perf_counter()

    def ask() -> None:
        while time.perf_counter() - start_s < seconds:
            begun_s = time.perf_counter()
            channel.infer(request, _TIMEOUT_S)
            times_ms.append((time.perf_counter() - begun_s) * 1e3)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s = time.perf_counter() - start_s
    channel.close()
    return Timing(len(times_ms), took_s, times_ms, np.ascontiguousarray(scored[:, :, 0]))
