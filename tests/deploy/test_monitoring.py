"""Alert rules and the dashboard: what rings when (T56), and that every metric they name exists."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from server.telemetry.families import FAMILIES, Kind

REPOSITORY = Path(__file__).resolve().parents[2]
PROMETHEUS = REPOSITORY / "deploy" / "prometheus"
DASHBOARD = REPOSITORY / "deploy" / "grafana" / "shortlist.json"
NAME = re.compile(r"\b(?:shortlist|rpc_server)[_:][a-z0-9_:]+\b")


@pytest.fixture(scope="module")
def promtool() -> str:
    found = subprocess.run(
        [REPOSITORY / "tools" / "install_promtool.sh"], capture_output=True, text=True, check=False
    )
    if found.returncode:
        pytest.skip(f"no promtool: {found.stderr.strip()}")
    return found.stdout.strip()


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def exported_names() -> set[str]:
    """Returns every metric name that Prometheus gets from the endpoint."""
    names = {"shortlist_workers"}
    for name, family in FAMILIES.items():
        if family.kind is Kind.HISTOGRAM:
            names |= {f"{name}_{suffix}" for suffix in ("bucket", "count", "sum")}
        else:
            names.add(f"{name}_total" if family.kind is Kind.COUNTER else name)
    return names


def expressions_of_rules() -> str:
    text = (PROMETHEUS / "rules.yaml").read_text()
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def test_rules_and_configuration_are_what_prometheus_reads(promtool: str) -> None:
    run(promtool, "check", "config", "prometheus.yaml")


def test_alarms_ring_when_they_should_and_only_then(promtool: str) -> None:
    run(promtool, "test", "rules", "rules_test.yaml")


def test_rules_name_only_metrics_that_exist() -> None:
    text = expressions_of_rules()
    recorded = set(re.findall(r"record: (\S+)", text))
    named = set(NAME.findall(re.sub(r'"[^"]*"', "", text)))
    assert named - recorded - exported_names() == set()


def test_every_record_is_used_by_an_alarm_or_the_dashboard() -> None:
    text, board = expressions_of_rules(), DASHBOARD.read_text()
    for record in re.findall(r"record: (\S+)", text):
        assert text.count(record) + board.count(record) > 1, record


def test_dashboard_names_only_metrics_that_exist_and_shows_every_one() -> None:
    board = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    recorded = set(re.findall(r"record: (\S+)", expressions_of_rules()))
    named = {name for one in expressions for name in NAME.findall(re.sub(r'"[^"]*"', "", one))}
    assert named - recorded - exported_names() == set()
    shown = " ".join(expressions)
    assert [name for name in FAMILIES if name not in shown and not name.endswith("over_budget")] == []


def test_dashboard_panels_have_ids_and_places_of_their_own() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)


def test_every_alarm_names_a_section_of_the_operations_page() -> None:
    headings = re.findall(r"^## (.+)$", (REPOSITORY / "docs" / "operations.md").read_text(), re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    text = (PROMETHEUS / "rules.yaml").read_text()
    runbooks = re.findall(r"runbook: docs/operations.md#(\S+)", text)
    assert len(runbooks) == text.count("- alert: ")
    assert set(runbooks) <= anchors
