"""The steps of making a release run as commands, and a failing one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.cli.evaluation.built_release import run_step
from server.errors import Refused


def test_a_step_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no-such-step") as refused:
        run_step("no-such-step", tmp_path)

    assert refused.value.reason == "STEP_FAILED"
