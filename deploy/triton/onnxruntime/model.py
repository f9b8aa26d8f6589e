"""A backend named `onnxruntime` for a Triton that was built without it: ONNX Runtime through the Python backend.

Triton starts one process a model instance and calls it with the requests that its batcher has gathered. The model
repository names `backend: "onnxruntime"`, so the same folder is served by NVIDIA's own backend where there is one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

_MODEL_FILE = "model.onnx"


class TritonPythonModel:
    """One instance of one version of a model, on the CPU and one thread."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Opens the version's file. Raises what ONNX Runtime raises, which becomes the model's state in Triton."""
        config = json.loads(args["model_config"])
        path = os.path.join(args["model_repository"], args["model_version"], _MODEL_FILE)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Idle threads must not spin: other instances and the server itself share the cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._inputs = [entry["name"] for entry in config["input"]]
        self._outputs = [entry["name"] for entry in config["output"]]
        self._batched = config["max_batch_size"] > 0

    def execute(self, requests: list[Any]) -> list[Any]:
        """Returns a response to each request, in order, from one run over all of them where their shapes allow it."""
        feeds = [self._feeds(request) for request in requests]
        if len(feeds) == 1 or not self._batched or not _alike(feeds):
            return [self._respond(self._run(feed), slice(None)) for feed in feeds]
        joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in self._inputs}
        outputs = self._run(joined)
        responses, start = [], 0
        for feed in feeds:
            stop = start + len(feed[self._inputs[0]])
            responses.append(self._respond(outputs, slice(start, stop)))
            start = stop
        return responses

    def _feeds(self, request: Any) -> dict[str, np.ndarray]:
        return {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs}

    def _run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return self._session.run(self._outputs, dict(feeds))

    def _respond(self, outputs: list[np.ndarray], rows: slice) -> Any:
        tensors = [
            pb_utils.Tensor(name, np.ascontiguousarray(output[rows]))
            for name, output in zip(self._outputs, outputs, strict=True)
        ]
        return pb_utils.InferenceResponse(output_tensors=tensors)


def _alike(feeds: list[dict[str, np.ndarray]]) -> bool:
    """Returns whether the requests differ in their batch axis only."""
    first = feeds[0]
    return all(feed[name].shape[1:] == array.shape[1:] for feed in feeds[1:] for name, array in first.items())
