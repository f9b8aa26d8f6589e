"""What turns measurements into figures: memory, hit rates, verdicts, queues, plans, plots."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from perf.capacity.plan import Costs, plan
from perf.capacity.queue import services, simulate, sojourns
from perf.compare import SAME, SLOWER, UNKNOWN, costs_in_file, verdict
from perf.report.__main__ import report
from perf.report.plots import Axis, bar_plot, line_plot
from perf.serving.hit_rate import expected_hit_rate
from perf.serving.memory import Mapping, mappings

SMAPS = """\
7f0000000000-7f0000400000 r--s 00000000 08:01 123  /data/releases/r1/item columns.npy
Size:               4096 kB
Rss:                4000 kB
Private_Clean:      4000 kB
Private_Dirty:         0 kB
VmFlags: rd mr
7f1000000000-7f1000010000 rw-p 00000000 00:00 0
Rss:                  60 kB
Private_Clean:         4 kB
Private_Dirty:        56 kB
"""


def test_mappings_are_read_with_their_files_and_private_pages():
    assert list(mappings(SMAPS.splitlines())) == [
        Mapping("/data/releases/r1/item columns.npy", 4000, 4000),
        Mapping("", 60, 60),
    ]


def test_the_hit_rate_is_that_of_a_servers_memory():
    assert expected_hit_rate("abab", 2, 0) == 0.5
    assert expected_hit_rate("abcdefabcdef", 2, 0) == 0
    assert expected_hit_rate("abaccadaea", 2, 4) == pytest.approx(2 / 3)
    assert expected_hit_rate("aaaa", 0, 0) == 0


def test_a_slower_checkout_is_told_from_an_equal_and_from_a_noisy_one():
    rng = np.random.default_rng(3)
    base = rng.normal(100, 1, 9)
    assert verdict(base, rng.normal(110, 1, 9), 0.03).status == SLOWER
    assert verdict(base, rng.normal(100, 1, 9), 0.03).status == SAME
    assert verdict(base, rng.normal(100, 30, 9), 0.03).status == UNKNOWN
    found = verdict(base, base * 1.2, 0.03)
    assert found.low <= found.ratio <= found.high
    assert found.ratio == pytest.approx(1.2)


def test_too_few_rounds_decide_nothing():
    assert verdict([100, 100, 100], [200, 200, 200], 0.03).status == UNKNOWN


def test_costs_of_a_file_are_multiples_of_the_echo(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps({"rounds": [{"echo": {"cpu_us": 100}, "recommend": {"cpu_us": 250}}]}))
    assert costs_in_file(path) == [2.5]


def test_a_queue_follows_from_arrivals_and_services():
    arrivals, times = np.array([0.0, 1.0, 10.0]), np.array([3.0, 4.0, 1.0])
    assert sojourns(arrivals, times, 1).tolist() == [3, 6, 1]
    assert sojourns(arrivals, times, 2).tolist() == [3, 4, 1]


@pytest.mark.parametrize("variation", [0.5, 1.0])
def test_the_simulated_mean_is_that_of_pollaczek_and_khinchine(variation):
    busy, mean_us = 0.6, 1_000.0
    waited = simulate(busy * 1e6 / mean_us, services(mean_us, variation))
    expected_ms = mean_us / 1e3 * (1 + busy * (1 + variation**2) / (2 * (1 - busy)))
    assert waited.mean_ms == pytest.approx(expected_ms, rel=0.05)


def test_calls_that_come_evenly_wait_less_than_those_by_chance():
    times = services(1_000.0, 0.5)
    assert simulate(800, times, evenly=True).p99_ms < simulate(800, times).p99_ms


def test_a_plan_grows_with_the_load_and_keeps_a_spare_machine():
    costs = Costs(cpu_us=600)
    small, large = plan(10_000, 100_000_000, costs), plan(100_000, 100_000_000, costs)
    assert (small.cores, large.cores) == (10, 100)
    assert large.machines * costs.cores_a_machine >= large.cores + costs.cores_a_machine
    assert small.redis_gb == large.redis_gb == 500
    assert plan(10_000, 1, replace(costs, cpu_us=1200)).cores == 20


def test_plots_are_well_formed_and_show_every_point():
    lines = line_plot({"a<b": [(1, 2), (10, 300)]}, Axis("x", log=True), Axis("y", log=True))
    assert len([part for part in ElementTree.fromstring(lines).iter() if part.tag == "circle"]) == 2
    bars = ElementTree.fromstring(bar_plot({"one": 1, "two": 2}, "MB"))
    widths = [float(bar.attrib["width"]) for bar in bars.iter("rect")]
    assert widths[1] == pytest.approx(2 * widths[0])


def test_a_report_leaves_out_what_was_not_measured():
    page = report({}, {"sizes": [{"items": 1000, "cpu_us": 5.0, "rss_release_mb": 2.0}]}, {})
    assert "Cost by size" in page
    assert "Kernels" not in page
    assert "http" not in page
