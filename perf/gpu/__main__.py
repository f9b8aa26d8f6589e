"""`python -m perf.gpu`: the ranker on a GPU, in process and on a Triton; perf/results/gpu.json.

    pip install onnxruntime-gpu           in place of onnxruntime, for the figures in process
    python -m perf.gpu                    in process; on the CPU alone where there is no GPU
    python -m perf.gpu --url triton://host:8001 --version N     a Triton that has version N loaded, such as a container's

A user is 500 candidates. Aim on one data-centre GPU: 10,000 users a second with p99 under 20 ms, scores within 1e-4 of the
CPU's, with TF32 off. Time includes the copies to the device and back.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console

from perf.gpu.in_process import CPU, CUDA, available, run_in_process
from perf.gpu.ranker_inputs import RankerInputs, ranker_inputs
from perf.gpu.rows_model import with_item_table
from perf.gpu.timing import Timing
from perf.gpu.triton_load import triton_load
from perf.machine import machine_facts
from server.releases.mapped_release import MappedRelease
from server.releases.registry import current_version
from tests.support.small_release import build_small_release

RESULTS = Path("perf/results/gpu.json")
AIM = {"users_per_s": 10_000, "p99_ms": 20.0, "score_difference": 1e-4}


def main() -> None:
    """Measures, prints and writes the figures; the exit code is 1 where a GPU's scores are not the CPU's."""
    options = parsed()
    with TemporaryDirectory() as folder:
        release = opened(options, Path(folder))
        inputs = {users: ranker_inputs(release, users, options.candidates) for users in options.batch_sizes}
        figures = measure(options, release, inputs)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    Console().print_json(data=figures)
    if any(row["score_difference"] > AIM["score_difference"] for row in figures["figures"]):  # type: ignore[union-attr,index]
        raise SystemExit("the scores are not the CPU's")


def parsed() -> argparse.Namespace:
    """Returns the command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="a data directory with a release; else one is made up")
    parser.add_argument("--items", type=int, default=20_000, help="of the release that is made up [20000]")
    parser.add_argument("--candidates", type=int, default=500, help="of a user [500]")
    parser.add_argument(
        "--batch-sizes", type=int, nargs="+", default=[1, 8, 16, 32, 64], help="users of an inference"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement [5]")
    parser.add_argument("--concurrency", type=int, default=8, help="inferences under way on a Triton [8]")
    parser.add_argument("--url", default="", help="triton://host:port; empty = in process")
    parser.add_argument(
        "--version", type=int, default=0, help="of two_tower on the Triton; 0 = the release's"
    )
    return parser.parse_args()


def opened(options: argparse.Namespace, folder: Path) -> MappedRelease:
    """Returns the release that is asked for."""
    if options.data_dir is None:
        return MappedRelease.open(build_small_release(folder, items=options.items, categories=50).path)
    releases = options.data_dir / "releases"
    return MappedRelease.open(releases / str(current_version(releases)))


def measure(
    options: argparse.Namespace, release: MappedRelease, inputs: dict[int, RankerInputs]
) -> dict[str, object]:
    """Returns a row for each place, form and batch size, beside the aim and the machine."""
    rows: list[dict[str, object]] = []
    content = (release.path / "models" / "two_tower.onnx").read_bytes()
    if options.url:
        number = options.version or release.repository_version
        for users, made in inputs.items():
            timing = triton_load(options.url, number, made, options.seconds, options.concurrency)
            rows.append(row(options.url, "vectors", users, timing, made.expected))
    else:
        forms = {
            "vectors": content,
            "rows": with_item_table(content, np.asarray(release.arrays.item_vectors)),
        }
        for place in (CPU, CUDA) if available(CUDA) else (CPU,):
            for form, model in forms.items():
                for users, made in inputs.items():
                    timing = run_in_process(model, place, made, options.seconds)
                    rows.append(row(place, form, users, timing, made.expected))
    return {"figures": rows, "aim": AIM, "candidates": options.candidates, "machine": machine_facts()}


def row(place: str, form: str, users: int, timing: Timing, expected: np.ndarray) -> dict[str, object]:
    """Returns one measurement. score_difference: the largest one to the scores of the kernels on the CPU."""
    return {
        "place": place,
        "form": form,
        "users_per_inference": users,
        "users_per_s": round(users * timing.count / timing.seconds),
        "p50_ms": round(float(np.percentile(timing.times_ms, 50)), 3),
        "p99_ms": round(float(np.percentile(timing.times_ms, 99)), 3),
        "score_difference": float(np.abs(timing.scores - expected).max()),
    }


if __name__ == "__main__":
    main()
