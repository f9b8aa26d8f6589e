"""Properties: a kernel and its twin agree on anything that their contract allows."""

from __future__ import annotations

import importlib
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ext import reference

blend_candidates = importlib.import_module("ext.blend").blend_candidates
assemble_cross_features = importlib.import_module("ext.cross_features").assemble_cross_features
search_graph = importlib.import_module("ext.graph").search_graph
find_rows = importlib.import_module("ext.keys").find_rows
summarize_history = importlib.import_module("ext.history").summarize_history
masks = importlib.import_module("ext.masks")
mmr_select = importlib.import_module("ext.mmr").mmr_select
accumulate_neighbours = importlib.import_module("ext.neighbours").accumulate_neighbours
scoring = importlib.import_module("ext.scoring")
top_k = importlib.import_module("ext.topk").top_k
tower_forward = importlib.import_module("ext.towers").tower_forward
weigh_items = importlib.import_module("ext.weights").weigh_items

encode_user_input = importlib.import_module("ext.user_input").encode_user_input
read_plain_request = importlib.import_module("ext.request").read_plain_request
reply = importlib.import_module("ext.reply")

COLUMN_ROWS = 40
seeds = st.integers(0, 2**32 - 1)
# Few distinct values make ties.
sixteenths = st.integers(-64, 64).map(lambda n: n / 16)
any_float = st.one_of(sixteenths, st.sampled_from([np.nan, np.inf, -np.inf, 1e-30, 3e38]))


def read_only(array):
    array.setflags(write=False)
    return array


def f32(values):
    return read_only(np.array(values, np.float32))


def halves(values):
    return np.asarray(values, np.float16).view(np.uint16)


def same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@given(st.lists(any_float, max_size=80), st.integers(0, 90))
def test_top_k(scores, k):
    same([top_k(f32(scores), k)], [reference.top_k(f32(scores), k)])


@given(seeds, st.integers(1, 60), st.integers(1, 40), st.integers(0, 40), st.integers(1, 70))
def test_search_graph(seed, rows, effort, count, dims):
    rng = np.random.default_rng(seed)
    # Links may name a row twice, itself, or none; few distinct codes make ties.
    links = rng.integers(-1, rows, (rows, 5)).astype(np.int32)
    codes = rng.integers(-3, 4, (rows, dims)).astype(np.int8) * (40 if seed % 2 else 1)
    entries = rng.integers(0, rows, 6).astype(np.int32)
    upper = rng.integers(-1, 6, (6, 3)).astype(np.int32)
    down = np.array([2, 4, 3, 5, 5, -1], np.int32)
    vector = f32(rng.standard_normal(dims) if seed % 5 else np.zeros(dims))
    inputs = [vector, *(read_only(a) for a in (codes, links, entries, upper, down)), effort, count]
    ours, theirs = search_graph(*inputs), reference.search_graph(*inputs)
    same(ours[:1], theirs[:1])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6)


@given(any_float, any_float)
def test_search_graph_with_a_vector_that_is_no_direction(one, other):
    vector = f32([one, other])
    codes, links = np.ones((1, 2), np.int8), np.full((1, 1), -1, np.int32)
    first = np.zeros(1, np.int32)
    inputs = (vector, codes, links, first, links, links[0], 1, 1)
    ours, theirs = search_graph(*inputs), reference.search_graph(*inputs)
    same(ours[:1], theirs[:1])


@given(seeds, st.integers(0, 30), st.integers(0, 60))
def test_accumulate_neighbours(seed, history, k):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 6, COLUMN_ROWS)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = np.concatenate([rng.permutation(COLUMN_ROWS)[:n] for n in lengths] or [[]]).astype(np.int32)
    codes = rng.integers(1, 256, len(rows)).astype(np.uint8)
    scales = np.full(COLUMN_ROWS, 1 / 16, np.float32) if seed % 2 else rng.random(COLUMN_ROWS, np.float32)
    history_rows = rng.integers(-1, COLUMN_ROWS + 2, history).astype(np.int32)
    history_weights = (rng.integers(0, 17, history) / 16 if seed % 2 else rng.random(history)).astype(
        np.float32
    )
    inputs = [read_only(a) for a in (history_rows, history_weights, offsets, rows, codes, scales)]
    same(accumulate_neighbours(*inputs, k), reference.accumulate_neighbours(*inputs, k))


