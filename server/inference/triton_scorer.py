"""The ranker on Triton: concurrent requests of this worker in one inference, within each request's time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ext import encode_candidates, take_scores
from server.circuit_breaker import CircuitBreaker
from server.errors import ModelServerUnavailable
from server.features.declarations import CROSS_FEATURES, VECTOR_DIMS
from server.features.encoding import USER_WIDTH
from server.inference.micro_batcher import BatchLimits, MicroBatcher
from server.inference.protocols import Floats, ScoringRelease
from server.inference.triton_channel import LATE, TensorSpec, TritonChannel
from server.inference.triton_wire import ModelVersion, decode_reply, encode_header, unusable

RANKER = "two_tower"
OUTPUT = "scored"
CANDIDATES_STEP = 64
"""Lists are padded to a multiple of this, so that Triton finds lists of the same length to batch."""

_FP32 = "FP32"
RANKER_INPUTS = (
    TensorSpec("user_features", _FP32, (-1, USER_WIDTH)),
    TensorSpec("item_vectors", _FP32, (-1, -1, VECTOR_DIMS)),
    TensorSpec("cross_features", _FP32, (-1, -1, len(CROSS_FEATURES))),
    TensorSpec("pair_ids", _FP32, (-1, -1)),
)
RANKER_OUTPUTS = (TensorSpec(OUTPUT, _FP32, (-1, -1, 2)),)

_PAIR_ID_BITS = 24
"""Of a pair id; integers of so many bits are exact in float32."""

_TIMEOUT_S_MIN = 1e-3

_FAIR_SHARE = 0.5
"""A server that had less than this share of its usual time and was late has not failed."""

_CANDIDATE_BYTES = 4 * (VECTOR_DIMS + len(CROSS_FEATURES) + 1)


@dataclass(frozen=True, slots=True)
class TritonLimits:
    """What one request and one inference may cost.

    timeout_s: how long a request waits for its scores at most. reply_reserve_s: kept back from the time of the
    stage, for scoring in this process after a failure. message_bytes_max: of one inference's request.
    """

    timeout_s: float = 0.025
    reply_reserve_s: float = 0.003
    message_bytes_max: int = 32 << 20
    batch: BatchLimits = field(default_factory=BatchLimits)


class _Entry(NamedTuple):
    """One user's candidates, as ext.encode_candidates takes them. salt: makes pair ids of each request differ."""

    tower_input: Floats
    rows: NDArray[np.int32]
    cross: Floats
    item_vectors: Floats
    salt: int


class TritonScorer:
    """Thread-safe. Asks only for versions in ``ready``: those that were loaded and found to score right.

    The breaker counts inferences, not the requests in them.
    """

    def __init__(self, channel: TritonChannel, limits: TritonLimits, breaker: CircuitBreaker) -> None:
        self._channel = channel
        self._limits = limits
        self._batcher: MicroBatcher[ModelVersion, _Entry, Floats] = MicroBatcher(
            limits.batch, self._infer, begin=self._begin, fits=self._fits
        )
        self.breaker = breaker
        self.ready: frozenset[int] = frozenset()
        self.inferences = 0

    def score(
        self,
        release: ScoringRelease,
        tower_input: Floats,
        rows: NDArray[np.int32],
        cross: Floats,
        time_left_s: float,
    ) -> Floats:
        """Returns float32[n] in [0, 1], within the time that is left and the limits' own."""
        if release.repository_version not in self.ready:
            raise ModelServerUnavailable("the release's model is not loaded", reason="MODEL_NOT_LOADED")
        time_left_s = min(time_left_s - self._limits.reply_reserve_s, self._limits.timeout_s)
        if time_left_s <= 0:
            raise ModelServerUnavailable("no time is left to ask the model server", reason=LATE)
        model = ModelVersion(RANKER, release.repository_version)
        return self._batcher.ask(model, _entry(release, tower_input, rows, cross), time_left_s)

    def probe(
        self,
        release: ScoringRelease,
        tower_input: Floats,
        rows: NDArray[np.int32],
        cross: Floats,
        timeout_s: float,
    ) -> Floats:
        """Returns what score() does, of any version, in an inference of its own that no breaker holds back.

        Its outcome counts for the breaker, so that a server that is back is asked again at once.
        """
        model = ModelVersion(RANKER, release.repository_version)
        (outcome,) = self._infer(model, [_entry(release, tower_input, rows, cross)], timeout_s)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _begin(self) -> None:
        if not self.breaker.allow():
            raise ModelServerUnavailable("the model server is left alone", reason="MODEL_SERVER_OPEN")

    def _fits(self, entries: Sequence[_Entry], entry: _Entry) -> bool:
        candidates = _padded(max(len(e.rows) for e in (*entries, entry)))
        return (len(entries) + 1) * candidates * _CANDIDATE_BYTES <= self._limits.message_bytes_max

    def _infer(
        self, model: ModelVersion, entries: Sequence[_Entry], timeout_s: float
    ) -> list[Floats | Exception]:
        """Returns each request's scores, or its own error where only its part of the reply cannot be used."""
        self.inferences += 1
        timeout_s = max(_TIMEOUT_S_MIN, timeout_s)
        candidates = _padded(max(len(entry.rows) for entry in entries))
        try:
            header = encode_header(model, _shapes(len(entries), candidates), OUTPUT, timeout_s)
            request = encode_candidates(header, list(entries), candidates)
            reply = self._channel.infer(request, timeout_s)
            scored = decode_reply(reply, model, OUTPUT, (len(entries), candidates, 2))
        except ModelServerUnavailable as error:
            if error.reason == LATE and timeout_s < self._limits.timeout_s * _FAIR_SHARE:
                # A caller in a hurry says nothing of the server.
                self.breaker.abandoned()
            else:
                self.breaker.failed()
            raise
        except Exception:
            self.breaker.abandoned()
            raise
        outcomes = [_scores(model, entry, rows) for entry, rows in zip(entries, scored, strict=True)]
        if any(isinstance(outcome, Exception) for outcome in outcomes):
            self.breaker.failed()
        else:
            self.breaker.succeeded()
        return outcomes


def _entry(release: ScoringRelease, tower_input: Floats, rows: NDArray[np.int32], cross: Floats) -> _Entry:
    return _Entry(tower_input, rows, cross, release.arrays.item_vectors, random.getrandbits(_PAIR_ID_BITS))


def _padded(candidates: int) -> int:
    return -(-candidates // CANDIDATES_STEP) * CANDIDATES_STEP


def _shapes(users: int, candidates: int) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Returns the names and shapes of the inputs of one inference."""
    free = (users, candidates)
    return tuple(
        (spec.name, (*free[: spec.shape.count(-1)], *spec.shape[spec.shape.count(-1) :]))
        for spec in RANKER_INPUTS
    )


def _scores(model: ModelVersion, entry: _Entry, scored: Floats) -> Floats | Exception:
    """Returns the scores of one request's candidates, float32[n], or why they cannot be used."""
    scores, theirs, valid = take_scores(scored, entry.rows, entry.salt)
    if not theirs:
        return unusable(model, "is not about the candidates that were asked about")
    if not valid:
        return unusable(model, "has scores that are not all in [0, 1]")
    return scores
