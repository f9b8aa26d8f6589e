"""Fits the text encoder that a release carries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer

from server.features.declarations import TITLE_DIMS
from server.features.text_encoder import TextEncoder, TextEncoderConfig, TokenHasher, count_tokens

BUCKETS = 32_768
FIT_TEXTS_MAX = 200_000


def fit_text_encoder(
    titles: Sequence[str],
    categories: Sequence[str],
    brands: Sequence[str],
    *,
    buckets: int = BUCKETS,
    dims: int = TITLE_DIMS,
    seed: int = 0,
) -> TextEncoder:
    """Returns an encoder fitted on a catalogue's texts: TF-IDF (sublinear tf, smooth idf), then truncated SVD.

    At most FIT_TEXTS_MAX texts, drawn at random, are read. Where the texts span fewer than `dims`
    directions, the remaining dimensions are zero.
    """
    config = TextEncoderConfig(buckets=buckets, dims=dims)
    rng = np.random.default_rng(seed)
    chosen = list(range(len(titles)))
    if len(titles) > FIT_TEXTS_MAX:
        chosen = np.sort(rng.choice(len(titles), FIT_TEXTS_MAX, replace=False)).tolist()
    hasher = TokenHasher(config)
    counts = term_counts([hasher.buckets(titles[i], categories[i], brands[i]) for i in chosen], buckets)
    tfidf = TfidfTransformer(sublinear_tf=True)
    weighted = tfidf.fit_transform(counts) if counts.nnz else counts
    idf = tfidf.idf_ if counts.nnz else np.ones(buckets)
    projection = np.zeros((buckets, dims), np.float32)
    rank = min(dims, len(chosen), np.unique(counts.indices).size)
    if rank > 0:
        # Equal texts have no variance to explain, which scikit-learn divides by.
        with np.errstate(invalid="ignore"):
            projection[:, :rank] = TruncatedSVD(rank, random_state=seed).fit(weighted).components_.T
    return TextEncoder(config, idf.astype(np.float32), projection)


def term_counts(buckets: Sequence[list[int]], width: int) -> sp.csr_matrix:
    """Returns the sparse matrix [texts, width] of term counts."""
    offsets, columns, counts = count_tokens(buckets)
    return sp.csr_matrix((counts.astype(np.float64), columns, offsets), shape=(len(buckets), width))