@given(
    seeds,
    st.lists(st.integers(0, 30), min_size=1, max_size=5),
    st.integers(0, 120),
    st.sampled_from([0, 1, 0.2]),
)
def test_blend_candidates(seed, sizes, limit, share_nan):
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.integers(0, COLUMN_ROWS, n) for n in sizes]).astype(np.int32)
    # Whole numbers tie; other floats round, and must round alike: the order of rows hangs on the last bit.
    values = rng.integers(0, 8, len(rows)) if seed % 2 else rng.normal(size=len(rows))
    scores = np.where(rng.random(len(rows)) < share_nan, np.nan, values).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    weights = (rng.integers(0, 5, len(sizes)) / 4).astype(np.float32)
    quotas = rng.integers(0, 20, len(sizes)).astype(np.int32)
    inputs = [read_only(a) for a in (rows, scores, offsets, weights, quotas)]
    same(blend_candidates(*inputs, limit), reference.blend_candidates(*inputs, limit))


@given(
    seeds,
    st.tuples(st.integers(-5, 20), st.integers(-5, 20), st.integers(-1, 99), st.integers(-2, 20)),
    st.sampled_from([-1, 0, 3, 364.5, 365, 9_999]),
)
def test_encode_user_input(seed, enums, absent_days):
    rng = np.random.default_rng(seed)
    age, gender, cluster, page = enums
    starts = np.cumsum([0, 8, 4, 16, 5, 6, 3, 6, 4, 7, 3, 2]).astype(np.int32)
    codes = [rng.integers(-1, 9, 3).astype(np.int32) for _ in range(2)]
    buckets = [rng.integers(0, 6, 9).astype(np.int32) for _ in range(2)]
    inputs = (
        starts, age, gender, cluster, f32([*rng.integers(0, 99, 3), absent_days]), codes[0], buckets[0], codes[1],
        buckets[1], f32([1, 0.5, 0.25]), f32(rng.choice([-1, 0, 2.5, 1e6], 2)), *rng.random(4), page,
        f32(rng.random(3)), f32(rng.random(2)),
    )  # fmt: skip
    ours, theirs = encode_user_input(*inputs), reference.encode_user_input(*inputs)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@given(st.lists(st.integers(0, 9), max_size=30), st.sets(st.integers(0, 9)), st.integers(0, 12))
def test_count_until_wanted(rows, excluded, wanted):
    inputs = (np.array(rows, np.int32), np.array(sorted(excluded), np.int32), wanted)
    assert masks.count_until_wanted(*inputs) == reference.count_until_wanted(*inputs)


@given(seeds, st.integers(0, 50))
def test_masks(seed, n):
    rng = np.random.default_rng(seed)
    rows = read_only(rng.integers(0, COLUMN_ROWS, n).astype(np.int32))
    flags = read_only(rng.integers(0, 16, COLUMN_ROWS).astype(np.uint8))
    codes = read_only(rng.integers(-1, 6, COLUMN_ROWS).astype(np.int32))
    chosen = read_only(np.unique(rng.integers(0, COLUMN_ROWS, rng.integers(0, 30))).astype(np.int32))
    times = read_only(rng.integers(0, 5, COLUMN_ROWS).astype(np.int64))
    same([masks.keep_flags(rows, flags, 1, 12)], [reference.keep_flags(rows, flags, 1, 12)])
    same([masks.keep_not_in(rows, chosen)], [reference.keep_not_in(rows, chosen)])
    same([masks.keep_codes(rows, codes, chosen)], [reference.keep_codes(rows, codes, chosen)])
    same([masks.keep_not_expired(rows, times, 2)], [reference.keep_not_expired(rows, times, 2)])


def item_columns(rng):
    columns = {
        "category": rng.integers(-1, 5, COLUMN_ROWS).astype(np.int32),
        "brand": rng.integers(-1, 5, COLUMN_ROWS).astype(np.int32),
        "price": rng.choice([-1, 1, 2.5, 10, 99], COLUMN_ROWS).astype(np.float32),
        "title_embeddings": halves(rng.integers(-8, 9, (COLUMN_ROWS, 6)) / 8),
    }
    return {name: read_only(column) for name, column in columns.items()}


