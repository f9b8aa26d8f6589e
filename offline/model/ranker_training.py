"""Stage two of the training: the head over the cross features, the weight of the dot product and the bias.

Learns on candidate lists of the period that the towers' validation run held back: sources and towers know
nothing of it, so no score holds the label. Loss: softmax over each list (Cao et al., "Learning to Rank: From
Pairwise Approach to Listwise Approach", ICML 2007). The bias is set afterwards, where the order is settled. A head that
is worse on the lists held back than the blend, or than a source alone, is not taken: the blend's own order is served.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from offline.model.blend_head import blend_head
from offline.model.blend_weights import ALONE, ChosenWeights, Weights, blend_quality, choose_weights
from offline.model.candidate_lists import DEFAULT_WEIGHTS, CandidateList
from offline.model.list_quality import list_qualities, mean_quality
from offline.model.padded_lists import PADDING, PaddedLists, pad
from offline.model.training import EpochReport, Report
from offline.model.two_tower import CrossHead, TwoTowerModel
from offline.model.validation import LIST_LENGTH, RetrievalQuality


@dataclass(frozen=True, slots=True)
class RankerOptions:
    """Knobs of stage two. holdout: share of the lists, the latest, that choose the number of epochs."""

    requests_max: int = 3_000
    epochs_max: int = 60
    patience: int = 10
    batch_lists: int = 32
    learning_rate: float = 5e-3
    weight_decay: float = 1.0
    holdout: float = 0.25
    seed: int = 0


@dataclass(frozen=True, slots=True)
class FittedRanker:
    """What to put into the model.

    blend: the weights of the sources. quality, blend_quality, source_quality: of the ranker, the blend and the best
    source alone on the lists held back, recall within a list's chosen.
    """

    head: CrossHead
    dot_scale: float
    score_bias: float
    lists: int
    blend: ChosenWeights
    quality: RetrievalQuality
    blend_quality: RetrievalQuality
    source_quality: RetrievalQuality

    def install(self, model: TwoTowerModel) -> None:
        """Puts the head and the two numbers into a model whose towers were trained alike."""
        model.head.load_state_dict(self.head.state_dict())
        with torch.no_grad():
            model.dot_scale.fill_(self.dot_scale)
            model.score_bias.fill_(self.score_bias)


class _ListScorer(nn.Module):
    """dot * dot_scale + head(cross), without the bias, which no order depends on.

    The head reads cross features at the scale of the lists: some are shares and others counts.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, dot_scale: float, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.head = CrossHead()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.dot_scale = nn.Parameter(torch.tensor(dot_scale))

    def forward(self, lists: PaddedLists) -> Tensor:
        scaled = (lists.cross - self.mean) / self.scale
        scores: Tensor = lists.dot * self.dot_scale + self.head(scaled)
        return scores.masked_fill(~lists.real, PADDING)

    def folded_head(self) -> CrossHead:
        """Returns the head of the same function over the cross features as they are."""
        head = copy.deepcopy(self.head)
        with torch.no_grad():
            head.linear1.weight.div_(self.scale)
            head.linear1.bias.sub_(head.linear1.weight @ self.mean)
        return head


_DEVIATION_MIN = 1e-3


def fit_ranker(
    lists: Sequence[CandidateList],
    dot_scale: float,
    options: RankerOptions,
    report: Report,
    blend_weights: Weights = DEFAULT_WEIGHTS,
    *,
    choose_blend: bool = False,
) -> FittedRanker | None:
    """Returns the ranker trained on lists, oldest first; None when none of them has a chosen and another candidate.

    dot_scale: where the weight of the dot product begins. blend_weights: of the sources; where choose_blend is set,
    better ones are looked for.
    """
    useful = [found for found in lists if found.chosen.any() and not found.chosen.all()]
    if len(useful) < 2:
        return None
    padded = pad(useful)
    blend = choose_weights(padded, blend_weights, choose=choose_blend)
    begin = max(1, min(len(useful) - 1, round(len(useful) * (1 - options.holdout))))
    everything = torch.arange(len(useful))
    held_back = padded.part(everything[begin:])
    epochs, quality = _choose_epochs(padded.part(everything[:begin]), held_back, dot_scale, options, report)
    blended = blend_quality(held_back, blend.weights)
    alone = [blend_quality(held_back, weights) for weights in ALONE]
    if _loses(quality, [blended, *alone]):
        head, weight, quality = blend_head(blend.weights), 0.0, blended
    else:
        scorer = _train(padded, dot_scale, options, epochs)
        head, weight = scorer.folded_head(), scorer.dot_scale.item()
    with torch.no_grad():
        scores = padded.dot * weight + head(padded.cross)
        bias = -float(_served_logits(scores.masked_fill(~padded.real, PADDING)).mean())
    best_alone = max(alone, key=lambda rival: rival.target)
    return FittedRanker(head, weight, bias, len(useful), blend, quality, blended, best_alone)


def _loses(quality: RetrievalQuality, rivals: Sequence[RetrievalQuality]) -> bool:
    """Returns whether any rival is better, by NDCG or by NDCG and recall together."""
    return any(rival.target > quality.target or rival.ndcg > quality.ndcg for rival in rivals)


def _choose_epochs(
    train: PaddedLists, held_back: PaddedLists, dot_scale: float, options: RankerOptions, report: Report
) -> tuple[int, RetrievalQuality]:
    trainer = _Trainer(train, dot_scale, options)
    best, best_epoch = RetrievalQuality(-1.0, -1.0), 0
    for epoch in range(1, options.epochs_max + 1):
        loss = trainer.run_epoch()
        with torch.no_grad():
            quality = mean_quality(list_qualities(trainer.scorer(held_back), held_back.chosen))
        report(EpochReport("ranker", epoch, options.epochs_max, loss, quality, 0.0))
        if quality.target > best.target:
            best, best_epoch = quality, epoch
        elif epoch - best_epoch >= options.patience:
            break
    return best_epoch, best


def _train(lists: PaddedLists, dot_scale: float, options: RankerOptions, epochs: int) -> _ListScorer:
    trainer = _Trainer(lists, dot_scale, options)
    for _ in range(epochs):
        trainer.run_epoch()
    return trainer.scorer


class _Trainer:
    def __init__(self, lists: PaddedLists, dot_scale: float, options: RankerOptions) -> None:
        torch.manual_seed(options.seed)
        real = lists.cross[lists.real]
        # A feature that never varies stays at 0.
        self.scorer = _ListScorer(dot_scale, real.mean(0), real.std(0).clamp(min=_DEVIATION_MIN))
        self._lists = lists
        self._batch_lists = options.batch_lists
        self._optimizer = torch.optim.AdamW(
            self.scorer.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
        )

    def run_epoch(self) -> float:
        """Trains on every list once; returns the mean loss."""
        total = 0.0
        order = torch.randperm(len(self._lists.dot))
        for places in order.split(self._batch_lists):  # type: ignore[no-untyped-call]
            part = self._lists.part(places)
            log_shares = torch.log_softmax(self.scorer(part), dim=1)
            chosen = part.chosen.float()
            loss = -((log_shares * chosen).sum(1) / chosen.sum(1)).mean()
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            total += loss.item() * len(places)
        return total / len(order)


def _served_logits(scores: Tensor) -> Tensor:
    """The logits that would be shown: the best LIST_LENGTH of each list. The score .5 is their mean's."""
    best: Tensor = scores.topk(min(LIST_LENGTH, scores.shape[1]), dim=1).values
    return best[best > PADDING / 2]
