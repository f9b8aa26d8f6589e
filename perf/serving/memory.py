"""What a server holds in memory: the release, mapped once for all workers, and what each worker has of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perf.serving.processes import Running

KIB_A_MB = 1_000_000 / 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes (10^6 bytes). release: resident pages of the release's files, counted once. store: of the store's files,
    which the system may take back. worker: private pages of the worker that has most, without either."""

    release_mb: float
    store_mb: float
    worker_mb: float


@dataclass(frozen=True, slots=True)
class Mapping:
    """Of /proc/PID/smaps, KiB. path: empty for memory that is no file's."""

    path: str
    rss: int
    private: int


def mappings(lines: Iterator[str] | list[str]) -> Iterator[Mapping]:
    """Yields the mappings that the lines of a smaps file describe."""
    path, sizes = "", dict[str, int]()
    for line in lines:
        words = line.split(maxsplit=5)
        if not words[0].endswith(":"):
            if sizes:
                yield _mapping(path, sizes)
            path, sizes = words[5].strip() if len(words) > 5 else "", {}
        elif words[-1] == "kB":
            sizes[words[0][:-1]] = int(words[1])
    if sizes:
        yield _mapping(path, sizes)


def _mapping(path: str, sizes: dict[str, int]) -> Mapping:
    return Mapping(path, sizes["Rss"], sizes["Private_Clean"] + sizes["Private_Dirty"])


def server_memory(server: Running, data_dir: Path) -> Memory:
    """Returns what the server's processes hold now."""
    releases, store = str((data_dir / "releases").resolve()), str((data_dir / "store").resolve())
    shares = [_of_process(pid, releases, store) for pid in server.pids()]
    return Memory(*(max(share[kind] for share in shares) / KIB_A_MB for kind in range(3)))


def _of_process(pid: int, releases: str, store: str) -> tuple[int, int, int]:
    of_release = of_store = own = 0
    for mapping in mappings(Path(f"/proc/{pid}/smaps").read_text().splitlines()):
        if mapping.path.startswith(releases):
            of_release += mapping.rss
        elif mapping.path.startswith(store):
            of_store += mapping.rss
        else:
            own += mapping.private
    return of_release, of_store, own
