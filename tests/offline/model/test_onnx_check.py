"""What may not be given to a model server is refused before it is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from offline.model.onnx_check import check_onnx
from server.errors import ReleaseRefused
from server.releases.model_repository import SERVED_MODELS
from tests.support.small_release import build_small_release

Change = Callable[[onnx.ModelProto], object]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a good release's models."""
    return build_small_release(tmp_path_factory.mktemp("releases")).path / "models"


def changed(models: Path, tmp_path: Path, change: Change) -> Path:
    model = onnx.load(models / "two_tower.onnx")
    change(model)
    path = tmp_path / "two_tower.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("model", SERVED_MODELS)
def test_a_releases_models_pass(models: Path, model: str) -> None:
    check_onnx(models / f"{model}.onnx", model)


def external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def external_in_a_constant(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="hidden", data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["hidden"], value=tensor))


def external_in_a_branch(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [])
    tensor = branch.initializer.add(name="hidden", data_type=TensorProto.FLOAT, dims=[1])
    tensor.external_data.add(key="location", value="/etc/passwd")
    node = helper.make_node("If", ["condition"], ["out"], then_branch=branch, else_branch=branch)
    model.graph.node.append(node)


def custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.example"


def custom_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def huge_claim(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    del tensor.dims[:]
    tensor.dims.extend([1 << 20, 1 << 20])


def short_tensor(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.raw_data = tensor.raw_data[:-4]


def other_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "users"


def other_output_type(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def extra_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("dot", TensorProto.FLOAT, ["n", "m", 1]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (external, "another file"),
        (external_in_a_constant, "another file"),
        (external_in_a_branch, "another file"),
        (custom_operator, "com.example"),
        (custom_domain, "operators of its own"),
        (huge_claim, "claims"),
        (short_tensor, "not a valid model"),
        (other_input, "has the inputs"),
        (other_output_type, "has the outputs"),
        (extra_output, "has the outputs"),
    ],
    ids=lambda value: getattr(value, "__name__", "").replace("_", " "),
)
def test_a_model_that_reaches_out_or_does_not_fit_is_refused(
    models: Path, tmp_path: Path, change: Change, says: str
) -> None:
    with pytest.raises(ReleaseRefused, match=says) as raised:
        check_onnx(changed(models, tmp_path, change), "two_tower")
    assert raised.value.reason == "MODEL_FILE"


def test_a_link_and_a_pickle_are_refused(models: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.onnx"
    link.symlink_to(models / "two_tower.onnx")
    with pytest.raises(ReleaseRefused, match="not a plain file"):
        check_onnx(link, "two_tower")
    pickle = tmp_path / "model.onnx"
    pickle.write_bytes(b"\x80\x04cposix\nsystem\n.")
    with pytest.raises(ReleaseRefused):
        check_onnx(pickle, "two_tower")


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "two_tower.onnx"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(ReleaseRefused, match="more than"):
        check_onnx(path, "two_tower")
