"""Every number that rules are set on, measured once a document: name, definition and source in DEFINITIONS.

Words are the units of kernels.text, so that a Han, kana, Hangul or Thai character is a word; punctuation never is.
Lines and paragraphs are those of kernels.lines, never blank. A fraction of nothing is 0.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.characters import (
    BULLET_CHARACTERS,
    CHINESE_MARKS,
    CODE_POINTS,
    CURLY_BRACKETS,
    DIGITS,
    ELLIPSIS_SIGNS,
    HANS,
    HASH_SIGNS,
    LATINS,
    SIMPLIFIEDS,
    STOP_CHARACTERS,
    STOPS,
    TRADITIONALS,
    count_characters,
)
from pipeline.kernels.lines import count_lines, lines, paragraphs
from pipeline.kernels.mojibake import count_mojibake
from pipeline.kernels.repetition import count_duplicates, count_repetition
from pipeline.kernels.sentences import count_sentences
from pipeline.kernels.text import Units, unit_hash

PERSONAL = {  # the kinds of kernels.pii
    "email": "e-mail addresses",
    "ip_address": "public IP addresses",
    "phone": "telephone numbers",
    "id_number": "Chinese identity numbers",
}
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


class Metric(NamedTuple):
    type: pa.DataType
    definition: str
    source: str


_QUALITY = "Rae et al. 2021, A.1.1"
_REPETITION = "Rae et al. 2021, table A1"
_FINEWEB = "Penedo et al. 2024 (FineWeb)"
_C4 = "Raffel et al. 2020 (C4), 2.2"
_OURS = "taojin"
_COUNT, _FRACTION = pa.int64(), pa.float64()

# fmt: off
DEFINITIONS: dict[str, Metric] = {
    "word_count": Metric(_COUNT, "words", _QUALITY),
    "mean_word_length": Metric(_FRACTION, "code points a word", _QUALITY),
    "hash_word_ratio": Metric(_FRACTION, "`#` a word", _QUALITY),
    "ellipsis_word_ratio": Metric(_FRACTION, "`...` (without overlap) and `…` a word", _QUALITY),
    "bullet_line_fraction": Metric(_FRACTION, "lines that begin with one of " + BULLET_CHARACTERS + " (datatrove: • and -)", _QUALITY),  # noqa: E501
    "ellipsis_line_fraction": Metric(_FRACTION, "lines that end with `...` or `…`", _QUALITY),
    "alphabetic_word_fraction": Metric(_FRACTION, "words with a Unicode letter", _QUALITY),
    "stop_word_count": Metric(_COUNT, "distinct words, upper or lower case, among " + ", ".join(STOP_WORDS), _QUALITY),
    "duplicate_line_fraction": Metric(_FRACTION, "lines that stood before in the document", _REPETITION),
    "duplicate_paragraph_fraction": Metric(_FRACTION, "paragraphs (parted by empty lines) that stood before", _REPETITION),
    "duplicate_line_character_fraction": Metric(_FRACTION, "code points in duplicate lines, of all", _REPETITION),
    "duplicate_paragraph_character_fraction": Metric(_FRACTION, "code points in duplicate paragraphs, of all", _REPETITION),
    **{f"top_{n}gram_character_fraction": Metric(_FRACTION, f"code points in the most frequent run of {n} words, one between words that are parted, times its count; of all", _REPETITION) for n in (2, 3, 4)},  # noqa: E501
    **{f"duplicate_{n}gram_character_fraction": Metric(_FRACTION, f"code points of words in runs of {n} words that stood before, without overlap; of all", _REPETITION) for n in range(5, 11)},  # noqa: E501
    "code_point_count": Metric(_COUNT, "code points, white space included", "Chen et al. 2023 (ChineseWebText)"),
    "mean_line_length": Metric(_FRACTION, "code points a line", "Chen et al. 2023 (ChineseWebText)"),
    "han_fraction": Metric(_FRACTION, "Han characters, of all code points", "Chen et al. 2023 (ChineseWebText)"),
    "terminal_punctuation_line_fraction": Metric(_FRACTION, "lines that end with a mark of Unicode's Sentence_Terminal", _FINEWEB),  # noqa: E501
    "short_line_fraction": Metric(_FRACTION, "lines of at most 30 code points, white space at their ends included", _FINEWEB),  # noqa: E501
    "line_feed_word_ratio": Metric(_FRACTION, "line feeds a word", "FineWeb's code (datatrove), new_line_ratio"),
    "sentence_count": Metric(_COUNT, "sentences (kernels.sentences)", _C4),
    "lorem_ipsum_count": Metric(_COUNT, "`lorem ipsum`, in any case", _C4),
    "curly_bracket_count": Metric(_COUNT, "`{`", _C4),
    "boilerplate_word_fraction": Metric(_FRACTION, "words in lines that RefinedWeb flags (kernels.sentences), of all words", "Penedo et al. 2023 (RefinedWeb), appendix G.2"),  # noqa: E501
    "line_count": Metric(_COUNT, "lines", _OURS),
    "mojibake_word_ratio": Metric(_FRACTION, "signs of a wrong charset (kernels.mojibake) a word", _OURS),
    "distinct_word_fraction": Metric(_FRACTION, "distinct words, of all words", "Weber et al. 2024 (RedPajama-V2)"),
    "latin_fraction": Metric(_FRACTION, "Latin letters, full-width ones included, of all code points", _OURS),
    "digit_fraction": Metric(_FRACTION, "decimal digits of any script, of all code points", _OURS),
    "chinese_punctuation_fraction": Metric(_FRACTION, "Chinese punctuation marks, of Han characters and these marks", _OURS),
    "stop_character_fraction": Metric(_FRACTION, "Chinese characters of grammar, of Han characters: " + STOP_CHARACTERS, _OURS),  # noqa: E501
    "traditional_fraction": Metric(_FRACTION, "characters of Big5 that GB 2312 lacks, of those that only one of the two has", _OURS),  # noqa: E501
    "mean_chinese_word_length": Metric(_FRACTION, "code points in words a word of jieba's; 0 in other languages than Chinese", "Penedo et al. 2025 (FineWeb2)"),  # noqa: E501
    "sensitive_word_fraction": Metric(_FRACTION, "words in the phrases of annotate.sensitive_words, of all words; 0 where none is given", "Chen et al. 2023 (ChineseWebText)"),  # noqa: E501
    **{f"{kind}_count": Metric(_COUNT, f"{what} (kernels.pii); 0 where annotate.pii is none", _OURS) for kind, what in PERSONAL.items()},  # noqa: E501
}
# fmt: on
METRICS: dict[str, pa.DataType] = {name: metric.type for name, metric in DEFINITIONS.items()}

_STOP_HASHES = np.array([unit_hash(word) for word in STOP_WORDS], np.uint64)
_LOREM_IPSUM = unit_hash("lorem"), unit_hash("ipsum")


@njit(cache=True)
def _count_words(found: Units, stop_hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Words with a letter and distinct stop words, shape (2, n); code points in the words before each, (m + 1,)."""
    bounds = found.bounds
    any_stop = np.uint64(0)  # of 64 residues, those of stop words: most words are none at first sight
    for stop_hash in stop_hashes:
        any_stop |= np.uint64(1) << (stop_hash & np.uint64(63))
    counts = np.zeros((2, len(bounds) - 1), np.int64)
    characters = np.zeros(len(found.hashes) + 1, np.int64)
    for i in range(len(bounds) - 1):
        seen = np.int64(0)
        for k in range(bounds[i], bounds[i + 1]):
            characters[k + 1] = characters[k] + found.lengths[k]
            counts[0, i] += found.alphabetic[k]
            word = found.hashes[k]
            if any_stop >> (word & np.uint64(63)) & np.uint64(1):
                for w in range(len(stop_hashes)):
                    seen |= np.int64(word == stop_hashes[w]) << w
        while seen:
            counts[1, i] += seen & 1
            seen >>= 1
    return counts, characters


