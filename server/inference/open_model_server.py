"""Opens the model server that a URL names, with all the parts around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from server.circuit_breaker import BreakerValues, CircuitBreaker
from server.inference.model_keeper import ModelKeeper
from server.inference.protocols import RemoteScorer
from server.inference.triton_channel import TritonChannel
from server.inference.triton_models import TritonModels
from server.inference.triton_scorer import TritonLimits, TritonScorer

_SCHEME = "triton://"


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A model server as a worker uses it. close: ends its calls; after keeper.stop()."""

    scorer: RemoteScorer
    keeper: ModelKeeper
    breaker: CircuitBreaker
    close: Callable[[], None]


def open_triton(
    url: str,
    repository: Path,
    limits: TritonLimits,
    breaker: BreakerValues,
    *,
    check_interval_s: float,
    load_timeout_s: float,
) -> ModelServer:
    """Returns the server behind ``triton://host:port``, which need not be up yet.

    repository: the data directory's model repository.
    """
    channel = TritonChannel(url.removeprefix(_SCHEME), limits.message_bytes_max)
    scorer = TritonScorer(channel, limits, CircuitBreaker(breaker))
    models = TritonModels(channel, scorer, repository, load_timeout_s)
    keeper = ModelKeeper(models, check_interval_s)
    return ModelServer(scorer, keeper, scorer.breaker, channel.close)
