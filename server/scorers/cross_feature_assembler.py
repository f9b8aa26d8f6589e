"""The user x item and retrieval features of all candidates, in one kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ext import assemble_cross_features
from server.features.declarations import CROSS_FEATURES
from server.pipeline.candidate_batch import CandidateBatch
from server.pipeline.stages import FeatureAssembler
from server.query import RecommendQuery


class CrossFeatureAssembler(FeatureAssembler[RecommendQuery]):
    """Assembles the columns that declarations.CROSS_FEATURES names, in its order.

    collaborative, embedding, popularity: these sources' numbers in the pipeline. source_count counts them
    only: the model was trained on these, and other sources come and go with the page.
    """

    width = len(CROSS_FEATURES)

    def __init__(self, collaborative: int, embedding: int, popularity: int) -> None:
        self._columns = np.array([collaborative, embedding, popularity])
        self._bits = np.uint32((1 << collaborative) | (1 << embedding) | (1 << popularity))

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether a scorer can use the features."""
        return query.user_vector is not None

    def assemble(self, query: RecommendQuery, batch: CandidateBatch) -> NDArray[np.float32]:
        """Returns float32[n, len(CROSS_FEATURES)]."""
        assert query.user is not None
        summary, arrays = query.user.summary, query.release.arrays
        return assemble_cross_features(
            batch.rows,
            batch.source_scores.take(self._columns, axis=1),
            np.bitwise_count(batch.nominated & self._bits).astype(np.float32),
            summary.viewed_categories,
            summary.bought_brands,
            float(summary.price_range[0]),
            float(summary.price_range[1]),
            summary.user_embedding,
            arrays.category,
            arrays.brand,
            arrays.price,
            arrays.title_bits,
            arrays.view_count_7d,
            arrays.purchase_count_7d,
        )
