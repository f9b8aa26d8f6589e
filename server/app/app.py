"""The composition root: every part of a worker, built bottom up from the settings; start, drain, stop.

store -> releases -> engine -> handlers -> gRPC. Parts get values and callables, never Settings.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.admission.admission import Admission
from server.app.values import (
    admin_options,
    admission_values,
    engine_values,
    metric_values,
    server_options,
    trace_values,
)
from server.circuit_breaker import BreakerValues
from server.control_block import ControlBlock
from server.degraded_share import DegradedShare
from server.engine import Engine, EngineParts
from server.errors import ReleaseRefused, StoreUnavailable
from server.handlers.catalog import CatalogHandler
from server.handlers.events import EventsHandler
from server.handlers.profiles import ProfileHandler
from server.handlers.recommend import RecommendHandler
from server.handlers.releases import ReleaseHandler
from server.pipeline.side_effect_runner import SideEffect, SideEffectRunner
from server.query_observation import observe_query
from server.release_switch import ReleaseSwitch
from server.release_watcher import ReleaseWatcher
from server.releases.model_repository import REPOSITORY_DIR
from server.releases.release_holder import ReleaseHolder
from server.rpc.rpc_server import RpcServer
from server.rpc.server_builder import (
    RECOMMENDATION_SERVICE,
    PublicUseCases,
    build_admin_server,
    build_server,
)
from server.scorer_observation import ObservedScorer
from server.settings import Settings
from server.side_effects.recommendation_file_effect import RecommendationFileEffect
from server.side_effects.recommendation_store_effect import RecommendationStoreEffect
from server.storage import open_store
from server.store_observation import ObservedUsers
from server.stores.protocols import LoggedRecommendation
from server.stores.store import Store
from server.telemetry.logs import lines_suppressed
from server.worker_place import WorkerPlace
from server.worker_telemetry import WorkerTelemetry

if TYPE_CHECKING:
    from server.inference.open_model_server import ModelServer

log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 5.0


@dataclass(slots=True)
class App:
    """One worker's parts. start() takes calls, drain_and_stop() ends them; neither is called twice."""

    settings: Settings
    store: Store
    watcher: ReleaseWatcher
    effects: SideEffectRunner[LoggedRecommendation]
    servers: list[RpcServer]
    telemetry: WorkerTelemetry
    model_server: ModelServer | None = None

    @classmethod
    def build(cls, settings: Settings, place: WorkerPlace, control: ControlBlock) -> App:
        """Opens the store and the current release, and binds the ports.

        Raises ReleaseRefused when the current release does not verify and StoreUnavailable when the store cannot
        be opened.
        """
        store = open_store(settings, for_requests=True)
        model_server = _open_model_server(settings)
        holder = _open_releases(settings, store, control, model_server)
        _follow_overlay(store, holder, control)
        watcher = ReleaseWatcher(
            holder,
            settings.data_dir / "releases",
            read_generation=control.release_generation,
            report=lambda generation, version, sequence: control.set_applied(
                place.slot, generation, version, sequence
            ),
        )
        watcher.look()
        effects = _side_effects(settings, place, store)
        telemetry = WorkerTelemetry(trace_values(settings), metric_values(settings, place))
        admission = Admission(admission_values(settings))
        servers: list[RpcServer] = []
        degraded = DegradedShare(lambda now: servers[0].set_degraded(RECOMMENDATION_SERVICE, now))
        parts = EngineParts(
            users=store.users if store.in_process else ObservedUsers(store.users),
            users_in_process=store.in_process,
            quality=lambda: admission.quality.factor,
            observers=(observe_query, lambda query, items: degraded.observe(bool(query.degraded))),
            model_server=None if model_server is None else ObservedScorer(model_server.scorer),
        )
        engine = Engine(engine_values(settings), parts)
        public = _public_use_cases(engine, store, holder, control, effects)
        options = server_options(settings, place.port)
        servers.append(build_server(public, options, admission, telemetry.requests))
        if place.seat == 0:
            releases = ReleaseHandler(
                settings.data_dir / "releases",
                switch=ReleaseSwitch(control).announce_and_wait,
                statuses=ReleaseSwitch(control).statuses,
            )
            options = admin_options(settings, place.admin_port)
            servers.append(build_admin_server(releases, options, telemetry.requests))
        _poll(telemetry, holder, effects, servers[0])
        telemetry.poll_remembered(lambda: engine.remembered.hits, lambda: engine.remembered.misses)
        if not store.in_process:
            telemetry.poll_breaker("store", store.worst_breaker)
        if model_server is not None:
            breaker = model_server.breaker
            telemetry.poll_breaker("model_server", lambda: breaker.state)
        return cls(settings, store, watcher, effects, servers, telemetry, model_server)

    def start(self) -> None:
        """Takes calls from now on."""
        self.effects.start()
        self.telemetry.start()
        self.watcher.start()
        if self.model_server is not None:
            holder = self.watcher.holder
            self.model_server.keeper.start(lambda: (holder.release, holder.previous))
        for server in self.servers:
            server.start()
            server.open()

    def threads_stuck(self, busy: bool) -> bool:
        """Returns whether no thread of the public port gets on with its call. busy: the process is computing."""
        return self.servers[0].threads_stuck(busy)

    def drain_and_stop(self) -> None:
        """Says NOT_SERVING, waits for the notice to be seen, lets calls finish, and closes every part."""
        knobs = self.settings.server
        for server in self.servers:
            server.announce_drain()
        time.sleep(knobs.drain_notice_s)
        for server in self.servers:
            if not server.drain(knobs.drain_grace_s):
                log.warning("calls were cut off after %.1f s", knobs.drain_grace_s)
        self.telemetry.stop()
        self.watcher.stop(_STOP_TIMEOUT_S)
        if self.model_server is not None:
            self.model_server.keeper.stop(_STOP_TIMEOUT_S)
            self.model_server.close()
        if self.effects.stop(_STOP_TIMEOUT_S):
            self.store.close()


