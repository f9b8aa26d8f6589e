"""The kernels of the hot path.

Each kernel stands in a Cython module of its own and has a NumPy twin in `ext.reference` that specifies it. The
environment variable SHORTLIST_KERNELS chooses which of the two everyone gets: ``compiled`` (the default) or ``numpy``.
There is no silent fallback: without the compiled modules an import fails and says what to do.
"""

from __future__ import annotations

import os

from ext.history_summary import HistorySummary

KERNELS = os.environ.get("SHORTLIST_KERNELS", "compiled")

if KERNELS == "numpy":
    from ext.reference import (
        accumulate_neighbours,
        assemble_cross_features,
        blend_candidates,
        count_until_wanted,
        decode_ids,
        encode_candidates,
        encode_items,
        encode_user_input,
        exact_search,
        find_reasons,
        find_rows,
        keep_codes,
        keep_flags,
        keep_not_expired,
        keep_not_in,
        mmr_select,
        read_plain_request,
        score_candidates,
        search_graph,
        summarize_history,
        take_scores,
        top_k,
        tower_forward,
        weigh_items,
    )
elif KERNELS == "compiled":
    try:
        from ext.blend import blend_candidates
        from ext.cross_features import assemble_cross_features
        from ext.graph import search_graph
        from ext.history import summarize_history
        from ext.keys import find_rows
        from ext.masks import count_until_wanted, keep_codes, keep_flags, keep_not_expired, keep_not_in
        from ext.mmr import mmr_select
        from ext.neighbours import accumulate_neighbours
        from ext.reply import decode_ids, encode_items, find_reasons
        from ext.request import read_plain_request
        from ext.scoring import exact_search, score_candidates
        from ext.tensors import encode_candidates, take_scores
        from ext.topk import top_k
        from ext.towers import tower_forward
        from ext.user_input import encode_user_input
        from ext.weights import weigh_items
    except ModuleNotFoundError as error:
        raise ImportError(
            f"the kernels are not compiled ({error}); run `make build`, or set SHORTLIST_KERNELS=numpy to use their slow twins"
        ) from error
else:
    raise ImportError(f"SHORTLIST_KERNELS must be 'compiled' or 'numpy', not {KERNELS!r}")

__all__ = [
    "KERNELS",
    "HistorySummary",
    "accumulate_neighbours",
    "assemble_cross_features",
    "blend_candidates",
    "count_until_wanted",
    "decode_ids",
    "encode_candidates",
    "encode_items",
    "encode_user_input",
    "exact_search",
    "find_reasons",
    "find_rows",
    "keep_codes",
    "keep_flags",
    "keep_not_expired",
    "keep_not_in",
    "mmr_select",
    "read_plain_request",
    "score_candidates",
    "search_graph",
    "summarize_history",
    "take_scores",
    "top_k",
    "tower_forward",
    "weigh_items",
]
