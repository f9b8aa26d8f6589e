"""The command on a small release whose model knows categories, without the training."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from offline.evaluation.event_files import read_events
from offline.evaluation.protocol import make_split
from server.app.values import engine_values
from server.cli import tune_command
from server.cli.evaluation import built_release
from server.cli.tuning.judging import halves, judge
from server.cli.tuning.knobs import Knobs
from server.cli.tuning.own_events import cut_by_time, logged_events
from server.errors import Refused
from server.features.event_types import EventType
from server.features.user_event import UserEvent
from server.releases.mapped_release import MappedRelease
from server.settings import Settings
from server.stores.event_log import EventLog
from tests.support.recommending import NOW_S
from tests.support.small_release import SmallRelease, build_small_release

DAY_S = 86_400
USERS = 100


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallRelease:
    return build_small_release(tmp_path_factory.mktemp("release"))


@pytest.fixture
def app(small: SmallRelease, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """The command; what would be trained is the small release."""

    def release_from_train(
        data_dir: Path, events: pa.Table, items: pa.Table | None, *, seed: int
    ) -> MappedRelease:
        assert max(events.column("event_time_s").to_pylist()) < NOW_S
        return MappedRelease.open(small.path, prefault_pages=False)

    monkeypatch.setattr(built_release, "release_from_train", release_from_train)
    made = typer.Typer()
    tune_command.register(made)
    return made


def write_events(path: Path, small: SmallRelease) -> None:
    """Users who buy four items of a category, and then six more of it."""
    rng = np.random.default_rng(0)
    rows = [(f"all-{n}", item, NOW_S - 900) for n in range(4) for item in small.item_ids]
    for user in range(USERS):
        own = [item for item in small.item_ids if int(item[-4:]) % 5 == user % 5]
        bought = rng.permutation(own)[:10].tolist()
        rows += [(f"user-{user}", item, NOW_S - 500) for item in bought[:4]]
        rows += [(f"user-{user}", item, NOW_S) for item in bought[4:]]
    lines = ["user_id,item_id,event_time", *(f"{u},{i},{t}" for u, i, t in rows)]
    path.write_text("\n".join(lines))


def run(app: typer.Typer, tmp_path: Path, *arguments: str, trials: str = "3") -> str:
    out = tmp_path / "tuned.toml"
    options = ["--events", str(tmp_path / "events.csv"), "--out", str(out), "--validation-share", "0.3"]
    result = CliRunner().invoke(app, [*options, "--trials", trials, "--k", "10", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_what_it_writes_is_settings_that_serve_no_worse_lists(
    app: typer.Typer, small: SmallRelease, tmp_path: Path
) -> None:
    write_events(tmp_path / "events.csv", small)

    output = run(app, tmp_path, trials="8")

    text = (tmp_path / "tuned.toml").read_text()
    Settings(**tomllib.loads(text))
    numbers = re.findall(r"(\S+) / (\S+) (?:before|with)", text)
    before, after = (float(recall) + float(ndcg) for recall, ndcg in numbers)
    assert after >= before
    assert " trials, the best first" in output
    assert "as set up" in output


def test_lists_are_judged_as_the_knobs_make_them(small: SmallRelease, tmp_path: Path) -> None:
    write_events(tmp_path / "events.csv", small)
    split = make_split(*cut_by_time(read_events(tmp_path / "events.csv"), 0.3))
    choosing, confirming = halves(split, USERS, seed=0)
    release, values = MappedRelease.open(small.path, prefault_pages=False), engine_values(Settings())
    values = replace(values, retrieval=replace(values.retrieval, candidates_max=30))
    quality = judge(choosing, release, values, 10)

    near_the_user = replace(Knobs.of(values), weights=(0.0, 1.0, 0.0))
    near_nobody = replace(Knobs.of(values), weights=(0.0, 0.0, 1.0))

    assert quality(near_the_user).value > 1.5 * quality(near_nobody).value
    assert not set(choosing.test_users) & set(confirming.test_users)


def test_events_of_the_test_period_are_never_read(
    app: typer.Typer, small: SmallRelease, tmp_path: Path
) -> None:
    until = str(np.datetime64(NOW_S // DAY_S + 1, "D"))
    write_events(tmp_path / "events.csv", small)
    run(app, tmp_path, "--until", until)
    without = (tmp_path / "tuned.toml").read_text()

    with (tmp_path / "events.csv").open("a") as file:
        file.writelines(f"\nuser-{n},{small.item_ids[n % 7]},{NOW_S + 2 * DAY_S}" for n in range(90))
    run(app, tmp_path, "--until", until)

    assert (tmp_path / "tuned.toml").read_text() == without


def test_too_few_users_are_refused(app: typer.Typer, small: SmallRelease, tmp_path: Path) -> None:
    lines = [f"u{n},{small.item_ids[n]},{NOW_S - 900 + n}" for n in range(30)]
    lines += [f"u{n},{small.item_ids[n + 1]},{NOW_S + n}" for n in range(10)]
    (tmp_path / "events.csv").write_text("\n".join(["user_id,item_id,event_time", *lines]))

    result = CliRunner().invoke(app, ["--events", str(tmp_path / "events.csv"), "--validation-share", "0.25"])

    assert result.exit_code == 1
    assert "TOO_FEW_USERS" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("--events", "nowhere.csv"), "there is no file nowhere.csv"), (("--until", "soon"), "--until soon")],
)
def test_what_is_wrong_is_named(app: typer.Typer, arguments: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(app, list(arguments))

    assert result.exit_code == 2
    assert message in result.output


def test_the_log_gives_the_events_of_named_users(tmp_path: Path) -> None:
    kinds = (("ann", "", EventType.VIEW), ("", "session", EventType.PURCHASE))
    EventLog(tmp_path / "events").append_events(
        [
            UserEvent(f"{user}{session}", user, session, "tea", kind, NOW_S * 1_000_000)
            for user, session, kind in kinds
        ],
        "batch",
    )

    (found,) = logged_events(tmp_path).to_pylist()

    assert (found["user_id"], found["item_id"], found["event_time_s"]) == ("ann", "tea", NOW_S)
    assert found["event_type"] == EventType.VIEW


def test_the_latest_share_is_foretold_and_what_comes_later_is_left_out() -> None:
    times = pa.table({"event_time_s": pa.array(range(100), pa.int64())})

    known, later = cut_by_time(times, 0.1, until_s=50)

    assert known.column("event_time_s").to_pylist() == list(range(45))
    assert later.column("event_time_s").to_pylist() == list(range(45, 50))
    for broken in (times.slice(0, 0), times.slice(3, 1)):
        with pytest.raises(Refused):
            cut_by_time(broken, 0.1)
