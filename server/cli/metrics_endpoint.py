"""The parent's Prometheus endpoint."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.control_block import ControlBlock
    from server.settings import Settings

_LOG = logging.getLogger(__name__)


@contextmanager
def metrics_endpoint(settings: Settings, control: ControlBlock) -> Iterator[str]:
    """Makes the file that workers count in, and answers Prometheus while the block runs; yields the address.

    A port that is taken ends no server: that is logged, what is yielded is empty, and the server serves.
    """
    from server.running_server import metrics_path
    from server.telemetry.exposition import MetricsEndpoint, WorkersCollector
    from server.telemetry.metric_file import MetricFile

    knobs = settings.telemetry
    file = MetricFile.create(metrics_path(settings.data_dir), control.slots)
    collector = WorkersCollector(file, lambda: [worker.slot for worker in control.workers()])
    if not knobs.metrics:
        yield ""
        return
    try:
        endpoint = MetricsEndpoint(collector, knobs.metrics_host, knobs.metrics_port)
    except OSError as error:
        address = f"{knobs.metrics_host}:{knobs.metrics_port}"
        _LOG.error("no metrics: %s cannot be used: %s", address, error.strerror)
        yield ""
        return
    try:
        yield f"{knobs.metrics_host}:{endpoint.port}"
    finally:
        endpoint.close()
