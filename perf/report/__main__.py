"""`python -m perf.report`: perf/results/report.html, one file without references, from the results beside it."""

from __future__ import annotations

import argparse
import json
from html import escape
from pathlib import Path
from typing import Any

from perf.report.plots import Axis, bar_plot, line_plot

RESULTS = Path("perf/results")
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:760px;margin:2em auto;padding:0 1em;color:#222}"
    "svg{width:100%;font-size:12px}.grid{stroke:#ddd}table{border-collapse:collapse}"
    "td,th{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:left}td+td{text-align:right}"
)
FIGURES = (
    "items", "candidates", "echo_rps", "recommend_rps", "ratio", "ratio_no_cache", "echo_cpu_us", "recommend_cpu_us",
    "no_cache_cpu_us", "p50_ms", "p99_ms", "p999_ms", "p99_at_capacity_ms", "rss_release_mb", "rss_worker_mb", "start_s",
    "expected_hit_rate", "degraded_share", "errors",
)  # fmt: skip


def main() -> None:
    """Reads what there is and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    folder: Path = parser.parse_args().results
    page = folder / "report.html"
    page.write_text(
        report(_read(folder / "summary.json"), _read(folder / "scale.json"), _read(folder / "kernels.json"))
    )
    print(f"written to {page}")


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def report(summary: dict[str, Any], scale: dict[str, Any], kernels: dict[str, Any]) -> str:
    """Returns the page; a part whose measurement was not made is left out."""
    parts = ["<h1>Shortlist, measured</h1>"]
    if summary:
        parts += [_machine(summary["machine"]), _table(summary), *_latency(summary), *_costs(summary)]
    if scale.get("sizes"):
        parts += _scale(scale)
    if kernels:
        parts += _kernels(kernels)
    body = "\n".join(parts)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Shortlist, measured</title>'
        f"<style>{STYLE}</style><body>{body}</body></html>\n"
    )


def _machine(facts: dict[str, Any]) -> str:
    words = (
        f"{facts['processor']}, {facts['cores']} cores, Python {facts['python']}, commit {facts['commit']}"
    )
    return f"<p>{escape(words)}. The method is in perf/README.md.</p>"


def _table(summary: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{name}</td><td>{summary[name]:,.5g}</td></tr>" for name in FIGURES if name in summary
    )
    return f"<table>{rows}</table>"


def _latency(summary: dict[str, Any]) -> list[str]:
    steps = summary["rate_steps"]
    names = {"p50": "p50_ms", "p99": "p99_ms", "p99.9": "p999_ms"}
    lines = {name: [(step["answered_rps"], step[key]) for step in steps] for name, key in names.items()}
    plot = line_plot(
        lines, Axis("answered requests a second, one core"), Axis("ms, from the planned send", log=True)
    )
    return ["<h2>Throughput against latency</h2>", plot]


def _costs(summary: dict[str, Any]) -> list[str]:
    times = {
        "echo": summary["echo_cpu_us"],
        "Recommend": summary["recommend_cpu_us"],
        "Recommend, caches off": summary["no_cache_cpu_us"],
    }
    memory = {"release, once": summary["rss_release_mb"], "worker's own": summary["rss_worker_mb"]}
    return [
        "<h2>Processor time of a request</h2>",
        bar_plot(times, "us"),
        "<h2>Memory</h2>",
        bar_plot(memory, "MB"),
    ]


def _scale(scale: dict[str, Any]) -> list[str]:
    points = [(size["items"], size["cpu_us"]) for size in scale["sizes"]]
    plot = line_plot({"Recommend": points}, Axis("items", log=True), Axis("us of processor time a request"))
    memory = {f"{size['items']:,} items": size["rss_release_mb"] for size in scale["sizes"]}
    return ["<h2>Cost by size</h2>", plot, "<h2>Release in memory by size</h2>", bar_plot(memory, "MB")]


def _kernels(kernels: dict[str, Any]) -> list[str]:
    times = {f"{row['kernel']}, {row['size']}": float(row["kernel_us"]) for row in kernels["kernels"]}
    return ["<h2>Kernels, warm</h2>", bar_plot(times, "us")]


if __name__ == "__main__":
    main()
