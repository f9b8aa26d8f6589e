"""gRPC's side of TLS: each new connection gets the certificate as it is then."""

from __future__ import annotations

import grpc

from server.access.tls_files import TlsContent
from server.access.watched_files import WatchedFiles


def server_credentials(files: WatchedFiles[TlsContent]) -> grpc.ServerCredentials:
    """Returns credentials that follow the files; with a clients' authority, clients must have its certificate."""
    used = files.current()

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        """Returns the new configuration, None where it is still the one before. Called by one thread at a time."""
        nonlocal used
        content = files.current()
        if content is used:
            return None
        used = content
        return _configuration(content)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(used),
        fetch,  # type: ignore[arg-type]  # None is documented as "unchanged"
        require_client_authentication=used.client_authority is not None,
    )


def _configuration(content: TlsContent) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(content.key, content.certificate)], root_certificates=content.client_authority
    )
