"""The manifest: what a release is, and the SHA-256 and size of every file that belongs to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from server.errors import ReleaseRefused
from server.releases.format import MANIFEST_NAME

MANIFEST_BYTES_MAX = 4 << 20


@dataclass(frozen=True, slots=True)
class FileEntry:
    """What one file must be. sha256: 64 hex digits; size: bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class TrainingWindow:
    """The events that the release was built from: epoch seconds, start inclusive, end exclusive; 0 = unknown."""

    start_s: int = 0
    end_s: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """One release. overlay_sequence: item changes up to this number are in the release's columns already."""

    format_version: int
    version: str
    parent: str
    created_time_s: int
    code_version: str
    schema_hash: str
    item_count: int
    capacity: int
    image_dims: int
    overlay_sequence: int
    training_window: TrainingWindow
    metrics: Mapping[str, float]
    files: Mapping[str, FileEntry] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Returns the size of all files but the manifest itself."""
        return sum(entry.size for entry in self.files.values())


def manifest_to_bytes(manifest: Manifest) -> bytes:
    """Returns the file's content: JSON with sorted keys and a hash of itself, so that it cannot rot unseen."""
    fields = asdict(manifest)
    return json.dumps({"manifest_sha256": _digest(fields), **fields}, indent=1, sort_keys=True).encode()


def manifest_from_bytes(content: bytes) -> Manifest:
    """Returns the manifest. Raises ReleaseRefused when it is not whole; unknown format versions pass here."""
    try:
        fields = json.loads(content)
        claimed = fields.pop("manifest_sha256")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise _refused("is not a manifest") from None
    if claimed != _digest(fields):
        raise _refused("does not match its own hash")
    try:
        return _build(fields)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _refused("lacks a field or has one too many") from None


def _build(fields: dict[str, object]) -> Manifest:
    files = fields.pop("files")
    window = fields.pop("training_window")
    if not isinstance(files, dict) or not isinstance(window, dict):
        raise TypeError("files and training_window are objects")
    entries = {str(path): FileEntry(**entry) for path, entry in files.items()}
    return Manifest(**fields, training_window=TrainingWindow(**window), files=entries)  # type: ignore[arg-type]


def _digest(fields: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _refused(what: str) -> ReleaseRefused:
    return ReleaseRefused(
        f"{MANIFEST_NAME} {what}", reason="RELEASE_CORRUPT", metadata={"file": MANIFEST_NAME}
    )