def _pairs(bounds: NDArray[np.int64], hashes: NDArray[np.uint64], one: int, other: int) -> NDArray[np.int64]:
    """How often the word `other` follows the word `one` in each text."""
    places = np.flatnonzero(hashes[:-1] == one)
    places = places[hashes[places + 1] == other]
    documents = np.searchsorted(bounds, places, "right") - 1
    inside = places + 1 < bounds[documents + 1]
    return np.bincount(documents[inside], minlength=len(bounds) - 1)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return ratio


class Counted(NamedTuple):
    """What other kernels count in the texts, where it is asked for: words of jieba's, words in sensitive phrases, each of
    shape (n,), and personal data, shape (4, n).
    """

    chinese_words: NDArray[np.int64] | None = None
    sensitive_words: NDArray[np.int64] | None = None
    personal: NDArray[np.int64] | None = None


_NOTHING = Counted()


def measure(texts: pa.Array, found: Units, counted: Counted = _NOTHING) -> dict[str, NDArray[Any]]:
    r"""Every metric of METRICS, in its order, over a string column and `units(texts)`; each of shape (n,).

    >>> from pipeline.kernels.text import units
    >>> texts = pa.array(["- To be, or not to be...\n- To be, or not to be...", ""])
    >>> measured = measure(texts, units(texts))
    >>> list(measured) == list(METRICS)
    True
    >>> measured["word_count"].tolist(), measured["stop_word_count"].tolist()
    ([12, 0], [2, 0])
    >>> measured["duplicate_line_fraction"].tolist(), measured["bullet_line_fraction"].tolist()
    ([0.5, 0.0], [1.0, 0.0])
    """
    data = utf8_buffers(texts)[1]
    of = count_characters(texts)
    code_points, hans, marks = of[CODE_POINTS], of[HANS], of[CHINESE_MARKS]
    line_table = lines(texts)
    n_lines, line_sums = np.diff(line_table.bounds), np.concatenate(([0], np.cumsum(line_table.lengths)))
    bullet_lines, ellipsis_lines, terminal_lines, short_lines = count_lines(data, line_table)
    paragraph_bounds, paragraph_lengths, paragraph_hashes = paragraphs(line_table)
    duplicate_lines, line_characters = count_duplicates(line_table.bounds, line_table.hashes, line_table.lengths)
    duplicate_paragraphs, paragraph_characters = count_duplicates(paragraph_bounds, paragraph_hashes, paragraph_lengths)
    bounds, hashes = found.bounds, found.hashes
    n_words = np.diff(bounds)
    (alphabetic, stop_words), characters = _count_words(found, _STOP_HASHES)
    repetition = count_repetition(bounds, hashes, characters)
    word_characters = characters[bounds[1:]] - characters[bounds[:-1]]
    sentences, boilerplate = count_sentences(data, line_table, found)
    return {
        "word_count": n_words,
        "mean_word_length": _ratio(word_characters, n_words),
        "hash_word_ratio": _ratio(of[HASH_SIGNS], n_words),
        "ellipsis_word_ratio": _ratio(of[ELLIPSIS_SIGNS], n_words),
        "bullet_line_fraction": _ratio(bullet_lines, n_lines),
        "ellipsis_line_fraction": _ratio(ellipsis_lines, n_lines),
        "alphabetic_word_fraction": _ratio(alphabetic, n_words),
        "stop_word_count": stop_words,
        "duplicate_line_fraction": _ratio(duplicate_lines, n_lines),
        "duplicate_paragraph_fraction": _ratio(duplicate_paragraphs, np.diff(paragraph_bounds)),
        "duplicate_line_character_fraction": _ratio(line_characters, code_points),
        "duplicate_paragraph_character_fraction": _ratio(paragraph_characters, code_points),
        **{f"top_{n}gram_character_fraction": _ratio(repetition[n], code_points) for n in (2, 3, 4)},
        **{f"duplicate_{n}gram_character_fraction": _ratio(repetition[n], code_points) for n in range(5, 11)},
        "code_point_count": code_points,
        "mean_line_length": _ratio(line_sums[line_table.bounds[1:]] - line_sums[line_table.bounds[:-1]], n_lines),
        "han_fraction": _ratio(hans, code_points),
        "terminal_punctuation_line_fraction": _ratio(terminal_lines, n_lines),
        "short_line_fraction": _ratio(short_lines, n_lines),
        "line_feed_word_ratio": _ratio(line_table.feeds, n_words),
        "sentence_count": sentences,
        "lorem_ipsum_count": _pairs(bounds, hashes, *_LOREM_IPSUM),
        "curly_bracket_count": of[CURLY_BRACKETS],
        "boilerplate_word_fraction": _ratio(boilerplate, n_words),
        "line_count": n_lines,
        "mojibake_word_ratio": _ratio(count_mojibake(texts), n_words),
        "distinct_word_fraction": _ratio(repetition[0], n_words),
        "latin_fraction": _ratio(of[LATINS], code_points),
        "digit_fraction": _ratio(of[DIGITS], code_points),
        "chinese_punctuation_fraction": _ratio(marks, hans + marks),
        "stop_character_fraction": _ratio(of[STOPS], hans),
        "traditional_fraction": _ratio(of[TRADITIONALS], of[TRADITIONALS] + of[SIMPLIFIEDS]),
        **_of_others(counted, word_characters, n_words),
    }


def _of_others(
    counted: Counted, word_characters: NDArray[np.int64], n_words: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    none = np.zeros(len(n_words), np.int64)
    chinese = none if counted.chinese_words is None else counted.chinese_words
    sensitive = none if counted.sensitive_words is None else counted.sensitive_words
    personal = [none] * len(PERSONAL) if counted.personal is None else counted.personal
    return {
        "mean_chinese_word_length": _ratio(word_characters, chinese),
        "sensitive_word_fraction": _ratio(sensitive, n_words),
        **{f"{kind}_count": personal[k] for k, kind in enumerate(PERSONAL)},
    }
