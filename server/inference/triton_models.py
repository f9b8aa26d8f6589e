"""Sees to it that Triton serves the release's model: loads and warms it, and holds its scores to the local model's."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from server.errors import ModelServerUnavailable, ReleaseRefused
from server.features.declarations import CROSS_FEATURES
from server.features.encoding import USER_WIDTH
from server.inference.local_model import LocalScorer, LocalUserTower
from server.inference.protocols import ScoringRelease
from server.inference.triton_channel import LATE, REFUSED, UNREACHED, ModelSignature, TritonChannel
from server.inference.triton_scorer import RANKER, RANKER_INPUTS, RANKER_OUTPUTS, TritonScorer
from server.inference.triton_wire import UNUSABLE, ModelVersion

VERSIONS_KEPT = 2
"""The version that serves and the one before it."""

_SAYS_NOTHING = (LATE, UNREACHED)
"""Reasons that tell nothing of what is loaded. The breaker keeps requests from a server that does not answer; were its
model given up as well, a network that loses one call in ten would cost all requests between two looks their scores."""

_MODEL_NAME = "model.onnx"
_PROBE_CANDIDATES = 64
_PROBE_SEED = 0
PROBE_TIMEOUT_S = 1.0
_TOLERANCE = 1e-3
"""A GPU's float32 scores, TF32 off, lie within a tenth of it; a wrong model's are far beyond."""


class TritonModels:
    """Thread-safe; one loads at a time. Tells the scorer which versions it may ask for.

    repository: the data directory's model repository, of which Triton serves this folder or a copy.
    """

    def __init__(
        self,
        channel: TritonChannel,
        scorer: TritonScorer,
        repository: Path,
        load_timeout_s: float,
        probe_timeout_s: float = PROBE_TIMEOUT_S,
    ) -> None:
        self._probe_timeout_s = probe_timeout_s
        self._channel = channel
        self._scorer = scorer
        self._repository = repository
        self._load_timeout_s = load_timeout_s
        self._lock = threading.Lock()
        self._local_tower, self._local_scorer = LocalUserTower(), LocalScorer()

    def ensure(self, release: ScoringRelease, keep: ScoringRelease | None = None) -> None:
        """Returns when the release's model is loaded, warm, and scores as the local one does.

        keep: the release whose version stays loaded beside it. Raises ModelServerUnavailable where the server does
        not answer, which leaves the scorer's ready versions as they are, and ReleaseRefused where it has no such model or a
        wrong one; requests do without it then.
        """
        model = ModelVersion(RANKER, release.repository_version)
        beside = () if keep is None else (keep.repository_version,)
        with self._lock:
            try:
                loaded = self._channel.ready_versions(RANKER)
                if model.number not in loaded:
                    self._check_file(model, release.ranker_sha256)
                    loaded = _versions(model.number, (*beside, *reversed(loaded)))
                    self._load(model, loaded)
                    self._check_signature(model)
                self._check_scores(model, release)
            except (ModelServerUnavailable, ReleaseRefused) as error:
                if error.reason not in _SAYS_NOTHING:
                    self._scorer.ready -= {model.number}
                raise
            # Others that are still loaded stay: this may be about a release that is just being switched from.
            self._scorer.ready = frozenset((model.number, *self._scorer.ready.intersection(loaded)))

    def _check_file(self, model: ModelVersion, sha256: str) -> None:
        """Refuses a version folder that holds anything but the release's file: Triton runs what it finds there."""
        folder = self._repository / model.name / str(model.number)
        try:
            names = sorted(path.name for path in folder.iterdir())
            if names != [_MODEL_NAME] or (folder / _MODEL_NAME).is_symlink():
                raise _refused(model, f"{folder} holds {', '.join(names)} and not one plain {_MODEL_NAME}")
            with (folder / _MODEL_NAME).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _refused(model, f"{folder} cannot be read: {error.strerror}") from None
        if found != sha256:
            raise _refused(model, f"{folder / _MODEL_NAME} does not match the release's SHA-256")

    def _load(self, model: ModelVersion, versions: list[int]) -> None:
        """Loads exactly these versions; those that were loaded before serve until the new ones are warm."""
        config = self._configuration(model)
        config["version_policy"] = {"specific": {"versions": versions}}
        try:
            self._channel.load(model.name, config, self._load_timeout_s)
        except ModelServerUnavailable as error:
            raise _refused(model, error.message) if error.reason == REFUSED else error from None

    def _configuration(self, model: ModelVersion) -> dict[str, Any]:
        path = self._repository / model.name / "config.pbtxt"
        try:
            parsed = text_format.Parse(path.read_text("utf-8"), model_config_pb2.ModelConfig())
        except (OSError, text_format.ParseError) as error:
            raise _refused(model, f"{path} cannot be read: {error}") from None
        config: dict[str, Any] = json_format.MessageToDict(parsed, preserving_proto_field_name=True)
        return config

    def _check_signature(self, model: ModelVersion) -> None:
        found = self._channel.signature(model)
        if found != ModelSignature(RANKER_INPUTS, RANKER_OUTPUTS):
            raise _refused(model, "its inputs or outputs are not those that this server speaks")

    def _check_scores(self, model: ModelVersion, release: ScoringRelease) -> None:
        """Holds the scores of some of the release's items for a made-up user to the local model's."""
        rng = np.random.default_rng(_PROBE_SEED)
        rows = np.arange(min(_PROBE_CANDIDATES, len(release.arrays.item_vectors)), dtype=np.int32)
        if not len(rows):
            return
        tower_input = rng.random((1, USER_WIDTH), np.float32)
        cross = rng.random((len(rows), len(CROSS_FEATURES)), np.float32)
        vector = self._local_tower.user_vector(release, tower_input)
        expected = self._local_scorer.score(release, vector, rows, cross)
        try:
            scores = self._scorer.probe(release, tower_input, rows, cross, self._probe_timeout_s)
        except ModelServerUnavailable as error:
            raise _refused(model, error.message) if error.reason == UNUSABLE else error from None
        difference = float(np.abs(scores - expected).max())
        if difference > _TOLERANCE:
            raise _refused(model, f"its scores are off by {difference:.3g}")


def _versions(number: int, others: Iterable[int]) -> list[int]:
    """Returns the number and the first of the others that there is room for, ascending."""
    beside = [other for other in dict.fromkeys(others) if other != number]
    return sorted((number, *beside[: VERSIONS_KEPT - 1]))


def _refused(model: ModelVersion, what: str) -> ReleaseRefused:
    return ReleaseRefused(
        f"the model server cannot serve {model}: {what}",
        reason="MODEL_REFUSED",
        metadata={"model": str(model)},
    )
