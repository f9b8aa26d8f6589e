"""Settings of the front: which calls are taken, and from whom. Documented and read as those in settings.py."""

from __future__ import annotations

import ipaddress

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A section of the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def is_loopback(host: str) -> bool:
    """Returns whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class AdmissionSettings(Section):
    """Which calls a worker takes when more come than it can answer. It never takes more than server.concurrent_requests_max."""

    adaptive: bool = True
    """Whether the limit on calls, running and waiting, follows their latency."""
    limit_min: int = Field(8, ge=1, le=10_000)
    """The limit is never lower than this."""
    limit_initial: int = Field(32, ge=1, le=10_000)
    """The limit that a worker starts with, and comes back to when nothing presses on it."""
    latency_low_ms: float = Field(20, gt=0, le=10_000)
    """While calls take less than this on average, waiting included, the limit is not lowered."""
    window_ms: float = Field(100, ge=10, le=60_000)
    """How often the limit is set anew."""
    prefetch_share: float = Field(0.5, ge=0, le=1)
    """Calls with `shortlist-priority: prefetch` are taken while fewer calls than this share of the limit are there."""
    retry_after_ms: int = Field(100, ge=1, le=600_000)
    """How long a refused call is told to wait."""
    prefetch_retry_after_ms: int = Field(1_000, ge=1, le=600_000)
    """How long a refused prefetch call is told to wait."""
    quality: bool = True
    """Whether fewer candidates are looked at while calls are late."""
    quality_latency_ms: float = Field(50, gt=0, le=10_000)
    """The latency, waiting included, that quality_percentile of calls should keep."""
    quality_percentile: float = Field(99, ge=50, le=99.99)
    """A late call cuts as many candidates as percentile / (100 - percentile) calls in time give back."""
    quality_floor: float = Field(0.3, gt=0, le=1)
    """At least this share of the candidates is looked at."""
    quality_degraded_below: float = Field(0.5, ge=0, le=1)
    """Answers made of a smaller share of the candidates than this say OVERLOAD."""


class SecuritySettings(Section):
    """TLS and tokens; off unless files are named. The files are read again when they change."""

    tls_certificate_file: str = ""
    """The server's certificate chain (PEM); with it the public port, and an admin port beyond loopback, speak TLS."""
    tls_key_file: str = ""
    """The certificate's private key (PEM), without a password."""
    tls_client_authority_file: str = ""
    """Certificate authority (PEM) that must have signed a client's certificate; without it clients need none."""
    tokens_file: str = ""
    """Tokens by hash, with roles (TOML, see docs/operations.md); with it every call but health needs one."""

    @model_validator(mode="after")
    def _belongs_together(self) -> SecuritySettings:
        if bool(self.tls_certificate_file) != bool(self.tls_key_file):
            raise ValueError("tls_certificate_file and tls_key_file go together")
        if self.tls_client_authority_file and not self.tls_certificate_file:
            raise ValueError("tls_client_authority_file needs tls_certificate_file")
        return self
