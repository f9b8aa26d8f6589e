"""docs/fault_tests.md names only tests and scripts that exist."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "fault_tests.md").read_text()


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert named
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not re.search(rf"^def {test}\(", (REPOSITORY / file).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_every_script_is_named_and_exists() -> None:
    scripts = {path.stem for path in (REPOSITORY / "perf" / "faults").glob("*_faults.py")}
    assert set(re.findall(r"`(\w+_faults)`", PAGE)) == scripts
