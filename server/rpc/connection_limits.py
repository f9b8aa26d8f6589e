"""What one connection, and all of them, may take of gRPC core."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits that gRPC core holds by itself; the settings of the same names in ``server``.

    metadata_bytes_max: hard limit; from half of it on, core refuses some calls at random.
    """

    connections_max: int = 2_000
    streams_per_connection_max: int = 256
    pending_requests_max: int = 256
    handshake_timeout_ms: int = 5_000
    keepalive_time_s: int = 60
    keepalive_timeout_ms: int = 5_000
    metadata_bytes_max: int = 8_192
    connection_age_max_s: int = 300
    connection_age_grace_s: int = 10
    message_bytes_max: int = 4_194_304

    def channel_options(self) -> tuple[tuple[str, int], ...]:
        """Returns them as gRPC core takes them."""
        return (
            ("grpc.max_allowed_incoming_connections", self.connections_max),
            ("grpc.max_concurrent_streams", self.streams_per_connection_max),
            ("grpc.server.max_pending_requests", self.pending_requests_max),
            ("grpc.server_handshake_timeout_ms", self.handshake_timeout_ms),
            ("grpc.keepalive_time_ms", self.keepalive_time_s * 1_000),
            ("grpc.keepalive_timeout_ms", self.keepalive_timeout_ms),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.max_metadata_size", self.metadata_bytes_max // 2),
            ("grpc.absolute_max_metadata_size", self.metadata_bytes_max),
            ("grpc.max_connection_age_ms", self.connection_age_max_s * 1_000),
            ("grpc.max_connection_age_grace_ms", self.connection_age_grace_s * 1_000),
            ("grpc.max_receive_message_length", self.message_bytes_max),
        )