def _open_releases(
    settings: Settings, store: Store, control: ControlBlock, model_server: ModelServer | None
) -> ReleaseHolder:
    """Returns a holder that serves the current release, or else the one before; raises ReleaseRefused with the reason
    the current one is refused for when it serves neither."""
    holder = ReleaseHolder(
        settings.data_dir / "releases",
        store.overlay,
        read_sequence=control.overlay_sequence,
        ann_expansion_search=settings.release.ann_expansion_search,
        prefault_pages=settings.release.prefault,
        prepare=None if model_server is None else model_server.keeper.prepare,
    )
    if not holder.refresh() and holder.release is None:
        refused = holder.refused
        if refused is None:
            raise ReleaseRefused("no release is active", reason="NO_RELEASE")
        raise ReleaseRefused(f"release {refused.version}: {refused.message}", reason=refused.reason)
    return holder


def _follow_overlay(store: Store, holder: ReleaseHolder, control: ControlBlock) -> None:
    """Brings store and control block to the same number of item changes, and keeps watching the store's."""

    def tell(sequence: int) -> None:
        if sequence > control.overlay_sequence():
            control.raise_overlay_sequence(sequence)
            # The request that brought the number along is answered with the changes already.
            holder.current()

    try:
        # A store that was lost must not number its changes below those that the release holds already.
        store.overlay.raise_sequence(holder.current().manifest.overlay_sequence)
        control.raise_overlay_sequence(store.overlay.last_sequence())
    except StoreUnavailable as error:
        if store.in_process:
            raise
        log.warning(
            "the store does not answer (%s); serving without user records until it does", error.message
        )
    store.watch_overlay(tell)


def _open_model_server(settings: Settings) -> ModelServer | None:
    """Returns the model server that the settings name. Its client is imported only then: it costs half a second."""
    knobs = settings.model_server
    if not knobs.url:
        return None
    from server.inference.micro_batcher import BatchLimits
    from server.inference.open_model_server import open_triton
    from server.inference.triton_scorer import TritonLimits

    return open_triton(
        knobs.url,
        settings.data_dir / REPOSITORY_DIR,
        TritonLimits(
            timeout_s=knobs.timeout_ms / 1e3,
            reply_reserve_s=knobs.reply_reserve_ms / 1e3,
            message_bytes_max=knobs.message_bytes_max,
            batch=BatchLimits(knobs.batch_wait_ms / 1e3, knobs.batch_users_max, knobs.requests_max),
        ),
        BreakerValues(knobs.failures_max, knobs.open_ms, knobs.open_ms_max),
        check_interval_s=knobs.check_interval_ms / 1e3,
        load_timeout_s=knobs.load_timeout_s,
    )


def _side_effects(
    settings: Settings, place: WorkerPlace, store: Store
) -> SideEffectRunner[LoggedRecommendation]:
    effects: list[SideEffect[LoggedRecommendation]] = [RecommendationStoreEffect(store.recommendations)]
    if settings.logs.recommendation_log:
        effects.append(
            RecommendationFileEffect(
                settings.data_dir / "logs",
                f"worker-{place.slot}",
                file_bytes_max=settings.logs.file_bytes_max,
                retention_days=settings.logs.retention_days,
            )
        )
    return SideEffectRunner(effects, queue_max=settings.logs.queue_max)


def _public_use_cases(
    engine: Engine,
    store: Store,
    holder: ReleaseHolder,
    control: ControlBlock,
    effects: SideEffectRunner[LoggedRecommendation],
) -> PublicUseCases:
    return PublicUseCases(
        recommend=RecommendHandler(engine, holder, effects.submit),
        events=EventsHandler(store.events, store.recommendations),
        catalog=CatalogHandler(store.overlay, holder, announce=control.raise_overlay_sequence),
        profiles=ProfileHandler(store.users, store.events),
    )


def _poll(
    telemetry: WorkerTelemetry,
    holder: ReleaseHolder,
    effects: SideEffectRunner[LoggedRecommendation],
    server: RpcServer,
) -> None:
    """Names to telemetry what it is to look at now and then."""

    def made_s() -> float:
        return 0.0 if holder.release is None else holder.release.manifest.created_time_s

    def events_until_s() -> float:
        return 0.0 if holder.release is None else holder.release.manifest.training_window.end_s

    telemetry.poll_release(made_s, events_until_s)
    telemetry.poll_queue("calls", lambda: server.pending_calls)
    telemetry.poll_queue("recommendation_log", lambda: effects.waiting)
    telemetry.poll_dropped("log_lines", lines_suppressed)
    telemetry.poll_dropped("recommendation_log", lambda: effects.dropped + effects.failed)
