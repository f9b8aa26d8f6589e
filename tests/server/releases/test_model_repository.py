"""What a model server is given of each release."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from offline.model.onnx_check import INPUTS, OUTPUTS
from server.errors import Refused, ReleaseRefused
from server.inference.triton_scorer import RANKER_INPUTS, RANKER_OUTPUTS
from server.releases.manifest import Manifest
from server.releases.model_repository import (
    CONFIG_NAME,
    MODEL_NAME,
    SERVED_MODELS,
    prune_models,
    publish_models,
    repository_version,
)
from server.releases.verify import read_manifest
from server.settings import ModelServerSettings
from tests.support.small_release import build_small_release

TEMPLATES = Path(__file__).resolve().parents[3] / "model_repo"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small_release(tmp_path_factory.mktemp("releases")).path


@pytest.fixture(scope="module")
def manifest(release: Path) -> Manifest:
    return read_manifest(release)


def configuration(model: str) -> model_config_pb2.ModelConfig:
    text = (TEMPLATES / model / CONFIG_NAME).read_text("utf-8")
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def test_the_repository_holds_model_folders_only(release: Path, manifest: Manifest, tmp_path: Path) -> None:
    repository = tmp_path / "model_repo"
    number = publish_models(release, manifest, TEMPLATES, repository)
    assert {path.name for path in repository.iterdir()} == set(SERVED_MODELS)
    for model in SERVED_MODELS:
        assert {path.name for path in (repository / model).iterdir()} == {CONFIG_NAME, str(number)}
        content = (repository / model / str(number) / MODEL_NAME).read_bytes()
        assert content == (release / "models" / f"{model}.onnx").read_bytes()


def test_publishing_twice_changes_nothing_and_keeps_an_edited_configuration(
    release: Path, manifest: Manifest, tmp_path: Path
) -> None:
    repository = tmp_path / "model_repo"
    publish_models(release, manifest, TEMPLATES, repository)
    config = repository / "two_tower" / CONFIG_NAME
    config.write_text("# tuned for this machine\n" + config.read_text())
    publish_models(release, manifest, TEMPLATES, repository)
    assert config.read_text().startswith("# tuned")


def test_a_number_that_holds_another_model_is_refused(
    release: Path, manifest: Manifest, tmp_path: Path
) -> None:
    number = publish_models(release, manifest, TEMPLATES, tmp_path / "model_repo")
    path = tmp_path / "model_repo" / "two_tower" / str(number) / MODEL_NAME
    path.chmod(0o644)
    path.write_bytes(b"another")
    with pytest.raises(Refused, match="not this release's model"):
        publish_models(release, manifest, TEMPLATES, tmp_path / "model_repo")


def test_a_file_that_the_manifest_does_not_pin_leaves_nothing_behind(
    release: Path, manifest: Manifest, tmp_path: Path
) -> None:
    files = dict(manifest.files)
    files["models/two_tower.onnx"] = replace(files["models/two_tower.onnx"], sha256="0" * 64)
    with pytest.raises(ReleaseRefused, match="SHA-256"):
        publish_models(release, replace(manifest, files=files), TEMPLATES, tmp_path / "model_repo")
    assert {path.name for path in (tmp_path / "model_repo" / "two_tower").iterdir()} == {CONFIG_NAME}


def test_versions_of_releases_that_are_gone_are_removed(
    release: Path, manifest: Manifest, tmp_path: Path
) -> None:
    repository = tmp_path / "model_repo"
    older = publish_models(release, replace(manifest, version="r0"), TEMPLATES, repository)
    newer = publish_models(release, manifest, TEMPLATES, repository)
    prune_models(repository, [newer])
    assert older != newer
    assert not (repository / "two_tower" / str(older)).exists()
    assert (repository / "two_tower" / str(newer) / MODEL_NAME).exists()


def test_later_releases_have_larger_numbers(manifest: Manifest) -> None:
    later = replace(manifest, created_time_s=manifest.created_time_s + 1)
    assert repository_version(later) > repository_version(manifest) > 0


@pytest.mark.parametrize("model", SERVED_MODELS)
def test_the_configuration_is_what_the_code_speaks(model: str) -> None:
    config = configuration(model)
    assert (config.name, config.backend) == (model, "onnxruntime")
    # The batch axis is Triton's own.
    assert {tensor.name: 1 + len(tensor.dims) for tensor in config.input} == INPUTS[model]
    assert {tensor.name: 1 + len(tensor.dims) for tensor in config.output} == OUTPUTS[model]
    if model == "two_tower":
        for tensors, specs in ((config.input, RANKER_INPUTS), (config.output, RANKER_OUTPUTS)):
            assert [(t.name, (-1, *t.dims)) for t in tensors] == [(s.name, s.shape) for s in specs]


@pytest.mark.parametrize("model", SERVED_MODELS)
def test_the_queue_is_bounded_and_two_versions_are_kept(model: str) -> None:
    config = configuration(model)
    policy = config.dynamic_batching.default_queue_policy
    assert policy.timeout_action == model_config_pb2.ModelQueuePolicy.REJECT
    assert policy.allow_timeout_override
    assert 0 < policy.max_queue_size <= 1_024
    assert 0 < policy.default_timeout_microseconds <= 25_000
    assert 0 < config.dynamic_batching.max_queue_delay_microseconds <= 1_000
    assert config.version_policy.latest.num_versions == 2
    assert [group.kind for group in config.instance_group] == [model_config_pb2.ModelInstanceGroup.KIND_AUTO]
    assert config.model_warmup
    largest = ModelServerSettings.model_json_schema()["properties"]["batch_users_max"]["maximum"]
    assert config.max_batch_size >= largest
