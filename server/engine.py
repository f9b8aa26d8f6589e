"""The product: which parts, in which order, and the knobs of each scenario. Nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from server.errors import FieldViolation, InvalidRequest, ShortlistError
from server.features.event_types import PageType
from server.features.fusion import Fusion, above_none
from server.filters.availability_filter import AvailabilityFilter
from server.filters.bought_filter import BoughtFilter
from server.filters.category_filter import CategoryFilter
from server.filters.context_item_filter import ContextItemFilter
from server.filters.excluded_filter import ExcludedFilter
from server.filters.expired_filter import ExpiredFilter
from server.filters.hidden_by_user_filter import HiddenByUserFilter
from server.handlers.messages import RANK_ITEMS_MAX, ServedBy, SourceKind
from server.hydrators.context_hydrator import ContextHydrator
from server.hydrators.history_hydrator import HistoryHydrator
from server.hydrators.remembered_user_hydrator import RememberedUserHydrator
from server.hydrators.request_items_hydrator import RequestItemsHydrator
from server.hydrators.unwanted_items_hydrator import UnwantedItemsHydrator
from server.hydrators.user_features_hydrator import UserFeaturesHydrator
from server.hydrators.user_record_hydrator import UserRecordHydrator
from server.hydrators.user_vector_hydrator import UserVectorHydrator
from server.inference.local_model import LocalScorer, LocalUserTower
from server.inference.protocols import CandidateScorer, RemoteScorer, UserTower
from server.pipeline.blend_merger import BlendMerger
from server.pipeline.budget import BudgetValues, Clock
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.degradation import StageFailed
from server.pipeline.executor import Pipeline, PipelineParts
from server.pipeline.failure_log import FailureLog
from server.pipeline.stages import QueryHydrator, Scorer
from server.query import Floats, RecommendQuery, ScenarioValues
from server.rerankers.context_reranker import ContextReranker
from server.rerankers.diversity_selector import DiversitySelector
from server.rerankers.exploration_selector import ExplorationSelector, WideShortlist
from server.rerankers.new_item_reranker import NewItemReranker
from server.rerankers.position_bias_reranker import BiasHandledInTraining, PositionBiasReranker
from server.rerankers.promotion_reranker import PromotionReranker
from server.rerankers.repeat_reranker import RepeatReranker
from server.rerankers.score_selector import ScoreSelector
from server.rerankers.shortlist_selector import ShortlistSelector
from server.scorers.cross_feature_assembler import CrossFeatureAssembler
from server.scorers.model_server_scorer import ModelServerScorer
from server.scorers.two_tower_scorer import TwoTowerScorer
from server.sources.backfill_source import BackfillSource
from server.sources.caller_source import CallerSource
from server.sources.collaborative_source import CollaborativeSource
from server.sources.context_neighbours_source import ContextNeighboursSource
from server.sources.embedding_source import EmbeddingSource
from server.sources.fresh_source import FreshSource
from server.sources.list_length import LENGTHENED_MAX
from server.sources.popularity_source import PopularitySource
from server.sources.release_weights import release_weights
from server.sources.repeat_source import RepeatSource
from server.stores.protocols import UserStore

CONTEXT_BLEND_WEIGHT = 0.4
"""Weight of the context items' neighbours in the blend: that of the strongest source beside them."""

FRESH_BLEND_WEIGHT = 0.1
"""Weight of items newer than the release: enough to be looked at, the ranker decides."""

REPEAT_BLEND_WEIGHT = 1.0
"""Weight of what the user bought, where bought items may be shown: all other sources together."""

WeightsFrom = Literal["release", "settings"]

SHORTLIST_FACTOR = 5
"""Re-ranking sees this many times as many candidates as the list is long: of fewer, most may be of the user's two or three
dearest categories, and then no cap and no diversity term finds others."""

