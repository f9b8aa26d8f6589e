"""The sampling correction, against cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from offline.model.sampled_softmax import NegativeSampler, sampled_softmax_loss


def test_inclusion_is_one_minus_absence_from_batch_and_uniform_draws() -> None:
    share = np.array([0.5, 0.25, 0.25, 0.0])
    columns = NegativeSampler(share, uniform=2, seed=0).sample(np.array([0, 1]))
    by_row = dict(zip(columns.rows.tolist(), np.exp(columns.log_inclusion), strict=True))
    # Absent from both draws of the batch and from two of four uniform ones: (1/2)^2 * 1/2 and (3/4)^2 * 1/2.
    assert by_row[0] == pytest.approx(1 - 0.25 * 0.5)
    assert by_row[1] == pytest.approx(1 - 0.5625 * 0.5)


def test_columns_hold_every_example_once_and_in_order() -> None:
    sampler = NegativeSampler(np.full(50, 0.02), uniform=10, seed=3)
    examples = np.array([7, 3, 7, 49])
    columns = sampler.sample(examples)
    assert (np.diff(columns.rows) > 0).all()
    assert columns.rows[columns.example_column].tolist() == examples.tolist()
    assert len(columns.rows) >= 10


def test_when_every_item_is_a_column_nothing_is_corrected() -> None:
    columns = NegativeSampler(np.array([0.9, 0.1]), uniform=5, seed=0).sample(np.array([0]))
    assert columns.log_inclusion.tolist() == [0.0, 0.0]


def test_loss_of_a_hand_worked_batch() -> None:
    # One query, its example in column 0. Corrected scores: ln 2 - ln .5 = ln 4 and ln 3 - ln 1 = ln 3, so
    # the softmax gives 4 / (4 + 3) and the loss is ln(7 / 4).
    scores = torch.log(torch.tensor([[2.0, 3.0]]))
    log_inclusion = torch.log(torch.tensor([0.5, 1.0]))
    zero = torch.tensor([0])
    loss = sampled_softmax_loss(scores, log_inclusion, zero, zero, torch.tensor([1.0]))
    assert loss.item() == pytest.approx(np.log(7 / 4), abs=1e-6)


def test_other_items_of_the_query_are_no_negatives() -> None:
    # Columns 0 and 1 are both chosen, so each competes with column 2 alone: -ln(1/2) twice.
    scores = torch.zeros(1, 3)
    loss = sampled_softmax_loss(
        scores, torch.zeros(3), torch.tensor([0, 0]), torch.tensor([0, 1]), torch.ones(2)
    )
    assert loss.item() == pytest.approx(2 * np.log(2), abs=1e-6)


def test_weights_multiply_the_losses() -> None:
    scores = torch.zeros(1, 2)
    zero = torch.tensor([0])
    loss = sampled_softmax_loss(scores, torch.zeros(2), zero, zero, torch.tensor([0.25]))
    assert loss.item() == pytest.approx(np.log(2) / 4, abs=1e-6)


def test_a_query_that_chose_every_column_costs_nothing_and_moves_nothing() -> None:
    scores = torch.zeros(1, 2, requires_grad=True)
    loss = sampled_softmax_loss(
        scores, torch.zeros(2), torch.tensor([0, 0]), torch.tensor([0, 1]), torch.ones(2)
    )
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None
    assert scores.grad.tolist() == [[0.0, 0.0]]


def test_correction_makes_the_estimate_of_the_partition_sum_unbiased() -> None:
    share = np.array([0.6, 0.3, 0.1, 0.0])
    scores = np.array([1.0, 0.5, -0.5, 0.2])
    sampler = NegativeSampler(share, uniform=1, seed=5)
    rng = np.random.default_rng(6)
    sums = []
    for _ in range(4_000):
        columns = sampler.sample(rng.choice(4, 2, p=share))
        sums.append(np.exp(scores[columns.rows] - columns.log_inclusion).sum())
    assert np.mean(sums) == pytest.approx(np.exp(scores).sum(), rel=0.02)
