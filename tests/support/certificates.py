"""A certificate authority of a test's own, by the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path

    def read(self) -> tuple[bytes, bytes]:
        """Returns (key, certificate), as gRPC takes them."""
        return self.key.read_bytes(), self.certificate.read_bytes()


class Authority:
    """Signs certificates for ``localhost`` and 127.0.0.1."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("the openssl command is not installed")
        self._directory = directory
        self._count = 0
        self.pair = Pair(directory / f"{name}.pem", directory / f"{name}.key")
        _openssl(
            "req", "-x509", *_KEY, "-keyout", self.pair.key, "-out", self.pair.certificate,
            "-days", "2", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
        )  # fmt: skip

    @property
    def root(self) -> bytes:
        """The authority's own certificate."""
        return self.pair.certificate.read_bytes()

    def issue(self, name: str = "localhost", days: int = 2) -> Pair:
        """Returns a new certificate; of negative days one that has expired."""
        self._count += 1
        stem = self._directory / f"{name}-{self._count}"
        pair, request, extension = (
            Pair(stem.with_suffix(".pem"), stem.with_suffix(".key")),
            stem.with_suffix(".csr"),
            stem.with_suffix(".ext"),
        )
        extension.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        _openssl("req", "-new", *_KEY, "-keyout", pair.key, "-out", request, "-subj", f"/CN={name}")
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.pair.certificate, "-CAkey", self.pair.key,
            "-set_serial", str(1_000 + self._count), "-days", str(days), "-extfile", extension, "-out", pair.certificate,
        )  # fmt: skip
        return pair


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
