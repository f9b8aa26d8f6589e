"""Every knob: typed, with its unit in its name, its range checked and its meaning beside it.

Values come from one TOML file (``SHORTLIST_CONFIG`` or ``--config``) and from the environment, which wins:
``SHORTLIST_SERVER__PORT=9000`` sets ``[server] port``. Only app and cli read Settings; every other part gets
its values through its constructor. ``shortlist settings`` prints this page as a table.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from server.front_settings import AdmissionSettings, SecuritySettings, is_loopback
from server.front_settings import Section as _Section
from server.learn_settings import NeighbourSettings

CONFIG_VARIABLE = "SHORTLIST_CONFIG"
PAGE_TYPES = Literal["HOME", "SEARCH", "CATEGORY", "ITEM_DETAIL", "CART", "EMAIL"]


class ServerSettings(_Section):
    """Addresses, processes and the limits of gRPC itself."""

    host: str = Field("127.0.0.1", min_length=1)
    """Address of the public port; 0.0.0.0 for every interface."""
    port: int = Field(50051, ge=0, le=65535)
    """Public port, shared by all workers; 0 picks a free one and prints it."""
    admin_host: str = Field("127.0.0.1", min_length=1)
    """Address of the admin port; one that is not loopback is refused unless security.tokens_file is set."""
    admin_port: int = Field(50052, ge=0, le=65535)
    """Port of ReleaseService, on worker 0; 0 picks a free one and prints it."""
    workers: int = Field(1, ge=1, le=256)
    """Worker processes; one for each core that serving may use."""
    threads_per_worker: int = Field(8, ge=1, le=256)
    """Threads of one worker for writes, batches and health, which wait for the disk; and for reads that wait."""
    read_threads_per_worker: int = Field(0, ge=0, le=256)
    """Threads of one worker for reads; 0 = 2 where reads only compute, threads_per_worker where stores are remote."""
    concurrent_requests_max: int = Field(64, ge=1, le=10_000)
    """Most calls in one worker, running and waiting; more are refused at once with OVERLOADED. See [admission]."""
    reflection: bool = True
    """Whether the server describes its API to tools such as grpcurl."""
    drain_notice_s: float = Field(0.5, ge=0, le=60)
    """How long a draining worker says NOT_SERVING and still takes new calls."""
    drain_grace_s: float = Field(5.0, ge=0, le=300)
    """How long calls that run may go on after that."""
    heartbeat_timeout_ms: int = Field(1_000, ge=200, le=600_000)
    """A serving worker that has not beaten for so long is killed and replaced."""
    stuck_threads_timeout_ms: int = Field(1_000, ge=200, le=600_000)
    """The same for a worker all of whose threads have been at one read for so long; ten times for writes and batches."""
    read_message_bytes_max: int = Field(262_144, ge=1_024, le=1 << 26)
    """Largest request of a call that reads."""
    message_bytes_max: int = Field(4_194_304, ge=1_024, le=1 << 28)
    """Largest message of any call, either way."""
    connection_age_max_s: int = Field(300, ge=1, le=86_400)
    """A connection older than this is asked to reconnect, which spreads connections over workers."""
    connection_age_grace_s: int = Field(10, ge=1, le=86_400)
    """How long calls on such a connection may go on."""
    connections_max: int = Field(2_000, ge=1, le=1_000_000)
    """Connections to one worker; more are refused."""
    streams_per_connection_max: int = Field(256, ge=1, le=65_535)
    """Calls at once on one connection."""
    pending_requests_max: int = Field(256, ge=1, le=65_535)
    """Calls that gRPC core holds while the worker's receiving thread is behind."""
    handshake_timeout_ms: int = Field(5_000, ge=100, le=120_000)
    """A connection that has not finished its handshake by then is closed."""
    keepalive_time_s: int = Field(60, ge=1, le=86_400)
    """A connection that has been silent for so long is asked for a sign of life."""
    keepalive_timeout_ms: int = Field(5_000, ge=100, le=600_000)
    """A connection that gives none within this is closed."""
    metadata_bytes_max: int = Field(8_192, ge=1_024, le=1 << 20)
    """Largest metadata of a call; from half of it on, gRPC refuses some calls."""
    future_event_tolerance_s: int = Field(60, ge=0, le=86_400)
    """How far ahead of the server's clock an event's time may be."""


