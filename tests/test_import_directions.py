"""Who may import whom, held by a walk over every import of the repository.

The table is the architecture: a package that is not in a row may not be imported from there. The picture is in
docs/architecture.md, and a test keeps the two in step.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

STAGES = ("hydrators", "sources", "filters", "scorers", "rerankers", "side_effects")
STAGE_MAY = "query pipeline stores releases inference features errors ext numpy"

MAY_IMPORT: dict[str, str] = {
    "ext": "numpy",
    "errors": "",
    "front_settings": "pydantic",
    "learn_settings": "front_settings pydantic",
    "settings": "front_settings learn_settings pydantic pydantic_settings",
    "control_block": "",
    "restart_policy": "",
    "supervisor": "control_block restart_policy",
    "housekeeping": "",
    "circuit_breaker": "",
    "release_watcher": "releases",
    "release_switch": "control_block errors handlers.messages",
    "running_server": "errors",
    "storage": "stores releases features housekeeping settings",
    "worker_place": "",
    "degraded_share": "",
    "heartbeat": "control_block",
    "worker": "app heartbeat worker_place control_block supervisor errors settings",
    "features": "errors ext numpy xxhash orjson",
    "pipeline": "errors ext features numpy",
    "stores": "circuit_breaker errors features ext numpy lmdb pyarrow xxhash orjson redis hiredis",
    "releases": "errors features ext numpy xxhash orjson",
    "inference": "circuit_breaker errors features ext numpy grpc google tritonclient",
    "query": "pipeline releases features ext numpy",
    **dict.fromkeys(STAGES, STAGE_MAY),
    "access": "errors",
    "admission": "",
    "engine": f"{' '.join(STAGES)} {STAGE_MAY} handlers.messages",
    "handlers": "engine query pipeline stores releases features errors ext numpy",
    "rpc": "access admission ext handlers pipeline features errors stubs grpc grpc_health grpc_reflection grpc_status google",
    "telemetry": "errors numpy opentelemetry prometheus_client",
    "query_observation": "engine query telemetry",
    "store_observation": "stores features errors telemetry",
    "scorer_observation": "inference errors telemetry numpy",
    "worker_telemetry": "telemetry",
    "app": "*",
    "cli": "app storage running_server front_settings settings supervisor worker worker_place housekeeping control_block telemetry errors features ext engine handlers inference query stores releases offline stubs grpc google "
    "grpc_health numpy typer rich pydantic annotated_types pyarrow",
    "offline": "ext features releases stores errors numpy pyarrow ibis duckdb sqlglot torch scipy sklearn onnx "
    "onnxruntime usearch xxhash orjson rich jinja2 markupsafe",
}
"""Left: a package of server/, or ext or offline. Right: what it may import beside itself and the standard library.
`stubs` is the generated `shortlist.v1`; a dotted name is one module of a package; `*` is everything."""


def python_files() -> list[Path]:
    return sorted(path for root in ("ext", "server", "offline") for path in (REPOSITORY / root).rglob("*.py"))


def package_of(path: Path) -> str:
    """Returns the row of the table that a file belongs to."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return parts[1] if parts[0] == "server" and len(parts) > 1 else parts[0]


def imported_modules(path: Path) -> Iterator[tuple[int, str]]:
    """Yields (line, module) of every import in a file; `from a import b` counts as a.b where that is a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                is_module = (REPOSITORY / inner.replace(".", "/")).with_suffix(".py").exists()
                is_package = (REPOSITORY / inner.replace(".", "/")).is_dir()
                yield node.lineno, inner if is_module or is_package else module


def name_in_table(module: str) -> tuple[str, str]:
    """Returns (package, dotted module of the package) as the table writes them."""
    parts = module.split(".")
    if parts[0] == "server":
        return (parts[1] if len(parts) > 1 else "server", ".".join(parts[1:]))
    if parts[0] == "shortlist":
        return "stubs", "stubs"
    return parts[0], module


def violations(path: Path) -> list[str]:
    package = package_of(path)
    allowed = MAY_IMPORT[package].split()
    found = []
    for line, module in imported_modules(path):
        imported, dotted = name_in_table(module)
        if imported in sys.stdlib_module_names or imported == package or "*" in allowed:
            continue
        if imported not in allowed and dotted not in allowed:
            found.append(f"{path.relative_to(REPOSITORY)}:{line}: {package} must not import {module}")
    return found


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_imports_go_only_where_the_table_allows(path: Path) -> None:
    if package_of(path) in ("__init__", "__main__"):
        pytest.skip("the package's own entry")
    assert violations(path) == []


def test_no_stage_package_may_import_another() -> None:
    for stage in STAGES:
        assert not set(MAY_IMPORT[stage].split()) & set(STAGES)


def test_no_module_unpickles() -> None:
    for path in python_files():
        for line, module in imported_modules(path):
            assert module.split(".")[0] not in {"pickle", "joblib", "dill", "shelve"}, f"{path}:{line}"


def test_only_what_speaks_to_other_processes_knows_grpc() -> None:
    knowing = {
        package_of(path)
        for path in python_files()
        if any(name_in_table(module)[0] in {"grpc", "stubs"} for _, module in imported_modules(path))
    }
    assert knowing <= {"rpc", "cli", "inference"}


def test_only_app_and_cli_read_settings() -> None:
    reading = {
        package_of(path)
        for path in python_files()
        if any(
            module.startswith(("server.settings", "server.front_settings"))
            for _, module in imported_modules(path)
        )
    }
    assert reading <= {"app", "storage", "worker", "cli", "settings", "learn_settings"}


def test_picture_in_the_documentation_is_this_table() -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE))
    assert rows == {package: " ".join(allowed.split()) or "-" for package, allowed in MAY_IMPORT.items()}
