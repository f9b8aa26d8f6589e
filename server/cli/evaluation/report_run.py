"""From an evaluation to the page."""

from __future__ import annotations

from dataclasses import replace

from offline.report.content import ReportContent, category_mixes, examples
from offline.report.page import render
from server.cli.evaluation.evaluation_run import Evaluation
from server.cli.evaluation.feature_importance import feature_importance
from server.cli.evaluation.served_studies import ServedStudies
from server.releases.mapped_release import MappedRelease


def report_page(found: Evaluation, *, version: str, study_users: int, ablation: bool) -> str:
    """Returns the page.

    study_users: at most so many for the trade-off, the sources and the features. ablation: whether all is trained
    anew without each input.
    """
    lists = found.assessment.lists
    content = ReportContent(
        split=found.split,
        assessment=found.assessment,
        k=found.options.k,
        version=version,
        mixes=category_mixes(found.split, found.facts, lists) if found.facts.category_names else (),
        examples=examples(found.split, found.facts, lists, found.options.seed),
    )
    if found.release is not None and "ranked" in lists:
        content = _studied(content, found, found.release, study_users, ablation=ablation)
    return render(content)


def _studied(
    content: ReportContent, found: Evaluation, release: MappedRelease, study_users: int, *, ablation: bool
) -> ReportContent:
    studies = ServedStudies(found, release, study_users)
    return replace(
        content,
        studied_users=int(studies.split.test_users.size),
        trade_off=studies.trade_off(),
        sources=studies.without_sources(),
        features=feature_importance(found, release, study_users),
        inputs=studies.without_inputs() if ablation else (),
    )
