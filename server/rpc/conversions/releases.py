"""ReleaseService's messages."""

from __future__ import annotations

from shortlist.v1 import release_service_pb2 as pb

from server.handlers.messages import ReleaseSummary, WorkerStatus
from server.rpc.conversions.times import timestamp_or_none


def release_message(release: ReleaseSummary) -> pb.Release:
    """Returns the release as ListReleases answers it."""
    return pb.Release(
        version=release.version,
        create_time=timestamp_or_none(release.created_time_s),
        parent_version=release.parent,
        item_count=release.item_count,
        size_bytes=release.size_bytes,
        serving=release.serving,
        metrics=release.metrics,
        refused_reason=release.refused_reason,
    )


def worker_message(worker: WorkerStatus) -> pb.WorkerStatus:
    """Returns the worker's state as every call of ReleaseService answers it."""
    return pb.WorkerStatus(
        worker=worker.worker,
        pid=worker.pid,
        release_version=worker.release_version,
        overlay_sequence=worker.overlay_sequence,
        heartbeat_age_ms=worker.heartbeat_age_ms,
    )