RECOMMEND_KINDS = (
    SourceKind.CONTEXT_NEIGHBOURS,
    SourceKind.FRESH,
    SourceKind.COLLABORATIVE,
    SourceKind.EMBEDDING,
    SourceKind.POPULARITY,
    SourceKind.REPEAT,
)
RANK_KINDS = (SourceKind.CALLER, SourceKind.COLLABORATIVE, SourceKind.EMBEDDING, SourceKind.POPULARITY)

SERVED_BY_SCORER = {ModelServerScorer.name: ServedBy.MODEL_SERVER, TwoTowerScorer.name: ServedBy.LOCAL_MODEL}


@dataclass(frozen=True, slots=True)
class RetrievalValues:
    """How candidates are found; the settings section ``retrieval``.

    weights_from: whether the blend takes the weights that training chose for the release, where it did, or these here.
    """

    candidates_max: int
    collaborative_weight: float
    embedding_weight: float
    popularity_weight: float
    context_neighbours_max: int
    fresh_items_max: int
    history_half_life_days: float
    category_scan_rows_max: int
    repeat_items_max: int = 200
    repeat_half_life_days: float = 365.0
    remembered_users_max: int = 0
    remembered_age_max_s: float = 60.0
    fusion: Fusion = "score"
    weights_from: WeightsFrom = "release"

    @property
    def weights(self) -> tuple[float, float, float]:
        """Weights of the collaborative, embedding and popularity source."""
        return self.collaborative_weight, self.embedding_weight, self.popularity_weight

    @property
    def quotas(self) -> tuple[int, int, int]:
        """How many candidates each of the three is asked for: its share of candidates_max."""
        total = sum(self.weights) or 1.0
        collaborative, embedding, popularity = (
            round(self.candidates_max * weight / total) for weight in self.weights
        )
        return collaborative, embedding, popularity


@dataclass(frozen=True, slots=True)
class EngineValues:
    """Every knob of the engine. scenarios: by name; each page type has a default one of its name. An answer made of a
    smaller share of the candidates than quality_degraded_below is degraded."""

    budget: BudgetValues
    retrieval: RetrievalValues
    scenarios: Mapping[str, ScenarioValues] = field(default_factory=dict)
    quality_degraded_below: float = 0.5


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What the engine is built on.

    users_in_process: whether users are read within this process; a fallback reads a record only then.
    model_server: scores before the local scorer does; None = there is none.
    clock: monotonic seconds, that of the commands' deadlines. quality: the share of the candidates to look at now.
    observers: are told of every query that was served, and the number of its items.
    """

    users: UserStore
    users_in_process: bool = True
    tower: UserTower = field(default_factory=LocalUserTower)
    scorer: CandidateScorer = field(default_factory=LocalScorer)
    clock: Clock = time.monotonic
    quality: Callable[[], float] = lambda: 1.0
    observers: Sequence[Callable[[RecommendQuery, int], None]] = ()
    model_server: RemoteScorer | None = None


class Engine:
    """Serves queries. Threads share it."""

    def __init__(self, values: EngineValues, parts: EngineParts) -> None:
        self.values = values
        self.clock = parts.clock
        self.quality = parts.quality
        self.failures = FailureLog(parts.clock)
        self._observers = parts.observers
        self._scenarios = _all_scenarios(values.scenarios)
        retrieval = values.retrieval
        self.remembered = RememberedUserHydrator(
            retrieval.remembered_users_max, retrieval.remembered_age_max_s
        )
        hydrators = _hydrators(retrieval, parts, self.remembered)
        self._recommend = Pipeline(_recommend_parts(retrieval, parts, hydrators))
        self._rank = Pipeline(_rank_parts(retrieval, parts, hydrators))

    def scenario(self, name: str, page_type: PageType) -> tuple[str, ScenarioValues]:
        """Returns a scenario by name, or the page type's own where the name is empty. Raises InvalidRequest."""
        name = name or (page_type.name if page_type else PageType.HOME.name)
        found = self._scenarios.get(name)
        if found is None:
            raise InvalidRequest(
                [FieldViolation("scenario", "UNKNOWN_SCENARIO", "no such scenario is set up")]
            )
        return name, found

    def recommend(self, query: RecommendQuery) -> CandidateBatch:
        """Returns the list to show, best first."""
        return self._run(self._recommend, query)

    def rank(self, query: RecommendQuery) -> CandidateBatch:
        """Returns all of the query's known caller items, best first."""
        return self._run(self._rank, query)

    def blend(self, query: RecommendQuery) -> CandidateBatch:
        """Returns the candidates in the order before the ranker: by blended score, filtered, not cut.

        Raises StageFailed where recommend() would fall back: an evaluation must not measure a fallback.
        """
        return self._recommend.retrieve(query)

    def hydrate(self, query: RecommendQuery) -> None:
        """Finds out what a list would be made from, and makes none: the record, the history, the user's vector."""
        for hydrator in self._recommend.parts.hydrators:
            hydrator.run(query)

    def _run(self, pipeline: Pipeline[RecommendQuery], query: RecommendQuery) -> CandidateBatch:
        batch = None
        try:
            batch = self._answer(pipeline, query)
            return batch
        finally:
            for observe in self._observers:
                observe(query, 0 if batch is None else len(batch))

    def _answer(self, pipeline: Pipeline[RecommendQuery], query: RecommendQuery) -> CandidateBatch:
        try:
            return pipeline.run(query)
        except StageFailed as failed:
            query.degrade(failed.reason)
            try:
                return pipeline.run_fallback(query)
            except StageFailed as again:
                raise ShortlistError(f"{again.stage} failed") from again
        finally:
            if query.quality < 1 and not query.is_recalled:
                query.note_saving(self.values.retrieval.candidates_max, self.values.quality_degraded_below)
            if query.degraded:
                self.failures.report(query)


