"""The clients in other languages: each one's own tests, against the same servers as the Python client's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LANGUAGES = ("go", "java", "typescript")


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("language", LANGUAGES)
def test_client_passes_its_own_tests(language: str, lab: dict[str, str]) -> None:
    toolchain = run("tools/client_toolchain.sh", language)
    if toolchain.returncode:
        pytest.skip(f"the {language} client {toolchain.stdout.strip()}")
    tests = run("tools/test_client.sh", language, **lab)
    assert tests.returncode == 0, tests.stdout[-8_000:]


def run(script: str, language: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", script, language],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
