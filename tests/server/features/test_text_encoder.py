"""The serving side of the text encoder: equal to scikit-learn's pipeline, and total on odd input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize

from offline.text import fit_text_encoder, term_counts
from server.features.text_encoder import TextEncoder, TextEncoderConfig, TokenHasher

COLOURS = ("red", "blue", "green", "white")
THINGS = ("lantern", "teapot", "cushion", "mug", "clock", "doormat")
TITLES = [f"{colour} {thing} {number}" for colour in COLOURS for thing in THINGS for number in range(3)]
CATEGORIES = [title.split()[1] for title in TITLES]
BRANDS = ["acme" if i % 2 else "" for i in range(len(TITLES))]
BUCKETS = 2_048


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return fit_text_encoder(TITLES, CATEGORIES, BRANDS, buckets=BUCKETS, dims=8)


def test_serving_gives_the_values_of_the_scikit_learn_pipeline(encoder: TextEncoder) -> None:
    hasher = TokenHasher(TextEncoderConfig(BUCKETS, 8))
    counts = term_counts(
        [hasher.buckets(*text) for text in zip(TITLES, CATEGORIES, BRANDS, strict=True)], BUCKETS
    )
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    expected = normalize(TruncatedSVD(8, random_state=0).fit(weighted).transform(weighted))
    np.testing.assert_allclose(encoder.encode(TITLES, CATEGORIES, BRANDS), expected, atol=1e-5)


def test_one_text_gets_the_same_vector_as_in_a_batch(encoder: TextEncoder) -> None:
    batch = encoder.encode(TITLES, CATEGORIES, BRANDS)
    for row in (0, 7, len(TITLES) - 1):
        one = encoder.encode_one(TITLES[row], CATEGORIES[row], BRANDS[row])
        np.testing.assert_allclose(one, batch[row], atol=1e-6)


def test_a_batch_longer_than_a_chunk_keeps_its_order(encoder: TextEncoder) -> None:
    titles = (TITLES * 40)[:2_500]
    none = [""] * len(titles)
    encoded = encoder.encode(titles, none, none)
    np.testing.assert_allclose(encoded[: len(TITLES)], encoded[len(TITLES) : 2 * len(TITLES)], atol=1e-6)
    np.testing.assert_allclose(encoded[2_499], encoder.encode_one(titles[2_499]), atol=1e-6)


def test_arrays_and_json_carry_the_whole_encoder(encoder: TextEncoder) -> None:
    config = json.loads(json.dumps(encoder.config.to_json()))
    copied = {name: array.copy() for name, array in encoder.to_arrays().items()}
    for array in copied.values():
        array.flags.writeable = False
    restored = TextEncoder.from_arrays(config, copied)
    assert restored.config == encoder.config
    np.testing.assert_array_equal(
        restored.encode(TITLES, CATEGORIES, BRANDS), encoder.encode(TITLES, CATEGORIES, BRANDS)
    )


@pytest.mark.parametrize("title", ["", "   ", "!!! --- ???"])
def test_a_text_without_words_is_the_zero_vector(encoder: TextEncoder, title: str) -> None:
    assert not encoder.encode_one(title).any()


def test_a_text_of_unseen_tokens_alone_is_the_zero_vector() -> None:
    encoder = fit_text_encoder(["aaaa"], [""], [""], buckets=1 << 20, dims=4)
    assert not encoder.encode_one("zzzz").any()


def test_no_texts_give_no_rows(encoder: TextEncoder) -> None:
    assert encoder.encode([], [], []).shape == (0, 8)


def test_a_misspelt_title_stays_nearest_to_what_was_meant(encoder: TextEncoder) -> None:
    things = encoder.encode(THINGS, [""] * len(THINGS), [""] * len(THINGS))
    misspelt = encoder.encode_one("lanterm")
    assert THINGS[int(np.argmax(things @ misspelt))] == "lantern"


def test_case_and_unicode_form_do_not_matter(encoder: TextEncoder) -> None:
    np.testing.assert_array_equal(encoder.encode_one("RED Teapot"), encoder.encode_one("red teapot"))
    np.testing.assert_array_equal(encoder.encode_one("ｒｅｄ teapot"), encoder.encode_one("red teapot"))


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_a_unit_or_a_zero_vector(title: str, category: str, brand: str) -> None:
    encoder = _small_encoder()
    length = float(np.linalg.norm(encoder.encode_one(title, category, brand)))
    assert length == 0 or abs(length - 1) < 1e-4


def test_a_full_cache_of_words_changes_no_value(encoder: TextEncoder) -> None:
    tight = TextEncoder.from_arrays(encoder.config.to_json(), encoder.to_arrays(), cached_words_max=1)
    np.testing.assert_array_equal(
        tight.encode(TITLES, CATEGORIES, BRANDS), encoder.encode(TITLES, CATEGORIES, BRANDS)
    )


def test_arrays_of_another_size_are_refused() -> None:
    config = TextEncoderConfig(16, 4)
    with pytest.raises(ValueError, match="16 buckets"):
        TextEncoder(config, np.ones(8, np.float32), np.ones((8, 4), np.float32))


@pytest.mark.parametrize(
    "config", [{}, {"version": 2}, {"version": 1, "buckets": "16", "dims": 4, "ngrams": []}]
)
def test_a_config_of_another_kind_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="text encoder"):
        TextEncoderConfig.from_json(config)


def _small_encoder() -> TextEncoder:
    config = TextEncoderConfig(buckets=64, dims=4)
    rng = np.random.default_rng(1)
    return TextEncoder(
        config, rng.uniform(1, 3, 64).astype(np.float32), rng.normal(size=(64, 4)).astype(np.float32)
    )
