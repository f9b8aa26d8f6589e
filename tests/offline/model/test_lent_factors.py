"""Items that nobody has taken get the factors of those whose text is like theirs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from offline.model import lent_factors
from offline.model.lent_factors import lend_factors
from offline.model.two_tower import TwoTowerModel, to_array
from server.features.declarations import TITLE_DIMS, VECTOR_DIMS

ITEMS, COLD = 200, 80
"""The first COLD items have no factors."""


def two_kinds(seed: int = 0) -> tuple[TwoTowerModel, np.ndarray]:
    """A model in which items of even and odd numbers differ, in their texts and in their factors."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(ITEMS) % 2
    texts = rng.normal(size=(ITEMS, TITLE_DIMS)) * 0.05 + np.eye(2, TITLE_DIMS)[kinds]
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    factors = rng.normal(size=(ITEMS, VECTOR_DIMS)) * 0.01 + np.eye(2, VECTOR_DIMS)[kinds] * 0.5
    factors[:COLD] = 0
    model = TwoTowerModel(ITEMS)
    with torch.no_grad():
        model.id_embedding.weight[:ITEMS] = torch.from_numpy(factors.astype(np.float32))
    return model, texts.astype(np.float32)


def test_items_get_the_factors_of_their_kind() -> None:
    model, texts = two_kinds()
    before = model.history_embeddings()
    assert lend_factors(model, texts) == COLD
    after = model.history_embeddings()
    np.testing.assert_array_equal(after[COLD:], before[COLD:])
    assert (after[:COLD:2, 0] > 0.4).all()
    assert (after[1:COLD:2, 1] > 0.4).all()
    assert (np.abs(after[:COLD:2, 1]) < 0.1).all()


def test_an_item_without_a_text_keeps_its_zeros_and_lends_where_it_can() -> None:
    model, texts = two_kinds()
    texts[[0, COLD]] = 0
    assert lend_factors(model, texts) == COLD - 1
    assert not model.history_embeddings()[0].any()
    assert not to_array(model.id_embedding.weight)[ITEMS].any()


def test_nothing_is_lent_where_there_is_nothing_or_nobody_needs_it() -> None:
    model, texts = two_kinds()
    assert lend_factors(model, np.zeros_like(texts)) == 0
    with torch.no_grad():
        model.id_embedding.weight.zero_()
    assert lend_factors(model, texts) == 0


def test_no_more_items_are_compared_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent_factors, "LENT_ROWS_MAX", 30)
    model, texts = two_kinds()
    assert lend_factors(model, texts) == 30
    assert model.history_embeddings()[:COLD].any(1).sum() == 30
