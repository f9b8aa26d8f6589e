"""The calls that docs/api.md shows are answered as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.api_calls import documented_calls, make_calls

REPOSITORY = Path(__file__).parents[2]
VARYING = {"shortReason", "degraded", "degradedReasons"}


def test_page_is_fresh() -> None:
    command = [sys.executable, "tools/api_calls.py", "--check"]
    checked = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_every_documented_call_has_the_answer_that_the_page_shows(lab: dict[str, str]) -> None:
    answers = make_calls(lab)
    for name, call in documented_calls().items():
        assert set(answers[name]) - VARYING == set(call["answer"]) - VARYING, name


def test_every_rpc_is_on_the_page() -> None:
    page = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")
    contract = REPOSITORY.joinpath("proto", "shortlist", "v1").glob("*_service.proto")
    rpcs = [
        line.split()[1].split("(")[0]
        for path in contract
        for line in path.read_text().splitlines()
        if line.startswith("  rpc ")
    ]
    assert len(rpcs) == 17
    assert [rpc for rpc in rpcs if f"### {rpc}\n" not in page] == []