@given(
    st.lists(
        st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 50), st.integers(2**64 - 50, 2**64 - 1)),
        unique=True,
        max_size=60,
    ),
    st.lists(st.integers(0, 2**64 - 1), max_size=20),
    seeds,
)
def test_find_rows(keys, others, seed):
    rng = np.random.default_rng(seed)
    rows = read_only(rng.permutation(len(keys)).astype(np.int32))
    ascending = read_only(np.array(sorted(keys), np.uint64))
    near = [key + delta for key in keys for delta in (-1, 0, 1) if 0 <= key + delta < 2**64]
    wanted = read_only(rng.permutation(np.array(near + others, np.uint64)))
    same([find_rows(ascending, rows, wanted)], [reference.find_rows(ascending, rows, wanted)])


plain_fields = st.lists(
    st.one_of(
        st.text(st.characters(codec="utf-8", max_codepoint=300), max_size=140).map(
            lambda text: b"\x0a" + bytes([len(text.encode()) % 200]) + text.encode()
        ),
        st.integers(0, 255).map(lambda value: bytes([0x20, value])),
        st.integers(0, 255).map(lambda value: bytes([0x38, value])),
        st.binary(max_size=4),
    ),
    max_size=4,
)


@given(plain_fields, st.sampled_from([5, 128]))
def test_read_plain_request(fields, id_bytes_max):
    raw = b"".join(fields)
    assert read_plain_request(raw, id_bytes_max) == reference.read_plain_request(raw, id_bytes_max)


@given(seeds, st.integers(0, 120), st.sampled_from([0.5, 60.0, np.inf]))
def test_weigh_items(seed, events, half_life_days):
    rng = np.random.default_rng(seed)
    inputs = [
        read_only(rng.integers(-1, COLUMN_ROWS, events).astype(np.int32)),
        read_only(rng.integers(0, 10_000_000, events)),
        read_only(rng.integers(0, 20, events).astype(np.uint8)),
        read_only(rng.integers(0, 9, 16).astype(np.float32)),
        half_life_days,
    ]
    (rows, weights), (twin_rows, twin_weights) = weigh_items(*inputs), reference.weigh_items(*inputs)
    same([rows], [twin_rows])
    assert weights.dtype == twin_weights.dtype
    np.testing.assert_allclose(weights, twin_weights, rtol=1e-6)


@given(seeds, st.integers(0, 120))
def test_summarize_history(seed, events):
    rng = np.random.default_rng(seed)
    now_s = 10_000_000
    rows = rng.integers(-1, COLUMN_ROWS, events).astype(np.int32)
    times = np.sort(now_s + 50 - rng.geometric(1e-5, events)).astype(np.int64)
    types = rng.choice([2, 3, 4, 5, 6, 8], events).astype(np.uint8)
    weights = (rng.integers(0, 9, 16)).astype(np.float32)
    vectors = read_only(halves(rng.integers(-8, 9, (COLUMN_ROWS, 3)) / 8))
    inputs = [read_only(rows), read_only(times), read_only(types), now_s, read_only(weights)]
    columns = [*item_columns(rng).values(), vectors]
    ours, theirs = summarize_history(*inputs, *columns), reference.summarize_history(*inputs, *columns)
    for name, a, b in zip(ours._fields, ours, theirs, strict=True):
        assert a.dtype == b.dtype, name
        np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=name)


@given(seeds, st.integers(0, 60), st.sampled_from([-1.0, 0.0, 1.0, 5.0]))
def test_assemble_cross_features(seed, n, low):
    rng = np.random.default_rng(seed)
    columns = item_columns(rng)
    args = (
        read_only(rng.integers(0, COLUMN_ROWS, n).astype(np.int32)),
        read_only(rng.random((n, 3), np.float32)),
        read_only(rng.integers(1, 4, n).astype(np.float32)),
        read_only(np.unique(rng.integers(0, 5, rng.integers(0, 4))).astype(np.int32)),
        read_only(np.unique(rng.integers(0, 5, rng.integers(0, 4))).astype(np.int32)),
        low,
        max(low, 2.5),
        read_only((rng.integers(-2, 3, 6) / 2).astype(np.float32)),
        *columns.values(),
        read_only(rng.integers(0, 50, COLUMN_ROWS).astype(np.float32)),
        read_only(rng.integers(0, 50, COLUMN_ROWS).astype(np.float32)),
    )
    np.testing.assert_allclose(
        assemble_cross_features(*args), reference.assemble_cross_features(*args), atol=2e-6
    )