class BudgetSettings(_Section):
    """Time for each part of a request, inside the server's deadline. They must fit into it together."""

    deadline_ms: float = Field(80, gt=0, le=10_000)
    """Deadline of a request whose caller sets none or a later one."""
    admission_ms: float = Field(0.5, ge=0, le=1_000)
    """Admission, deadline and validation."""
    user_record_ms: float = Field(8, gt=0, le=1_000)
    """Reading the user's record and the session's events."""
    retrieval_ms: float = Field(10, gt=0, le=1_000)
    """All candidate sources together."""
    scoring_ms: float = Field(35, gt=0, le=5_000)
    """Feature assembly and the model."""
    rerank_ms: float = Field(4, gt=0, le=1_000)
    """Boosts, diversity and caps."""
    encode_ms: float = Field(1, ge=0, le=1_000)
    """Building the reply."""
    reserve_ms: float = Field(15, ge=0, le=5_000)
    """Kept back for the popularity fallback and the way out."""

    @model_validator(mode="after")
    def _fits(self) -> BudgetSettings:
        parts = (
            self.admission_ms,
            self.user_record_ms,
            self.retrieval_ms,
            self.scoring_ms,
            self.rerank_ms,
            self.encode_ms,
            self.reserve_ms,
        )
        if sum(parts) > self.deadline_ms:
            raise ValueError(
                f"the parts add up to {sum(parts):g} ms, above deadline_ms = {self.deadline_ms:g}"
            )
        return self


class RetrievalSettings(_Section):
    """How candidates are found. Weights are the sources' shares of candidates_max and of the blend."""

    candidates_max: int = Field(500, ge=10, le=5_000)
    """Candidates that are scored."""
    collaborative_weight: float = Field(0.4, ge=0, le=1)
    """Share of the neighbours of what the user did."""
    embedding_weight: float = Field(0.4, ge=0, le=1)
    """Share of the items nearest to the user's vector."""
    popularity_weight: float = Field(0.2, ge=0, le=1)
    """Share of the popularity and trending lists."""
    weights_from: Literal["release", "settings"] = "release"
    """Whether the blend takes the weights that `train` chose, or those above; the latter too where one of them is set."""
    fusion: Literal["score", "rank"] = "score"
    """Whether the blend goes by the sources' scores or by the places in their lists. `shortlist tune` finds out."""
    context_neighbours_max: int = Field(200, ge=0, le=5_000)
    """Neighbours of the page's items, on ITEM_DETAIL and CART."""
    fresh_items_max: int = Field(50, ge=0, le=1_000)
    """Items newer than the release that are considered, best first."""
    history_half_life_days: float = Field(365, gt=0, le=36_500)
    """An event so much older than the user's newest weighs half in retrieval."""
    repeat_items_max: int = Field(200, ge=0, le=5_000)
    """Bought items that are considered again, where a scenario lets them in."""
    repeat_half_life_days: float = Field(365, gt=0, le=36_500)
    """A purchase so old counts half for buying again."""
    category_scan_rows_max: int = Field(20_000, ge=0, le=10_000_000)
    """A category of at most so many items is scanned exactly when a request is restricted to it."""
    remembered_users_max: int = Field(4_096, ge=0, le=1_000_000)
    """Users whose ranking a worker remembers until their record changes; 0 = none."""
    remembered_age_max_s: float = Field(60, gt=0, le=86_400)
    """How old what is remembered may be: features count days, and prices change."""

    @model_validator(mode="before")
    @classmethod
    def _weights_that_are_set_rule(cls, given: object) -> object:
        weights = {"collaborative_weight", "embedding_weight", "popularity_weight"}
        if isinstance(given, Mapping) and weights & given.keys():
            return {"weights_from": "settings", **given}
        return given


class ScenarioSettings(_Section):
    """Re-ranking and filtering of one scenario. Each page type has a default scenario of its name."""

    page_type: PAGE_TYPES = "HOME"
    """Page type that the scenario is used on."""
    mmr_weight: float = Field(0.3, ge=0, le=1)
    """How much similarity to the items already chosen costs."""
    category_cap: int = Field(5, ge=0, le=1_000)
    """Items of one category in a list; 0 = no cap."""
    promotion_boost: float = Field(1.5, ge=1, le=100)
    """Factor on a promoted item's score."""
    new_item_boost: float = Field(1.2, ge=1, le=100)
    """Factor on a new item's score for a returning user."""
    new_item_age_days: float = Field(7, ge=0, le=3_650)
    """An item younger than this is new."""
    context_boost: float = Field(1.0, ge=0, le=100)
    """On a page with items, a candidate's score is raised by up to this share for being their neighbour."""
    exclude_bought: bool = True
    """Whether items that the user bought are left out."""
    repeat_boost: float = Field(2.0, ge=0, le=20)
    """Where they are not, what a recent purchase of an item adds to the logit of its score; a habit adds more."""
    exclude_context_items: bool = True
    """Whether the page's own items are left out."""
    exploration_share: float = Field(0.0, ge=0, le=0.5)
    """Share of places that chance fills, with logged propensities; 0 = none. See off_policy.md."""
    exploration_age_days: float = Field(0.0, ge=0, le=3_650)
    """Chance shows items younger than this only; 0 = of any age."""


