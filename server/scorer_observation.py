"""The model server's hook into telemetry: scoring there is a remote call of the request that waits for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.errors import ModelServerUnavailable
from server.inference.protocols import Floats, RemoteScorer, ScoringRelease
from server.telemetry.remote_calls import begin_remote_call

CALL_NAME = "inference.GRPCInferenceService/ModelInfer"
_ATTRIBUTES = {"rpc.system.name": "grpc", "rpc.method": CALL_NAME}


class ObservedScorer:
    """protocols.RemoteScorer whose calls are stamped, with the time that a request waits for others to join it."""

    def __init__(self, scorer: RemoteScorer) -> None:
        self._scorer = scorer

    def score(
        self,
        release: ScoringRelease,
        tower_input: Floats,
        rows: NDArray[np.int32],
        cross: Floats,
        time_left_s: float,
    ) -> Floats:
        """Returns the scores; see protocols.RemoteScorer."""
        call = begin_remote_call(CALL_NAME, _ATTRIBUTES)
        try:
            scores = self._scorer.score(release, tower_input, rows, cross, time_left_s)
        except ModelServerUnavailable as error:
            call.end(error.reason)
            raise
        call.end()
        return scores