@given(seeds, st.integers(0, 60), st.integers(1, 20), st.sampled_from([1, 7, 16, 64, 70]))
def test_scores(seed, n, width, dims):
    rng = np.random.default_rng(seed)
    vectors = read_only((rng.normal(size=(COLUMN_ROWS, dims)) / np.sqrt(dims)).astype(np.float32))
    user = read_only(rng.normal(size=dims).astype(np.float32))
    rows = read_only(rng.integers(0, COLUMN_ROWS, n).astype(np.int32))
    cross = read_only(rng.normal(size=(n, width)).astype(np.float32))
    head = [rng.normal(size=s).astype(np.float32) for s in ((width, 16), 16, 16, 1)]
    args = (rows, user, vectors, cross, *head, 0.7, -0.3)
    np.testing.assert_allclose(scoring.score_candidates(*args), reference.score_candidates(*args), atol=1e-5)
    found, expected = scoring.exact_search(user, vectors, rows), reference.exact_search(user, vectors, rows)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@given(seeds, st.integers(0, 5), st.sampled_from([(30, 16, 8, 4), (239, 128, 64, 64), (7, 33, 36, 65)]))
@settings(max_examples=40, deadline=None)
def test_tower_forward(seed, rows, widths):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, widths[0])) * (rng.random((rows, widths[0])) < 0.5)
    layers = []
    for inputs, units in pairwise(widths):
        layers.append((rng.normal(size=(inputs, units)) / np.sqrt(inputs)).astype(np.float32))
        layers.append(rng.normal(size=units).astype(np.float32) / 4)
    x = x.astype(np.float32)
    np.testing.assert_allclose(tower_forward(x, *layers), reference.tower_forward(x, *layers), atol=1e-5)


@given(seeds, st.integers(0, 45), st.integers(0, 50), st.sampled_from([0.0, 0.25, 0.3]), st.integers(0, 4))
def test_mmr_select(seed, n, count, weight, cap):
    rng = np.random.default_rng(seed)
    scores = (rng.integers(0, 17, n) / 16 if seed % 2 else rng.random(n)).astype(np.float32)
    scores[rng.random(n) < 0.05] = np.nan
    category, brand = (read_only(rng.integers(-1, 4, n).astype(np.int32)) for _ in range(2))
    args = (read_only(scores), category, brand, count, weight, cap)
    same([mmr_select(*args)], [reference.mmr_select(*args)])


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(texts, min_size=1, max_size=20), seeds)
def test_decode_ids(ids, seed):
    encoded = [text.encode() for text in ids]
    text = read_only(np.frombuffer(b"".join(encoded), np.uint8))
    offsets = read_only(np.cumsum([0, *map(len, encoded)]).astype(np.int64))
    rows = np.random.default_rng(seed).integers(-1, len(ids), 30).astype(np.int32)
    assert reply.decode_ids(rows, text, offsets) == reference.decode_ids(rows, text, offsets)
    assert reply.decode_ids(rows, text, offsets) == [ids[row] if row >= 0 else "" for row in rows]


@given(seeds, st.integers(0, 30), st.integers(0, 30))
def test_find_reasons(seed, shown, found):
    rng = np.random.default_rng(seed)

    def rows(count):
        return read_only(rng.integers(0, COLUMN_ROWS, count).astype(np.int32))

    inputs = (
        rows(shown),
        read_only(rng.integers(0, 8, shown).astype(np.uint32)),
        read_only(rng.integers(0, 2**32, 8, np.uint32)),
        read_only(rng.integers(0, 5, 8).astype(np.uint8)),
        (1, rows(found), rows(found)),
        (int(rng.integers(1, 4)), rows(found // 2), rows(found // 2)),
        int(rng.integers(1, 5)),
        read_only(rng.integers(-1, 9, COLUMN_ROWS).astype(np.int32)),
    )
    same(reply.find_reasons(*inputs), reference.find_reasons(*inputs))


@given(
    st.lists(
        st.tuples(texts, any_float, st.integers(0, 2**32 - 1), st.integers(0, 255), texts, texts), max_size=8
    )
)
def test_encode_items(items):
    ids, scores, sources, kinds, related, categories = ([item[n] for item in items] for n in range(6))
    columns = (ids, f32(scores), np.array(sources, np.uint32), np.array(kinds, np.uint8), related, categories)
    assert reply.encode_items(*columns) == reference.encode_items(*columns)


@given(st.integers(0, 3), st.text("ab", min_size=100, max_size=300))
def test_encode_items_of_long_texts(kind, text):
    columns = ([text], f32([0.5]), np.array([6], np.uint32), np.array([kind], np.uint8), [text], [text[:1]])
    assert reply.encode_items(*columns) == reference.encode_items(*columns)