class StoreSettings(_Section):
    """Where state lives and how much of it is kept."""

    url: str = Field("lmdb:", pattern=r"^(lmdb:|rediss?(\+cluster)?://.)")
    """`lmdb:` (embedded, in data_dir/store), `redis://host:port/db` or `redis+cluster://host:port,host:port`."""
    map_bytes_max: int = Field(8 << 30, ge=1 << 20, le=1 << 44)
    """The store's file grows on demand up to this size; at it, writes are refused."""
    durable_writes: bool = True
    """Whether a write is on the disk before it is acknowledged."""
    event_id_retention_days: float = Field(7, gt=0, le=3_650)
    """How long an event_id is remembered, so that its event is not stored twice."""
    recommendation_retention_hours: float = Field(48, gt=0, le=8_760)
    """How long a recommendation_id can be joined to impressions."""
    bought_items_max: int = Field(4_096, ge=1, le=1_000_000)
    """Bought items that a user's record remembers, newest first."""
    hidden_items_max: int = Field(1_024, ge=1, le=1_000_000)
    """Hidden items that a user's record remembers, newest first."""
    queued_events_max: int = Field(10_000_000, ge=1, le=1_000_000_000)
    """Events that may wait to be moved into the Parquet log; above it, writes are refused."""
    compact_interval_s: float = Field(60, gt=0, le=86_400)
    """How often the parent moves queued events into the Parquet log."""