def served_by(query: RecommendQuery) -> ServedBy:
    """Returns what ordered a served query's list."""
    if query.scored_by:
        return SERVED_BY_SCORER[query.scored_by]
    kinds = RANK_KINDS if query.caller_item_ids else RECOMMEND_KINDS
    personal = (
        len(found.rows)
        for kind, found in zip(kinds, query.retrieved, strict=False)
        if kind not in (SourceKind.POPULARITY, SourceKind.CALLER)
    )
    return ServedBy.RETRIEVAL_SCORES if any(personal) else ServedBy.POPULARITY


def _all_scenarios(given: Mapping[str, ScenarioValues]) -> dict[str, ScenarioValues]:
    defaults = {page.name: ScenarioValues(page_type=page.name) for page in PageType if page}
    return defaults | dict(given)


Hydrators = tuple[QueryHydrator[RecommendQuery, object], ...]


def _hydrators(
    retrieval: RetrievalValues, parts: EngineParts, remembered: RememberedUserHydrator
) -> Hydrators:
    return (
        RequestItemsHydrator(),
        UserRecordHydrator(parts.users),
        ContextHydrator(),
        remembered,
        HistoryHydrator(retrieval.history_half_life_days),
        UnwantedItemsHydrator(),
        UserFeaturesHydrator(),
        UserVectorHydrator(parts.tower),
    )


