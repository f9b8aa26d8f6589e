"""Every knob: typed, with its unit in its name and its range checked.

Values come from one TOML file (``SHORTLIST_CONFIG`` or ``--config``) and from the environment, which wins:
``SHORTLIST_SERVER__PORT=9000`` sets ``[server] port``. Only app and cli read Settings; every other part gets
its values through its constructor.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    """Addresses, processes and the limits of gRPC itself."""

    host: str = "127.0.0.1"
    port: int = Field(50051, ge=0, le=65535)
    admin_host: str = "127.0.0.1"
    admin_port: int = Field(50052, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=256)
    threads_per_worker: int = Field(8, ge=1, le=256)
    concurrent_requests_max: int = Field(64, ge=1, le=10_000)
    reflection: bool = True
    drain_grace_s: float = Field(5.0, ge=0, le=300)
    heartbeat_timeout_ms: int = Field(5_000, ge=200)
    read_message_bytes_max: int = Field(262_144, ge=1_024)
    message_bytes_max: int = Field(4_194_304, ge=1_024)
    connection_age_max_s: int = Field(300, ge=1)
    future_event_tolerance_s: int = Field(60, ge=0)


class BudgetSettings(_Section):
    """Time for each part of a request, inside the server's deadline."""

    deadline_ms: float = Field(80, gt=0, le=10_000)
    admission_ms: float = Field(0.5, ge=0)
    user_record_ms: float = Field(8, gt=0)
    retrieval_ms: float = Field(10, gt=0)
    scoring_ms: float = Field(35, gt=0)
    rerank_ms: float = Field(4, gt=0)
    encode_ms: float = Field(1, ge=0)
    reserve_ms: float = Field(15, ge=0)


class RetrievalSettings(_Section):
    """How candidates are found. Weights are the sources' shares of candidates_max and of the blend."""

    candidates_max: int = Field(500, ge=10, le=5_000)
    collaborative_weight: float = Field(0.4, ge=0, le=1)
    embedding_weight: float = Field(0.4, ge=0, le=1)
    popularity_weight: float = Field(0.2, ge=0, le=1)
    context_neighbours_max: int = Field(200, ge=0, le=5_000)
    fresh_items_max: int = Field(50, ge=0, le=1_000)
    history_half_life_days: float = Field(60, gt=0)
    category_scan_rows_max: int = Field(20_000, ge=0)


class ScenarioSettings(_Section):
    """Re-ranking and filtering of one scenario. Each page type has a default scenario of its name."""

    page_type: str = "HOME"
    mmr_weight: float = Field(0.3, ge=0, le=1)
    category_cap: int = Field(5, ge=0)
    promotion_boost: float = Field(1.5, ge=1)
    new_item_boost: float = Field(1.2, ge=1)
    new_item_age_days: float = Field(7, ge=0)
    exclude_bought: bool = True
    exclude_context_items: bool = True


class StoreSettings(_Section):
    """Where state lives and how much of it is kept."""

    url: str = "lmdb:"
    map_bytes_max: int = Field(8 << 30, ge=1 << 20)
    durable_writes: bool = True
    event_id_retention_days: float = Field(7, gt=0)
    recommendation_retention_hours: float = Field(48, gt=0)
    bought_items_max: int = Field(4_096, ge=1)
    hidden_items_max: int = Field(1_024, ge=1)
    queued_events_max: int = Field(10_000_000, ge=1)
    compact_interval_s: float = Field(60, gt=0)


class LogSettings(_Section):
    """Files that rotate and expire."""

    recommendation_log: bool = True
    file_bytes_max: int = Field(64 << 20, ge=1 << 16)
    retention_days: float = Field(14, gt=0)
    queue_max: int = Field(10_000, ge=1)


class ReleaseSettings(_Section):
    """Releases on disk and in memory."""

    spare_rows: int = Field(10_000, ge=0, le=1_000_000)
    keep: int = Field(5, ge=2)
    ann_expansion_search: int = Field(64, ge=1)
    prefault: bool = True


class Settings(BaseSettings):
    """All sections. An unknown key is an error that names it."""

    model_config = SettingsConfigDict(
        env_prefix="SHORTLIST_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data_dir: Path = Path("data")
    server: ServerSettings = ServerSettings()
    budget: BudgetSettings = BudgetSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    scenarios: dict[str, ScenarioSettings] = {}
    store: StoreSettings = StoreSettings()
    logs: LogSettings = LogSettings()
    release: ReleaseSettings = ReleaseSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, and what the code passes wins over both."""
        path = os.environ.get("SHORTLIST_CONFIG")
        file = (TomlConfigSettingsSource(settings_cls, path),) if path else ()
        return (init_settings, env_settings, *file)
