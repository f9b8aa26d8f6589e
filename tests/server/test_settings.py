"""Every setting is documented, bounded and can be set from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from server.cli.settings_command import Knob, knobs, markdown_page
from server.front_settings import SecuritySettings
from server.settings import (
    CONFIG_VARIABLE,
    BudgetSettings,
    ScenarioSettings,
    ServerSettings,
    Settings,
)

KNOBS = [knob for knob in knobs(Settings()) if not knob.name.startswith("scenarios")]
NEEDS = {
    "server.admin_host": ("security.tokens_file",),
    "security.tls_certificate_file": ("security.tls_key_file",),
    "security.tls_key_file": ("security.tls_certificate_file",),
    "security.tls_client_authority_file": ("security.tls_certificate_file", "security.tls_key_file"),
}
"""Settings that are refused alone, and those that they need."""
REPOSITORY = Path(__file__).resolve().parents[2]


TEXTS = {
    "data_dir": "elsewhere",
    "model_server.url": "triton://elsewhere:8001",
    "store.url": "lmdb:elsewhere",
    "host": "0.0.0.0",
    "logs.format": "json",
    "neighbours.method": "mix",
    "retrieval.fusion": "rank",
    "retrieval.weights_from": "settings",
    "_url": "http://127.0.0.1:1/elsewhere",
    "_name": "another",
    "_prefix": "another",
}
"""By the ending of a setting's name, the first that fits: another value that it may have."""


def valid_change(knob: Knob) -> str:
    """Returns a value that the setting may have and that is not its default."""
    if knob.default in ("True", "False"):
        return str(knob.default == "False")
    for ending, value in TEXTS.items():
        if knob.name.endswith(ending):
            return value
    if knob.name.startswith("security."):
        return "file.pem"
    if knob.name == "budget.deadline_ms":
        return "100"
    if knob.name.startswith("budget."):
        return str(float(knob.default) / 2)
    low, high = knob.range.removeprefix("above ").split(" to ")
    return high if knob.default != high else low


@pytest.mark.parametrize("knob", [*KNOBS, *knobs(Settings())], ids=lambda knob: knob.name)
def test_every_setting_says_what_it_means(knob: Knob) -> None:
    assert knob.meaning.endswith("."), f"{knob.name} needs a docstring"


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_every_number_has_both_limits(knob: Knob) -> None:
    if knob.default.replace(".", "", 1).isdigit():
        low, high = knob.range.split(" to ")
        assert low
        assert high


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_every_setting_is_taken_from_the_environment(knob: Knob, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in NEEDS.get(knob.name, ()):
        monkeypatch.setenv(f"SHORTLIST_{other.upper().replace('.', '__')}", "other.pem")
    change = valid_change(knob)
    monkeypatch.setenv(knob.environment, change)
    found = next(other for other in knobs(Settings()) if other.name == knob.name).value
    assert found != knob.default
    assert found == change or float(found) == float(change)


@pytest.mark.parametrize("knob", [knob for knob in KNOBS if " to " in knob.range], ids=lambda knob: knob.name)
def test_value_above_the_limit_is_refused_by_name(knob: Knob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(knob.environment, str(float(knob.range.split(" to ")[1]) * 2 + 1))
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert ".".join(str(part) for part in caught.value.errors()[0]["loc"]) == knob.name


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "shortlist.toml"
    file.write_text("[server]\nport = 7000\nworkers = 3\n\n[scenarios.HOME]\nmmr_weight = 0.1\n")
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    monkeypatch.setenv("SHORTLIST_SERVER__PORT", "7001")
    settings = Settings()
    assert (settings.server.port, settings.server.workers) == (7001, 3)
    assert settings.scenarios == {"HOME": ScenarioSettings(mmr_weight=0.1)}


def test_unknown_key_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "shortlist.toml"
    file.write_text("[server]\nprot = 7000\n")
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    with pytest.raises(ValidationError, match=r"server\.prot"):
        Settings()


def test_stage_budgets_fit_into_the_deadline_with_the_reserve() -> None:
    budget = BudgetSettings()
    path = (budget.admission_ms, budget.user_record_ms, budget.retrieval_ms, budget.scoring_ms)
    assert sum(path) + budget.rerank_ms + budget.encode_ms + budget.reserve_ms <= budget.deadline_ms


def test_budgets_beyond_the_deadline_are_refused() -> None:
    with pytest.raises(ValidationError, match="above deadline_ms"):
        BudgetSettings(scoring_ms=60)


def test_settings_page_is_fresh() -> None:
    assert (REPOSITORY / "docs" / "settings.md").read_text() == markdown_page()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "shop.internal"])
def test_admin_port_that_others_can_reach_needs_tokens(host: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"set security\.tokens_file"):
        Settings(server=ServerSettings(admin_host=host))
    tokens = SecuritySettings(tokens_file=str(tmp_path / "tokens.toml"))
    assert Settings(server=ServerSettings(admin_host=host), security=tokens).server.admin_host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "::1", "localhost"])
def test_admin_port_on_loopback_needs_none(host: str) -> None:
    assert Settings(server=ServerSettings(admin_host=host)).server.admin_host == host


@pytest.mark.parametrize("name", ["tls_certificate_file", "tls_key_file", "tls_client_authority_file"])
def test_tls_files_go_together(name: str) -> None:
    with pytest.raises(ValidationError, match="tls_certificate_file"):
        SecuritySettings(**{name: "x"})


def test_weights_that_are_set_are_the_blend_s_unless_it_is_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Settings().retrieval.weights_from == "release"
    monkeypatch.setenv("SHORTLIST_RETRIEVAL__POPULARITY_WEIGHT", "0.1")
    assert Settings().retrieval.weights_from == "settings"
    monkeypatch.setenv("SHORTLIST_RETRIEVAL__WEIGHTS_FROM", "release")
    assert Settings().retrieval.weights_from == "release"
