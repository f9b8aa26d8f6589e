"""Every metric there is: its name, what it means, its labels. No label ever holds what a caller sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

BOUNDS_S = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.025, 0.05, 0.075, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
"""Upper bounds of every histogram's buckets, in seconds: those of OpenTelemetry's RPC conventions, and .001 .002 .02 .08."""

KEY_SEPARATOR = "\x1f"


class Kind(Enum):
    """What a family's series hold, and how the workers' are made one."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE_SUM = "gauge, added up"
    GAUGE_MAX = "gauge, the largest"
    AGE = "gauge, the seconds since the oldest of the times that the workers hold"

    @property
    def width(self) -> int:
        """Words that one series takes: of a histogram its buckets, the one above the last bound, and the sum."""
        return len(BOUNDS_S) + 2 if self is Kind.HISTOGRAM else 1


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. name: without the suffixes that Prometheus' text adds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    def key(self, values: tuple[str, ...]) -> str:
        """Returns the key of the series with these label values, in the order of the labels."""
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {len(values)}")
        return KEY_SEPARATOR.join((self.name, *values))


CALLS = Family(
    "rpc_server_call_duration_seconds",
    Kind.HISTOGRAM,
    "Calls by method and status, and how long they took.",
    ("rpc_method", "rpc_status_code"),
)
ANSWERS = Family(
    "shortlist_answers", Kind.COUNTER, "Lists made, by what ordered them.", ("served_by", "degraded")
)
DEGRADED = Family("shortlist_degraded_answers", Kind.COUNTER, "Degraded lists, by reason.", ("reason",))
SHORT = Family(
    "shortlist_short_answers",
    Kind.COUNTER,
    "Lists with fewer items than were asked for, empty ones apart.",
    ("items",),
)
STAGES = Family(
    "shortlist_stage_duration_seconds", Kind.HISTOGRAM, "How long each stage took.", ("stage", "kind")
)
STAGE_FAILURES = Family(
    "shortlist_stage_failures", Kind.COUNTER, "Stages that raised or were left out as late.", ("stage", "why")
)
GROUPS = Family(
    "shortlist_stage_group_duration_seconds",
    Kind.HISTOGRAM,
    "From the start of a group's first stage to the end of its last.",
    ("group",),
)
OVER_BUDGET = Family(
    "shortlist_stage_group_over_budget",
    Kind.COUNTER,
    "Groups that took longer than their budget.",
    ("group",),
)
BUDGETS = Family(
    "shortlist_stage_group_budget_seconds", Kind.GAUGE_MAX, "The time that a group of stages has.", ("group",)
)
CANDIDATES = Family(
    "shortlist_candidates", Kind.COUNTER, "Candidates that each source proposed.", ("source",)
)
FILTERED = Family(
    "shortlist_filtered_candidates",
    Kind.COUNTER,
    "Candidates that each filter kept and removed.",
    ("filter", "outcome"),
)
BREAKERS = Family(
    "shortlist_breaker_state",
    Kind.GAUGE_MAX,
    "Circuit breakers: 0 closed, 1 half open, 2 open; of several workers the worst.",
    ("dependency",),
)
QUEUES = Family("shortlist_queue_depth", Kind.GAUGE_SUM, "What waits, or runs, now.", ("queue",))
RELEASE_AGE = Family(
    "shortlist_release_age_seconds", Kind.AGE, "Time since the release that is served was made."
)
FEATURES_AGE = Family(
    "shortlist_features_age_seconds", Kind.AGE, "Time since the end of the events that the release knows."
)
REMEMBERED = Family(
    "shortlist_remembered_users",
    Kind.COUNTER,
    "Requests of users whose features and lists were at hand, and of those for whom they were computed.",
    ("outcome",),
)
TRACES = Family("shortlist_traces_kept", Kind.COUNTER, "Traces kept, by reason.", ("reason",))
DROPPED = Family(
    "shortlist_telemetry_dropped", Kind.COUNTER, "Traces, log lines and counts that were let go.", ("what",)
)

FAMILIES = {
    family.name: family
    for family in (
        CALLS,
        ANSWERS,
        DEGRADED,
        SHORT,
        STAGES,
        STAGE_FAILURES,
        GROUPS,
        OVER_BUDGET,
        BUDGETS,
        CANDIDATES,
        FILTERED,
        BREAKERS,
        QUEUES,
        RELEASE_AGE,
        FEATURES_AGE,
        REMEMBERED,
        TRACES,
        DROPPED,
    )
}
