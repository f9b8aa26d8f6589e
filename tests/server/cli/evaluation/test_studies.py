"""Knobs turned on the served list, and features shuffled, on the small release whose model knows categories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from offline.evaluation.assessment import METRICS
from offline.report.content import Effect
from server.cli.evaluation import evaluation_run, feature_importance, served_studies
from server.cli.evaluation.evaluation_options import ALL_METHODS, EvaluationOptions
from server.cli.evaluation.evaluation_run import Evaluation, evaluation
from server.cli.evaluation.report_run import report_page
from server.cli.evaluation.served_studies import MMR_WEIGHTS, ServedStudies
from server.features.declarations import CROSS_FEATURES
from server.features.encoding import USER_BLOCKS
from server.releases.mapped_release import MappedRelease
from server.settings import Settings
from tests.support.recommending import NOW_S
from tests.support.small_release import build_small_release

USERS = 12


def write(path: Path, rows: list[tuple[str, str, int]]) -> Path:
    lines = ["user_id,item_id,event_time", *(f"{user},{item},{time}" for user, item, time in rows)]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> EvaluationOptions:
    """Each user had an item of each of two categories, and takes two more of the first."""
    folder = tmp_path_factory.mktemp("studies")
    small = build_small_release(folder)
    train = [("zoe", item_id, NOW_S - 900) for item_id in small.item_ids]
    train += [
        (f"user-{n}", f"item-{(n + step) % 5 + 5 * step:04d}", NOW_S - 300)
        for n in range(USERS)
        for step in range(2)
    ]
    test = [(f"user-{n}", f"item-{n % 5 + 5 * step:04d}", NOW_S) for n in range(USERS) for step in (5, 9)]
    items = ["item_id,title,category", *(f"{i},Name of {i},c{int(i[-4:]) % 5}" for i in small.item_ids)]
    (folder / "items.csv").write_text("\n".join(items))
    return EvaluationOptions(
        train=write(folder / "train.csv", train),
        test=write(folder / "test.csv", test),
        items=folder / "items.csv",
        k=10,
        allow_repeats=False,
        seed=0,
        resamples=50,
        names=ALL_METHODS,
        work=None,
    )


@pytest.fixture(scope="module")
def trained(options: EvaluationOptions) -> Iterator[list[list[str]]]:
    """Puts the small release in the place of a training; holds the columns of the items files that came."""
    came: list[list[str]] = []

    def release_from_train(data_dir: Path, events: pa.Table, items: pa.Table, *, seed: int) -> MappedRelease:
        came.append(items.column_names)
        return MappedRelease.open(build_small_release(data_dir).path, prefault_pages=False)

    with pytest.MonkeyPatch.context() as patch:
        for module in (evaluation_run, served_studies):
            patch.setattr(module, "release_from_train", release_from_train)
        yield came


@pytest.fixture(scope="module")
def found(options: EvaluationOptions, trained: list[list[str]]) -> Iterator[Evaluation]:
    # With the cap every list would be half of either category, whatever the weight.
    settings = Settings.model_validate({"scenarios": {"HOME": {"category_cap": 0}}})
    with evaluation(options, settings) as made:
        yield made


@pytest.fixture(scope="module")
def release(found: Evaluation) -> MappedRelease:
    assert found.release is not None
    return found.release


def test_more_weight_of_similarity_makes_more_diverse_lists(
    found: Evaluation, release: MappedRelease
) -> None:
    points = ServedStudies(found, release, 100).trade_off()

    assert [point.weight for point in points] == sorted({*MMR_WEIGHTS, 0.3})
    assert points[-1].diversity > points[0].diversity
    assert [point.weight for point in points if point.is_default] == [0.3]


def test_the_settings_own_weight_is_the_list_that_was_evaluated(
    found: Evaluation, release: MappedRelease
) -> None:
    (usual,) = [point for point in ServedStudies(found, release, 100).trade_off() if point.is_default]

    assert usual.ndcg == pytest.approx(found.assessment.mean("ranked", "ndcg"))
    assert usual.diversity == pytest.approx(found.assessment.mean("ranked", "diversity"))
    assert usual.coverage == found.assessment.coverage["ranked"]


def test_a_study_may_take_some_of_the_users(found: Evaluation, release: MappedRelease) -> None:
    studies = ServedStudies(found, release, 5)

    assert studies.split.test_users.size == 5
    assert set(studies.split.test_users) < set(found.split.test_users)
    assert len(studies.trade_off()) >= len(MMR_WEIGHTS)


def test_each_source_with_a_weight_is_taken_out(found: Evaluation, release: MappedRelease) -> None:
    effects = ServedStudies(found, release, 100).without_sources()

    assert [effect.name for effect in effects] == ["collaborative", "embedding", "popularity"]
    assert all(effect.ndcg.low <= effect.ndcg.mean <= effect.ndcg.high for effect in effects)


def test_a_source_without_a_weight_is_left_alone(found: Evaluation, release: MappedRelease) -> None:
    retrieval = replace(found.values.retrieval, popularity_weight=0.0)
    without = replace(found, values=replace(found.values, retrieval=retrieval))

    names = [effect.name for effect in ServedStudies(without, release, 5).without_sources()]

    assert names == ["collaborative", "embedding"]


def test_an_ablation_trains_without_each_input_that_the_file_has(
    found: Evaluation, release: MappedRelease, trained: list[list[str]]
) -> None:
    trained.clear()

    effects = ServedStudies(found, release, 5).without_inputs()

    assert [effect.name for effect in effects] == ["title", "category and brand"]
    assert trained == [["item_id", "category"], ["item_id", "title"]]
    # The same release comes back, so nothing changes.
    assert [effect.ndcg.mean for effect in effects] == [0.0, 0.0]


@pytest.fixture(scope="module")
def importance(found: Evaluation, release: MappedRelease) -> list[Effect]:
    return feature_importance.feature_importance(found, release, 100)


def test_what_the_model_reads_matters_and_what_it_does_not_does_not(importance: list[Effect]) -> None:
    by_name = {effect.name: effect.ndcg.mean for effect in importance}

    # The small release's model compares the history's items with the item's vector, and nothing else.
    assert by_name["item's vector"] < -0.1
    assert by_name["user: history's items"] < -0.05
    assert by_name["user: profile"] == 0.0


def test_the_most_harmful_comes_first(importance: list[Effect]) -> None:
    means = [effect.ndcg.mean for effect in importance]

    assert means == sorted(means)


def test_every_feature_of_the_ranker_is_in_a_group_and_every_user_block_but_the_context() -> None:
    cross = [name for group in feature_importance.CROSS_GROUPS.values() for name in group]
    blocks = {name for group in feature_importance.USER_GROUPS.values() for name in group}

    assert sorted(cross) == sorted(CROSS_FEATURES)
    # One page at one time is all that an evaluation asks for.
    assert {block.name for block in USER_BLOCKS} - blocks == {"context", "page_type"}


def test_the_page_holds_every_method_study_and_name(found: Evaluation) -> None:
    page = report_page(found, version="1.0", study_users=5, ablation=True)

    assert all(f'<th scope="row">{name}</th>' in page for name in ALL_METHODS)
    assert "NDCG against diversity" in page
    assert "Change of NDCG when trained without an input" in page
    assert "Name of item-0025" in page


def test_the_users_of_a_study_are_those_of_their_lists(found: Evaluation) -> None:
    places = served_studies.drawn_places(found.split.test_users.size, 5, seed=0)
    some = served_studies.some_users(found.split, places)

    column = METRICS.index("recall")
    ranked = found.assessment.lists["ranked"][places]
    values = served_studies.user_values(some, found.facts, ranked, found.expected[places])
    assert np.array_equal(values[:, column], found.assessment.values["ranked"][places, column])
