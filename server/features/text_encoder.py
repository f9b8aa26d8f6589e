"""Title, category and brand to a unit-length vector: hashed TF-IDF projected by a truncated SVD.

The one hashing definition for fitting (offline/text.py) and serving. A text gives these tokens:

    w:<word>       each word of the title, the category and the brand, case-folded
    g:<n-gram>     each run of 3 and of 4 characters of a title's word with a mark at both its ends
    c:<category>   the whole category
    b:<brand>      the whole brand

Buckets are identity.hash_bucket of the tokens (Weinberger et al., "Feature Hashing for Large Scale Multitask
Learning", ICML 2009). Character n-grams keep the vector useful for misspelt and unseen words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from server.features.identity import hash_bucket

Floats = NDArray[np.float32]

_WORD = re.compile(r"\w+")
_ENCODE_ROWS = 2_048


@dataclass(frozen=True, slots=True)
class TextEncoderConfig:
    """What must agree between the arrays and the code that hashes. Travels in a release as JSON.

    buckets: rows of idf and projection. dims: length of a vector. ngrams: lengths of character n-grams.
    """

    buckets: int
    dims: int
    ngrams: tuple[int, ...] = (3, 4)
    version: int = 1

    def to_json(self) -> dict[str, object]:
        """Returns the value of text_encoder/config.json."""
        return {**asdict(self), "ngrams": list(self.ngrams)}

    @staticmethod
    def from_json(value: Mapping[str, object]) -> TextEncoderConfig:
        """Returns a configuration as to_json wrote it. Raises ValueError for another version or a wrong value."""
        if value.get("version") != 1:
            raise ValueError(f"text encoder version {value.get('version')!r} is not known; this code knows 1")
        buckets, dims, ngrams = value.get("buckets"), value.get("dims"), value.get("ngrams")
        if not isinstance(buckets, int) or not isinstance(dims, int) or not isinstance(ngrams, list):
            raise ValueError("a text encoder's config has integers buckets and dims and a list ngrams")
        return TextEncoderConfig(buckets, dims, tuple(int(n) for n in ngrams))


class TokenHasher:
    """Text to buckets and their term counts.

    Words repeat, so the buckets of at most cached_words_max words are remembered. Safe to share between
    threads: a lost update of the cache costs time only.
    """

    def __init__(self, config: TextEncoderConfig, cached_words_max: int = 100_000) -> None:
        self._buckets = config.buckets
        self._ngrams = config.ngrams
        self._cached_words_max = cached_words_max
        self._title_words: dict[str, tuple[int, ...]] = {}

    def buckets(self, title: str, category: str = "", brand: str = "") -> list[int]:
        """Returns the bucket of each token, repeats kept, in no order that means anything."""
        found: list[int] = []
        for word in _words(title):
            found.extend(self._of_title_word(word))
        for mark, text in (("c:", category), ("b:", brand)):
            if text:
                found.append(hash_bucket(mark + text, self._buckets))
                found.extend(hash_bucket("w:" + word, self._buckets) for word in _words(text))
        return found

    def _of_title_word(self, word: str) -> tuple[int, ...]:
        known = self._title_words.get(word)
        if known is not None:
            return known
        marked = f"\x02{word}\x03"
        tokens = ["w:" + word]
        for length in self._ngrams:
            tokens += ["g:" + marked[i : i + length] for i in range(len(marked) - length + 1)]
        found = tuple(hash_bucket(token, self._buckets) for token in tokens)
        if len(self._title_words) >= self._cached_words_max:
            self._title_words.clear()
        self._title_words[word] = found
        return found


class TextEncoder:
    """Vectors of texts from plain arrays.

    config: as fitted. idf: float32[buckets], inverse document frequencies. projection: float32[buckets, dims].
    Both may be read-only mappings. Raises ValueError when a shape does not agree with the configuration.
    """

    def __init__(
        self, config: TextEncoderConfig, idf: Floats, projection: Floats, cached_words_max: int = 100_000
    ) -> None:
        if idf.shape != (config.buckets,) or projection.shape != (config.buckets, config.dims):
            raise ValueError(
                f"text encoder arrays are {idf.shape} and {projection.shape}, "
                f"the config says {config.buckets} buckets and {config.dims} dims"
            )
        self.config = config
        self._idf = idf
        self._projection = projection
        self._hasher = TokenHasher(config, cached_words_max)

    @property
    def dims(self) -> int:
        """Length of a vector."""
        return self.config.dims

    @classmethod
    def from_arrays(
        cls, config: Mapping[str, object], arrays: Mapping[str, Floats], cached_words_max: int = 100_000
    ) -> TextEncoder:
        """Returns an encoder from what to_arrays and config.to_json gave: arrays ``idf`` and ``projection``."""
        parsed = TextEncoderConfig.from_json(config)
        return cls(parsed, arrays["idf"], arrays["projection"], cached_words_max)

    def to_arrays(self) -> dict[str, Floats]:
        """Returns the arrays ``idf`` and ``projection``."""
        return {"idf": self._idf, "projection": self._projection}

    def encode_one(self, title: str, category: str = "", brand: str = "") -> Floats:
        """Returns one text's vector, float32[dims], of unit length; all zero when no token is known."""
        vector: Floats = self.encode([title], [category], [brand])[0]
        return vector

    def encode(self, titles: Sequence[str], categories: Sequence[str], brands: Sequence[str]) -> Floats:
        """Returns float32[n, dims], one unit-length row a text; a row is zero when no token is known.

        titles, categories, brands: of the same length; empty strings where there is none.
        """
        out = np.zeros((len(titles), self.dims), np.float32)
        for start in range(0, len(titles), _ENCODE_ROWS):
            stop = start + _ENCODE_ROWS
            rows = zip(titles[start:stop], categories[start:stop], brands[start:stop], strict=True)
            buckets = [self._hasher.buckets(*text) for text in rows]
            self._project(buckets, out[start:stop])
        return out

    def _project(self, buckets: Sequence[list[int]], out: Floats) -> None:
        """Writes the unit vectors of the texts' buckets into out."""
        offsets, columns, counts = count_tokens(buckets)
        held = np.flatnonzero(np.diff(offsets))
        if not held.size:
            return
        weights = (1 + np.log(counts.astype(np.float32))) * self._idf[columns]
        terms = self._projection[columns] * weights[:, None]
        sums = np.add.reduceat(terms, offsets[held], axis=0)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        out[held] = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 1e-12)


def count_tokens(
    buckets: Sequence[list[int]],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Returns (offsets, columns, counts) of a compressed sparse row matrix of term counts.

    Text r has columns[offsets[r]:offsets[r+1]], ascending and unique.
    """
    rows = np.repeat(np.arange(len(buckets)), [len(b) for b in buckets])
    flat = np.fromiter((column for row in buckets for column in row), np.int64, rows.size)
    pairs, counts = np.unique((rows << 32) | flat, return_counts=True)
    offsets = np.searchsorted(pairs >> 32, np.arange(len(buckets) + 1))
    return offsets.astype(np.int64), (pairs & 0xFFFFFFFF).astype(np.int32), counts.astype(np.int32)


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
