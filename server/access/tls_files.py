"""The certificate, its key and the clients' authority, checked before they are used."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from server.errors import Refused


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """PEM files. client_authority: None = clients need no certificate."""

    certificate: Path
    key: Path
    client_authority: Path | None = None

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file."""
        extra = () if self.client_authority is None else (self.client_authority,)
        return (self.certificate, self.key, *extra)


@dataclass(frozen=True, slots=True)
class TlsContent:
    """What the files hold."""

    certificate: bytes
    key: bytes
    client_authority: bytes | None


def read_tls(paths: TlsPaths) -> TlsContent:
    """Returns the files' content. Raises Refused where they are no certificate, or the key is another's."""
    content = _read(paths)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(paths.certificate, paths.key, password=_no_password)
        if paths.client_authority is not None:
            context.load_verify_locations(paths.client_authority)
    except ssl.SSLError as error:
        raise Refused(
            f"{paths.certificate} with {paths.key}: {error.reason or error}", reason="TLS_FILES"
        ) from None
    if content != _read(paths):
        raise Refused(f"{paths.certificate} changed while it was read", reason="TLS_FILES")
    return content


def _read(paths: TlsPaths) -> TlsContent:
    authority = paths.client_authority
    return TlsContent(
        paths.certificate.read_bytes(),
        paths.key.read_bytes(),
        authority.read_bytes() if authority is not None else None,
    )


def _no_password() -> str:
    """Keeps OpenSSL from asking a terminal for the password of an encrypted key."""
    return ""
