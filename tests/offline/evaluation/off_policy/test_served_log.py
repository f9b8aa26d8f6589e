"""The logs of a running system as choices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offline.evaluation.off_policy.log_files import read_choices
from offline.evaluation.off_policy.served_log import (
    list_policy,
    read_policy,
    read_recommendations,
    served_choices,
)
from server.errors import InvalidRequest
from server.features.event_types import EventType
from server.features.user_event import UserEvent
from server.stores.entry_codec import pack_recommendation
from server.stores.event_log import EventLog
from server.stores.protocols import LoggedRecommendation


def recommendation(
    name: str, items: str, propensities: tuple[float, ...], **other: object
) -> LoggedRecommendation:
    values: dict[str, object] = {
        "session_id": "", "page_type": 1, "scenario": "HOME", "time_us": 0, "served_by": 2, "degraded": False,
        "release_version": "r1", "model_version": "m1", "latency_ms": 1.0,
    }  # fmt: skip
    return LoggedRecommendation(
        recommendation_id=name,
        user_id="u",
        item_ids=tuple(items),
        scores=(0.5,) * len(items),
        source_bits=(1,) * len(items),
        propensities=propensities,
        **(values | other),  # type: ignore[arg-type]
    )


def event(kind: EventType, item: str, recommendation_id: str) -> UserEvent:
    return UserEvent(
        f"{recommendation_id}-{kind}-{item}",
        "u",
        "",
        item,
        kind,
        1_000_000,
        recommendation_id=recommendation_id,
    )


def event_log(folder: Path, *events: UserEvent) -> EventLog:
    log = EventLog(folder / "events")
    log.append_events(events, "test")
    return log


def test_clicks_are_joined_to_what_was_shown(tmp_path: Path) -> None:
    entries = [recommendation("r1", "abc", (0.9, 0.9, 0.05)), recommendation("r2", "cb", (0.05, 0.9))]
    events = event_log(
        tmp_path,
        *(event(EventType.IMPRESSION, item, "r1") for item in "ab"),
        event(EventType.CLICK, "b", "r1"),
        event(EventType.PURCHASE, "c", "r2"),
    )
    log = served_choices(entries, events)
    shown = [log.item_ids[item] for item in log.items]
    assert shown == ["a", "b", "c", "b"], "c of r1 has no impression, r2 has none at all and counts whole"
    assert log.rewards.tolist() == [0, 1, 0, 0]
    assert log.propensities.tolist() == [0.9, 0.9, 0.05, 0.9]
    assert log.groups.tolist() == [0, 0, 1, 1]


def test_only_answers_with_propensities_that_were_not_degraded_count(tmp_path: Path) -> None:
    path = tmp_path / "recommendations-worker-0-1.jsonl"
    entries = [
        recommendation("r1", "a", (0.9,)),
        recommendation("r2", "a", ()),
        recommendation("r3", "a", (0.9,), degraded=True),
    ]
    path.write_bytes(b"".join(pack_recommendation(entry) + b"\n" for entry in entries))
    assert [entry.recommendation_id for entry in read_recommendations([path])] == ["r1"]


def test_a_log_without_propensities_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="exploration_share"):
        served_choices([], EventLog(tmp_path / "events"))


def test_fixed_lists_agree_where_they_show_the_same_item_at_the_same_place(tmp_path: Path) -> None:
    entries = [recommendation("r1", "abc", (0.9, 0.9, 0.9)), recommendation("r2", "ab", (0.9, 0.9))]
    log = served_choices(entries, event_log(tmp_path))
    target = list_policy(log, [["a", "c", "x"], ["b"]])
    assert target.of_logged(log).tolist() == [1, 0, 0, 0, 0]
    values = np.array([[1.0, 1, 1], [2, 2, 2], [3, 3, 3]])
    assert target.expected(log, values).tolist() == [1, 3, 0, 2, 0]


def test_a_policy_file_names_probabilities_by_request_and_place(tmp_path: Path) -> None:
    log = served_choices([recommendation("r1", "ab", (0.9, 0.9))], event_log(tmp_path))
    path = tmp_path / "policy.csv"
    path.write_text("recommendation_id,position,item_id,probability\nr1,0,a,0.25\nr1,1,a,0.5\nr9,0,a,1\n")
    assert read_policy(path, log).of_logged(log).tolist() == [0.25, 0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("item_id,position,click\n1,1,0\n", "propensity: is not among the columns"),
        ("item_id,position,click,propensity\n1,1,0,0.5\n1,1,0,0\n", ":3 propensity: is not above 0"),
        ("item_id,position,click,propensity\n1,1,,0.5\n", ":2 reward: is empty"),
        ("item_id,position,click,propensity\n1,1,yes,0.5\n", "reward: holds what is no number"),
        ("item_id,position,click,propensity\n", "holds no rows"),
    ],
)
def test_a_wrong_log_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=told):
        read_choices(path)
