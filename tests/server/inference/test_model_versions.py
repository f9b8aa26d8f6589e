"""The model of a release is loaded, warm and right on the real Triton before the release is switched to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tritonclient.grpc import service_pb2

from server.errors import ModelServerUnavailable, ReleaseRefused
from server.inference.model_keeper import ModelKeeper
from server.inference.triton_scorer import RANKER
from server.releases.mapped_release import MappedRelease
from server.releases.model_repository import MODEL_NAME
from server.releases.registry import activate, roll_back
from server.releases.release_holder import ReleaseHolder
from server.releases.writer import ReleaseWriter
from server.stores.memory_store import MemoryOverlayLog
from tests.support.scoring_cases import scoring_case
from tests.support.small_release import CREATED_TIME_S, SmallNames, build_small_release, small_contents
from tests.support.triton_server import TritonClient, TritonServer, publish

Change = Callable[[onnx.ModelProto], object]


def build(
    releases: Path, triton: TritonServer, version: str, number: int, change: Change | None = None
) -> MappedRelease:
    """Writes a release with a model of its own, possibly a bad one, publishes its models, and does not activate it."""
    contents = small_contents(
        SmallNames.make(100, 5, 5), version=version, seed=number, created_time_s=CREATED_TIME_S + number
    )
    if change is not None:
        path = "models/two_tower.onnx"
        model = onnx.load_model_from_string(contents.binary_files[path])
        change(model)
        contents = replace(contents, binary_files={**contents.binary_files, path: model.SerializeToString()})
    release = MappedRelease.open(ReleaseWriter(releases).write(contents))
    publish(release, triton.repository)
    return release


def holder_of(releases: Path, client: TritonClient) -> ReleaseHolder:
    keeper = ModelKeeper(client.models, interval_s=60)
    return ReleaseHolder(releases, MemoryOverlayLog(), prepare=keeper.prepare)


def assert_scores_right(client: TritonClient, release: MappedRelease) -> None:
    case = scoring_case(release, 40)
    scores = client.scorer.score(release, case.tower_input, case.rows, case.cross, 20.0)
    np.testing.assert_allclose(scores, case.expected, atol=1e-5)


def loaded(client: TritonClient) -> list[int]:
    return client.channel.ready_versions(RANKER)


def test_a_switch_waits_for_the_model_and_the_version_before_the_last_is_unloaded(
    triton: TritonServer, client: TritonClient, tmp_path: Path
) -> None:
    releases = [build(tmp_path, triton, f"v{n}", n) for n in (1, 2, 3)]
    numbers = [release.repository_version for release in releases]
    holder = holder_of(tmp_path, client)
    for at, release in enumerate(releases):
        activate(tmp_path, release.version)
        assert holder.refresh()
        assert numbers[at] in loaded(client), "before the switch was done"
        assert_scores_right(client, holder.current())
        if at:
            assert_scores_right(client, releases[at - 1])
    assert loaded(client) == numbers[1:]
    roll_back(tmp_path)
    assert holder.refresh()
    assert_scores_right(client, holder.current())
    assert loaded(client) == numbers[1:], "a roll-back loads nothing"
    activate(tmp_path, "v1")
    assert holder.refresh()
    assert loaded(client) == [numbers[0], numbers[1]], "an older release than those that are loaded can serve"
    assert_scores_right(client, holder.current())


def test_a_look_at_the_old_release_does_not_forget_the_new_one(
    triton: TritonServer, client: TritonClient, tmp_path: Path
) -> None:
    """The keeper's thread may look at a release just before it is switched from, and finish just after."""
    old, new = (build(tmp_path, triton, f"look{n}", 50 + n) for n in (0, 1))
    client.models.ensure(old)
    client.models.ensure(new, old)
    client.models.ensure(old)
    assert_scores_right(client, new)
    assert_scores_right(client, old)


def not_a_number(model: onnx.ModelProto) -> None:
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "score_bias")
    bias.CopyFrom(numpy_helper.from_array(np.array(np.nan, np.float32), "score_bias"))


def another_model(model: onnx.ModelProto) -> None:
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "score_bias")
    bias.CopyFrom(numpy_helper.from_array(np.array(1.0, np.float32), "score_bias"))


def wrong_shape(model: onnx.ModelProto) -> None:
    model.graph.node[-1].CopyFrom(
        helper.make_node("Concat", ["score", "pair_column", "pair_column"], ["scored"], axis=2)
    )
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 3


def not_a_model(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "Nonsense"


@pytest.mark.parametrize(
    "change", [not_a_number, another_model, wrong_shape, not_a_model], ids=lambda change: change.__name__
)
def test_a_bad_model_is_refused_and_the_old_release_serves_on(
    triton: TritonServer, client: TritonClient, tmp_path: Path, change: Change
) -> None:
    seed = [not_a_number, another_model, wrong_shape, not_a_model].index(change)
    good = build(tmp_path, triton, f"good{seed}", 10 + 2 * seed)
    build(tmp_path, triton, f"bad{seed}", 11 + 2 * seed, change)
    holder = holder_of(tmp_path, client)
    activate(tmp_path, good.version)
    assert holder.refresh()
    activate(tmp_path, f"bad{seed}")
    assert not holder.refresh()
    assert holder.refused is not None
    assert holder.refused.reason == "MODEL_REFUSED"
    assert holder.current().version == good.version
    assert_scores_right(client, holder.current())


def test_a_file_that_is_not_the_releases_is_never_loaded(
    triton: TritonServer, client: TritonClient, tmp_path: Path
) -> None:
    release = build(tmp_path, triton, "pinned", 30)
    folder = triton.repository / RANKER / str(release.repository_version)
    (folder / MODEL_NAME).chmod(0o644)
    with (folder / MODEL_NAME).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ReleaseRefused, match="SHA-256"):
        client.models.ensure(release)
    (folder / "model.py").write_text("import os")
    with pytest.raises(ReleaseRefused, match=r"model\.py"):
        client.models.ensure(release)
    assert release.repository_version not in loaded(client)


def test_a_release_that_was_never_published_to_the_repository_is_refused(
    triton: TritonServer, client: TritonClient, tmp_path: Path
) -> None:
    release = MappedRelease.open(build_small_release(tmp_path, version="unpublished").path)
    with pytest.raises(ReleaseRefused, match="cannot be read"):
        client.models.ensure(release)


def test_a_model_that_someone_unloads_under_load_is_loaded_again(
    triton: TritonServer, client: TritonClient, tmp_path: Path
) -> None:
    """Nobody gets wrong scores in between: a request is answered right, or refused and scored elsewhere."""
    release = build(tmp_path, triton, "unloaded", 40)
    client.models.ensure(release)
    case = scoring_case(release, 40)
    refused, answered, worst = [0], [0], [0.0]
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                scores = client.scorer.score(release, case.tower_input, case.rows, case.cross, 20.0)
            except ModelServerUnavailable:
                refused[0] += 1
                stop.wait(0.005)
            else:
                answered[0] += 1
                worst[0] = max(worst[0], float(np.abs(scores - case.expected).max()))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        request = service_pb2.RepositoryModelUnloadRequest(model_name=RANKER)
        client.channel._call("RepositoryModelUnload", request, service_pb2.RepositoryModelUnloadResponse)
        while release.repository_version in loaded(client):
            stop.wait(0.01)
        client.models.ensure(release)
        before = answered[0]
        while answered[0] < before + 5:
            assert not stop.wait(0.01)
    finally:
        stop.set()
        thread.join(30)
    assert worst[0] <= 1e-5