class RedisSettings(_Section):
    """The client of a store on Redis (`store.url`). Every process has its own connections."""

    connections: int = Field(12, ge=1, le=1_000)
    """Connections held open to each server; more than server.threads_per_worker, so that no call waits for one."""
    read_ms: float = Field(8, gt=0, le=1_000)
    """A request's whole read of the user's record: one try, then the answer goes on without it."""
    write_ms: float = Field(250, gt=0, le=60_000)
    """One step of a write, and of whatever no recommendation waits for."""
    connect_ms: float = Field(20, gt=0, le=60_000)
    """Making a connection, which happens outside requests."""
    handshake_ms: float = Field(1_000, gt=0, le=60_000)
    """First answer on a new connection; how long one attempt waits for a server that stands still."""
    overlay_poll_ms: float = Field(250, ge=10, le=60_000)
    """How often a worker that reads no user asks for the number of the newest item change."""
    key_prefix: str = Field("shortlist", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    """Begins the name of every key, so that several servers can share one Redis."""


class LogSettings(_Section):
    """Lines on the error output, and files that rotate and expire, in data_dir/logs."""

    format: Literal["text", "json"] = "text"
    """Form of the lines on the error output."""
    recommendation_log: bool = True
    """Whether every answer is written to the recommendation log."""
    file_bytes_max: int = Field(64 << 20, ge=1 << 16, le=1 << 34)
    """A log file that reaches this size is closed and a new one begun."""
    retention_days: float = Field(14, gt=0, le=3_650)
    """Closed log files older than this are deleted."""
    queue_max: int = Field(10_000, ge=1, le=10_000_000)
    """Entries that wait to be written; more are dropped and counted."""


class ReleaseSettings(_Section):
    """Releases on disk and in memory."""

    spare_rows: int = Field(10_000, ge=0, le=1_000_000)
    """Vacant rows of a release, for items that are newer than it."""
    keep: int = Field(5, ge=2, le=1_000)
    """Releases kept on disk when one is published."""
    ann_expansion_search: int = Field(64, ge=1, le=10_000)
    """Nodes that a search of the ANN index visits; larger finds more and costs more."""
    prefault: bool = True
    """Whether a release's pages are read in before it serves."""


class TelemetrySettings(_Section):
    """Traces and metrics."""

    traces_url: str = Field("", pattern=r"^(https?://\S+)?$")
    """Where traces are sent, as OTLP over HTTP: `http://host:4318/v1/traces`. Empty: none are made."""
    service_name: str = Field("shortlist", min_length=1)
    """The name that traces carry."""
    traces_head_ratio: float = Field(0.01, ge=0, le=1)
    """Share of the calls whose trace is kept whatever becomes of them, where the caller has not decided."""
    traces_slow_ms: float = Field(80, ge=0, le=600_000)
    """The trace of every call that takes longer is kept."""
    traces_rate_max: float = Field(50, ge=1, le=100_000)
    """Traces a second that one worker keeps; more are counted and let go."""
    traces_queue_max: int = Field(500, ge=1, le=100_000)
    """Kept traces that wait to be sent in one worker; more are counted and let go."""
    traces_timeout_s: float = Field(5, gt=0, le=60)
    """How long the collector may take for a batch, with all tries."""
    metrics: bool = True
    """Whether the parent answers Prometheus."""
    metrics_host: str = Field("127.0.0.1", min_length=1)
    """Address of the Prometheus endpoint, which has no authentication."""
    metrics_port: int = Field(9464, ge=0, le=65535)
    """Port of the Prometheus endpoint; 0 picks a free one and prints it."""
    metrics_queue_max: int = Field(10_000, ge=1, le=1_000_000)
    """Answers in one worker whose stages wait to be counted; more are counted and let go."""


class ModelServerSettings(_Section):
    """A model server that scores before this process does. What it cannot answer in time is scored here."""

    url: str = Field("", pattern=r"^(triton://[^/:\s]+:\d{1,5})?$")
    """Address of its gRPC port, `triton://host:8001`; empty = scoring in this process."""
    timeout_ms: float = Field(25, gt=0, le=5_000)
    """How long a request waits for its scores at most."""
    reply_reserve_ms: float = Field(3, ge=0, le=1_000)
    """Kept back from the time for scoring, so that there is some for the local model after a failure."""
    batch_wait_ms: float = Field(1, ge=0, le=100)
    """How long a request waits for others to share an inference with, while others are under way."""
    batch_users_max: int = Field(16, ge=1, le=64)
    """Requests of one worker in one inference; at most the model's max_batch_size."""
    requests_max: int = Field(256, ge=1, le=100_000)
    """Requests of one worker that wait for scores; more are scored in this process."""
    message_bytes_max: int = Field(32 << 20, ge=1 << 16, le=1 << 30)
    """Largest message to or from the model server."""
    failures_max: int = Field(5, ge=1, le=10_000)
    """Inferences that fail in a row before it is left alone."""
    open_ms: float = Field(100, gt=0, le=60_000)
    """How long it is left alone before it is asked again; the time doubles while it fails."""
    open_ms_max: float = Field(1_000, gt=0, le=600_000)
    """Longest time that it is left alone."""
    check_interval_ms: float = Field(500, ge=10, le=600_000)
    """How often a worker checks that the release's model is loaded and scores right, and loads it where it is not."""
    load_timeout_s: float = Field(30, gt=0, le=600)
    """How long loading a model may take, its warm-up included."""


class Settings(BaseSettings):
    """All sections. An unknown key is an error that names it."""

    model_config = SettingsConfigDict(
        env_prefix="SHORTLIST_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    data_dir: Path = Path("data")
    """Where everything lives: events, catalogue, releases, store, logs."""
    server: ServerSettings = ServerSettings()
    budget: BudgetSettings = BudgetSettings()
    admission: AdmissionSettings = AdmissionSettings()
    security: SecuritySettings = SecuritySettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    neighbours: NeighbourSettings = NeighbourSettings()
    scenarios: dict[str, ScenarioSettings] = {}
    """Scenarios by name, beside those of the page types; `[scenarios.HOME]` changes the default of HOME."""
    store: StoreSettings = StoreSettings()
    redis: RedisSettings = RedisSettings()
    logs: LogSettings = LogSettings()
    release: ReleaseSettings = ReleaseSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    model_server: ModelServerSettings = ModelServerSettings()

    @model_validator(mode="after")
    def _admin_is_never_open(self) -> Settings:
        host = self.server.admin_host
        if not self.security.tokens_file and not is_loopback(host):
            raise ValueError(
                f"server.admin_host = {host} can be reached from elsewhere, where admin calls need authentication: "
                "set security.tokens_file, or keep the admin port on 127.0.0.1"
            )
        return self

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
        path = os.environ.get(CONFIG_VARIABLE)
        file = (TomlConfigSettingsSource(settings_cls, path),) if path else ()
        return (init_settings, env_settings, *file)