def _recommend_parts(
    retrieval: RetrievalValues, parts: EngineParts, hydrators: Hydrators
) -> PipelineParts[RecommendQuery]:
    number = {kind: at for at, kind in enumerate(RECOMMEND_KINDS)}
    collaborative, embedding, popularity = retrieval.quotas
    extra = (retrieval.context_neighbours_max, retrieval.fresh_items_max)
    context = ContextReranker(number[SourceKind.CONTEXT_NEIGHBOURS])
    repeat = RepeatReranker(number[SourceKind.REPEAT])
    shortlist = ShortlistSelector(SHORTLIST_FACTOR, context, repeat)
    return PipelineParts(
        hydrators=hydrators,
        sources=(
            ContextNeighboursSource(retrieval.context_neighbours_max),
            FreshSource(retrieval.fresh_items_max),
            CollaborativeSource(collaborative),
            EmbeddingSource(embedding, retrieval.category_scan_rows_max),
            PopularitySource(popularity, retrieval.candidates_max),
            RepeatSource(retrieval.repeat_items_max, retrieval.repeat_half_life_days),
        ),
        merger=BlendMerger(
            (CONTEXT_BLEND_WEIGHT, FRESH_BLEND_WEIGHT, *above_none(retrieval.weights), REPEAT_BLEND_WEIGHT),
            (*extra, *(quota * LENGTHENED_MAX for quota in retrieval.quotas), retrieval.repeat_items_max),
            retrieval.candidates_max * LENGTHENED_MAX + sum(extra) + retrieval.repeat_items_max,
            fusion=retrieval.fusion,
            weights_of=_weights_of(
                retrieval, (CONTEXT_BLEND_WEIGHT, FRESH_BLEND_WEIGHT), (REPEAT_BLEND_WEIGHT,)
            ),
        ),
        filters=(
            CategoryFilter(),
            AvailabilityFilter(),
            ExpiredFilter(),
            ContextItemFilter(),
            BoughtFilter(),
            HiddenByUserFilter(),
            ExcludedFilter(),
        ),
        backfill=BackfillSource(retrieval.category_scan_rows_max),
        backfill_max=retrieval.candidates_max,
        fallback=frozenset({number[SourceKind.POPULARITY]}),
        fallback_fields=_fallback_fields(parts),
        remembered_fields=("history",),
        features=_assembler(number),
        scorers=_scorers(parts),
        shortlist=WideShortlist(shortlist),
        rerankers=(
            context,
            repeat,
            PromotionReranker(),
            NewItemReranker(),
            PositionBiasReranker(BiasHandledInTraining()),
        ),
        selector=ExplorationSelector(shortlist, DiversitySelector()),
    )


def _rank_parts(
    retrieval: RetrievalValues, parts: EngineParts, hydrators: Hydrators
) -> PipelineParts[RecommendQuery]:
    number = {kind: at for at, kind in enumerate(RANK_KINDS)}
    collaborative, embedding, popularity = retrieval.quotas
    return PipelineParts(
        hydrators=hydrators,
        sources=(
            CallerSource(),
            CollaborativeSource(collaborative),
            EmbeddingSource(embedding, retrieval.category_scan_rows_max),
            PopularitySource(popularity, retrieval.candidates_max),
        ),
        # The others' lists only give the caller's items their retrieval features and blended scores.
        merger=BlendMerger(
            (0.0, *above_none(retrieval.weights)),
            (RANK_ITEMS_MAX, 0, 0, 0),
            RANK_ITEMS_MAX,
            fill=False,
            fusion=retrieval.fusion,
            weights_of=_weights_of(retrieval, (0.0,)),
        ),
        fallback=frozenset({number[SourceKind.CALLER], number[SourceKind.POPULARITY]}),
        fallback_fields=frozenset({"items"}),
        features=_assembler(number),
        scorers=_scorers(parts),
        selector=ScoreSelector(),
    )


def _weights_of(
    retrieval: RetrievalValues, before: tuple[float, ...], after: tuple[float, ...] = ()
) -> Callable[[RecommendQuery], Floats] | None:
    """See release_weights(); None where settings rule."""
    return None if retrieval.weights_from == "settings" else release_weights(retrieval.weights, before, after)


def _scorers(parts: EngineParts) -> tuple[Scorer[RecommendQuery], ...]:
    """Returns the ladder: the model server where there is one, then this process."""
    remote = () if parts.model_server is None else (ModelServerScorer(parts.model_server),)
    return (*remote, TwoTowerScorer(parts.scorer))


def _fallback_fields(parts: EngineParts) -> frozenset[str]:
    """Returns what a fallback still finds out: what the request names and, where it is near, what the user has bought."""
    own = {"record", "history", "unwanted_rows"} if parts.users_in_process else set()
    return frozenset({"items", *own})


def _assembler(number: Mapping[SourceKind, int]) -> CrossFeatureAssembler:
    return CrossFeatureAssembler(
        number[SourceKind.COLLABORATIVE], number[SourceKind.EMBEDDING], number[SourceKind.POPULARITY]
    )
