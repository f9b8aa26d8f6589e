"""What the settings come to for the parts of a worker: the values that app hands to their constructors."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from server.access.tls_files import TlsContent, TlsPaths, read_tls
from server.access.tokens import TokenTable, read_tokens
from server.access.watched_files import WatchedFiles
from server.admission.admission import AdmissionValues
from server.admission.gradient_limit import GradientValues
from server.admission.quality_factor import QualityValues
from server.engine import EngineValues, RetrievalValues
from server.features.event_types import PageType
from server.front_settings import is_loopback
from server.pipeline.budget import BudgetValues
from server.query import ScenarioValues
from server.rpc.connection_limits import ConnectionLimits
from server.rpc.server_builder import ServerOptions
from server.running_server import metrics_path
from server.settings import ScenarioSettings, Settings
from server.telemetry.keeping import KeepValues
from server.telemetry.trace_exporter import ExportValues
from server.worker_place import WorkerPlace
from server.worker_telemetry import MetricValues, TraceValues

_ADMIN_THREADS = 2
# Threads that compute take the interpreter's lock from the one that receives calls, half a millisecond at a time each: with
# eight of them it comes to receive some hundred calls a second, and everything waits in gRPC core.
_COMPUTING_THREADS = 2
_ADMIN_DEADLINE_MS = 60_000.0
# What the limit holds is a mean, and grows it by some calls beyond: at three quarters of the time that there is for an answer
# the slowest in a hundred still have theirs.
_MEAN_SHARE = 0.75


def trace_values(settings: Settings) -> TraceValues:
    """Returns where traces go and which are kept."""
    knobs = settings.telemetry
    return TraceValues(
        url=knobs.traces_url,
        service_name=knobs.service_name,
        timeout_s=knobs.traces_timeout_s,
        keep=KeepValues(knobs.traces_head_ratio, knobs.traces_slow_ms, knobs.traces_rate_max),
        export=ExportValues(queue_max=knobs.traces_queue_max),
    )


def metric_values(settings: Settings, place: WorkerPlace) -> MetricValues:
    """Returns where a worker counts, and the budgets of the groups of stages."""
    budget = settings.budget
    groups = {
        "shortlist.features": budget.user_record_ms,
        "shortlist.retrieve": budget.retrieval_ms,
        "shortlist.rank": budget.scoring_ms,
        "shortlist.postrank": budget.rerank_ms,
    }
    return MetricValues(
        path=metrics_path(settings.data_dir),
        slot=place.slot,
        budgets_s={group: time_ms / 1e3 for group, time_ms in groups.items()},
        queue_max=settings.telemetry.metrics_queue_max,
    )


def server_options(settings: Settings, port: int) -> ServerOptions:
    """Returns what the public port is built with."""
    knobs = settings.server
    return ServerOptions(
        host=knobs.host,
        port=port,
        reuse_port=True,
        threads=knobs.threads_per_worker,
        read_threads=_read_threads(settings),
        admission=admission_values(settings),
        retry_after_ms=(settings.admission.retry_after_ms, settings.admission.prefetch_retry_after_ms),
        read_message_bytes_max=knobs.read_message_bytes_max,
        connections=_connection_limits(settings),
        stuck_threads_timeout_ms=knobs.stuck_threads_timeout_ms,
        future_event_tolerance_s=knobs.future_event_tolerance_s,
        deadline_ms=settings.budget.deadline_ms,
        reflection=knobs.reflection,
        tokens=_tokens(settings),
        tls=_tls(settings),
    )


def _read_threads(settings: Settings) -> int:
    """Returns how many threads answer reads: few where they only compute, as many as others where they wait."""
    knobs = settings.server
    waits = bool(settings.model_server.url) or not settings.store.url.startswith("lmdb:")
    return knobs.read_threads_per_worker or (knobs.threads_per_worker if waits else _COMPUTING_THREADS)


def _connection_limits(settings: Settings) -> ConnectionLimits:
    names = [field.name for field in fields(ConnectionLimits)]
    return ConnectionLimits(**{name: getattr(settings.server, name) for name in names})


def _tokens(settings: Settings) -> WatchedFiles[TokenTable] | None:
    path = Path(settings.security.tokens_file)
    return WatchedFiles([path], lambda: read_tokens(path)) if settings.security.tokens_file else None


def _tls(settings: Settings) -> WatchedFiles[TlsContent] | None:
    knobs = settings.security
    if not knobs.tls_certificate_file:
        return None
    authority = Path(knobs.tls_client_authority_file) if knobs.tls_client_authority_file else None
    paths = TlsPaths(Path(knobs.tls_certificate_file), Path(knobs.tls_key_file), authority)
    return WatchedFiles(paths.all, lambda: read_tls(paths))


def admission_values(settings: Settings) -> AdmissionValues:
    """Returns the knobs of admission and of the quality factor."""
    knobs, most = settings.admission, settings.server.concurrent_requests_max
    return AdmissionValues(
        gradient=GradientValues(
            limit_min=min(knobs.limit_min, most),
            limit_initial=min(max(knobs.limit_initial, knobs.limit_min), most),
            limit_max=most,
            latency_low_ms=knobs.latency_low_ms,
            latency_high_ms=_MEAN_SHARE * (settings.budget.deadline_ms - settings.budget.reserve_ms),
        ),
        quality=QualityValues(
            enabled=knobs.quality,
            target_ms=knobs.quality_latency_ms,
            percentile=knobs.quality_percentile,
            floor=knobs.quality_floor,
        ),
        adaptive=knobs.adaptive,
        prefetch_share=knobs.prefetch_share,
        window_ms=knobs.window_ms,
    )


def admin_options(settings: Settings, port: int) -> ServerOptions:
    """Returns what the admin port is built with."""
    # Reusable as well: worker 0's successor listens before worker 0 has drained.
    return ServerOptions(
        host=settings.server.admin_host,
        port=port,
        reuse_port=True,
        threads=_ADMIN_THREADS,
        admission=AdmissionValues(adaptive=False),
        deadline_ms=_ADMIN_DEADLINE_MS,
        reflection=settings.server.reflection,
        tokens=_tokens(settings),
        tls=None if is_loopback(settings.server.admin_host) else _tls(settings),
    )


def engine_values(settings: Settings) -> EngineValues:
    """Returns the engine's knobs. A scenario named after a page type is used on that page unless it says otherwise."""
    return EngineValues(
        budget=BudgetValues(**settings.budget.model_dump()),
        retrieval=RetrievalValues(**settings.retrieval.model_dump()),
        quality_degraded_below=settings.admission.quality_degraded_below,
        scenarios={name: _scenario_values(name, values) for name, values in settings.scenarios.items()},
    )


def _scenario_values(name: str, settings: ScenarioSettings) -> ScenarioValues:
    values = settings.model_dump()
    if name in PageType.__members__ and "page_type" not in settings.model_fields_set:
        values["page_type"] = name
    return ScenarioValues(**values)
