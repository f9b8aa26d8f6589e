"""The container files name only settings, files, stages, services and commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main

from server.cli.main import build_app
from server.cli.settings_command import knobs
from server.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def test_the_environment_holds_only_settings_that_exist() -> None:
    known = {knob.environment for knob in knobs(Settings())}
    named = set(re.findall(r"^\s+(SHORTLIST_\w+):", COMPOSE, re.MULTILINE))
    assert named
    assert named <= known


def test_every_file_that_is_mounted_or_copied_is_there() -> None:
    mounted = re.findall(r"- (\./[\w./-]+):", COMPOSE)
    assert mounted
    assert [name for name in mounted if not (DEPLOY / name).exists()] == []
    locks = re.findall(r"-r (requirements/\w+\.lock)", DOCKERFILE)
    copied = [source for source in re.findall(r"^COPY (\w\S*) ", DOCKERFILE, re.MULTILINE)]
    assert locks
    assert [name for name in (*locks, *copied) if not (REPOSITORY / name).exists()] == []


def test_every_stage_that_is_named_is_built_before() -> None:
    stages = re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"target: (\w+)", COMPOSE)) <= set(stages)
    for stage in re.findall(r"--from=(\w+)", DOCKERFILE):
        assert f" AS {stage}\n" in DOCKERFILE.split(f"--from={stage}")[0]
    dockerfiles = re.findall(r"dockerfile: (\S+)", COMPOSE)
    assert dockerfiles
    assert all((REPOSITORY / name).is_file() for name in dockerfiles)


def test_services_wait_only_for_services_and_run_commands_that_exist() -> None:
    services = COMPOSE.split("\nservices:\n")[1]
    names = set(re.findall(r"^  (\w+):$", services, re.MULTILINE))
    waited_for = set(re.findall(r"^      (\w+): \{condition:", services, re.MULTILINE))
    assert waited_for
    assert waited_for <= names
    hosts = set(re.findall(r"\w+://(\w+):\d+", COMPOSE))
    assert hosts <= names
    commands = typer.main.get_group(build_app()).commands
    own = re.findall(r"<<: \*shortlist.*?command: \[(\w+)", services, re.DOTALL)
    assert own
    assert set(own) <= set(commands)
