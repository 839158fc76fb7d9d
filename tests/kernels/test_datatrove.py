"""Every rule of Gopher, C4 and FineWeb beside datatrove's, on real English and Chinese pages; its splitters are ours.

`pytest -m soak -s tests/kernels/test_datatrove.py` does it for the whole crawl, prints the share of documents for which each
rule says the same, explains each difference by a departure that the kernels state, and prints the share with datatrove's own
splitters where spaCy is installed.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from numpy.typing import NDArray

from pipeline.kernels import line_removal
from pipeline.kernels.characters import QUOTE_CHARACTERS, SENTENCE_ENDS
from pipeline.kernels.charset import decode
from pipeline.kernels.cleaning import Policy, edited, find_edits
from pipeline.kernels.html import main_text
from pipeline.kernels.language import identify
from pipeline.kernels.metrics import measure
from pipeline.kernels.text import units
from pipeline.recipes import load_recipe
from tests.kernels.test_metrics import SENTENCE, WORD

pytest.importorskip("datatrove")
from datatrove.data import Document
from datatrove.pipeline.filters import c4_filters as c4
from datatrove.pipeline.filters import fineweb_quality_filter as fineweb
from datatrove.pipeline.filters import gopher_quality_filter as gopher
from datatrove.pipeline.filters import gopher_repetition_filter as repetition

LIMITS = {limit.metric: limit for limit in load_recipe("gopher+c4+fineweb")}
QUALITY = {
    "min_doc_words": None, "max_doc_words": None, "min_avg_word_length": None, "max_avg_word_length": None,
    "max_symbol_word_ratio": None, "max_bullet_lines_ratio": None, "max_ellipsis_lines_ratio": None,
    "max_non_alpha_words_ratio": None, "min_stop_words": None,
}  # fmt: skip
REPETITION = {
    "dup_line_frac": None, "dup_para_frac": None, "dup_line_char_frac": None, "dup_para_char_frac": None,
    "top_n_grams": (), "dup_n_grams": (),
}  # fmt: skip
C4 = {
    "remove_citations": False, "filter_no_terminal_punct": False, "min_num_sentences": -1, "min_words_per_line": -1,
    "max_word_length": -1, "filter_lorem_ipsum": False, "filter_javascript": False, "filter_curly_bracket": False,
    "filter_policy": False,
}  # fmt: skip
FINEWEB = {"line_punct_thr": 0, "short_line_thr": 1, "char_duplicates_ratio": 1, "new_line_ratio": 1e9}

# The rule, datatrove's filter for it alone, and the metrics whose limits are ours.
RULES: list[tuple[str, Any, tuple[str, ...]]] = [
    ("words", gopher.GopherQualityFilter(**QUALITY | {"min_doc_words": 50, "max_doc_words": 100_000}), ("word_count",)),
    ("word length", gopher.GopherQualityFilter(**QUALITY | {"min_avg_word_length": 3, "max_avg_word_length": 10}),
     ("mean_word_length",)),
    ("symbols", gopher.GopherQualityFilter(**QUALITY | {"max_symbol_word_ratio": 0.1}),
     ("hash_word_ratio", "ellipsis_word_ratio")),
    ("bullets", gopher.GopherQualityFilter(**QUALITY | {"max_bullet_lines_ratio": 0.9}), ("bullet_line_fraction",)),
    ("ellipsis lines", gopher.GopherQualityFilter(**QUALITY | {"max_ellipsis_lines_ratio": 0.3}),
     ("ellipsis_line_fraction",)),
    ("alphabetic", gopher.GopherQualityFilter(**QUALITY | {"max_non_alpha_words_ratio": 0.8}),
     ("alphabetic_word_fraction",)),
    ("stop words", gopher.GopherQualityFilter(**QUALITY | {"min_stop_words": 2}), ("stop_word_count",)),
    ("duplicate lines", repetition.GopherRepetitionFilter(**REPETITION | {"dup_line_frac": 0.3}),
     ("duplicate_line_fraction",)),
    ("duplicate paragraphs", repetition.GopherRepetitionFilter(**REPETITION | {"dup_para_frac": 0.3}),
     ("duplicate_paragraph_fraction",)),
    ("characters in lines", fineweb.FineWebQualityFilter(**FINEWEB | {"char_duplicates_ratio": 0.1}),
     ("duplicate_line_character_fraction",)),
    ("characters in paragraphs", repetition.GopherRepetitionFilter(**REPETITION | {"dup_para_char_frac": 0.2}),
     ("duplicate_paragraph_character_fraction",)),
    *((f"top {n}-gram", repetition.GopherRepetitionFilter(
        **REPETITION | {"top_n_grams": ((n, LIMITS[f"top_{n}gram_character_fraction"].max),)}
    ), (f"top_{n}gram_character_fraction",)) for n in (2, 3, 4)),
    *((f"duplicate {n}-grams", repetition.GopherRepetitionFilter(
        **REPETITION | {"dup_n_grams": ((n, LIMITS[f"duplicate_{n}gram_character_fraction"].max),)}
    ), (f"duplicate_{n}gram_character_fraction",)) for n in range(5, 11)),
    ("lorem ipsum", c4.C4QualityFilter(**C4 | {"filter_lorem_ipsum": True}), ("lorem_ipsum_count",)),
    ("curly brackets", c4.C4QualityFilter(**C4 | {"filter_curly_bracket": True}), ("curly_bracket_count",)),
    ("sentences", c4.C4QualityFilter(**C4 | {"min_num_sentences": 5}), ("sentence_count",)),
    ("terminal punctuation", fineweb.FineWebQualityFilter(**FINEWEB | {"line_punct_thr": 0.12}),
     ("terminal_punctuation_line_fraction",)),
    ("short lines", fineweb.FineWebQualityFilter(**FINEWEB | {"short_line_thr": 0.67}), ("short_line_fraction",)),
    ("line feeds", fineweb.FineWebQualityFilter(**FINEWEB | {"new_line_ratio": 0.3}), ("line_feed_word_ratio",)),
]  # fmt: skip
# The whole of C4 and what FineWeb takes of it, lines that go included.
WHOLE = [
    ("C4", c4.C4QualityFilter(), Policy(lines="c4")),
    ("C4 in FineWeb", c4.C4QualityFilter(filter_no_terminal_punct=False), Policy(lines="fineweb")),
]
# datatrove counts the words of a line by white space, which Chinese has not: neither side asks for three of them.
WHOLE_OF_CHINESE = [
    ("C4", c4.C4QualityFilter(min_words_per_line=-1), Policy(lines="c4")),
    ("C4 in FineWeb", c4.C4QualityFilter(filter_no_terminal_punct=False, min_words_per_line=-1), Policy(lines="fineweb")),
]
NAMES = [name for name, *_ in (*RULES, *WHOLE)]
WHOLE_NAMES = [name for name, *_ in WHOLE]
HAN = re.compile("[\u4e00-\u9fff]")
Splitter = Callable[[str, str], list[str]]
MODULES = (c4, fineweb, gopher, repetition)


@lru_cache(8)  # many rules ask for the words of one text
def our_words(text: str, _: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


def our_sentences(text: str, _: str) -> list[str]:
    return [sentence for line in text.split("\n") for sentence in SENTENCE.findall(line.strip())]


def give_splitters(patch: pytest.MonkeyPatch, words: Splitter, sentences: Splitter) -> None:
    """And C4's marks of every script, which datatrove has for English alone."""
    for module in MODULES:
        patch.setattr(module, "split_into_words", words, raising=False)
    patch.setattr(c4, "split_into_sentences", sentences)
    patch.setattr(c4, "END_PUNCTUATION", (*SENTENCE_ENDS, *QUOTE_CHARACTERS))


def pages(data: Path) -> Iterator[tuple[str, str]]:
    """Language and main text of the crawl's English and Chinese pages."""
    for path in sorted((data / "crawl").glob("*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
                headers = record.http_headers
                if headers is None or headers.status_code != 200 or "html" not in (record.http_content_type or ""):
                    continue
                body = record.reader.read(1_000_000)
                if body.startswith(b"\x1f\x8b"):
                    continue
                text = main_text(decode(body, record.http_charset)[0])[0]
                language = identify([text])[0][0]
                if language in ("en", "zh") and WORD.search(text):
                    yield language, text


def keeps(rule: Any, text: str) -> bool:
    return rule.filter(Document(text=text, id="")) is True


def verdicts(texts: list[str], language: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What each rule of datatrove keeps of the texts, and of ours; shape (texts, rules)."""
    column = pa.array(texts)
    whole = WHOLE if language == "en" else WHOLE_OF_CHINESE
    rules = [rule for _, rule, _ in (*RULES, *whole)]
    theirs = np.array([[keeps(rule, text) for rule in rules] for text in texts])
    found = measure(column, units(column))
    ours = []
    for _, _, metrics in RULES:
        passes = np.ones(len(texts), bool)
        for limit in (LIMITS[metric] for metric in metrics):
            passes &= found[limit.metric] >= (-np.inf if limit.min is None else limit.min)
            passes &= found[limit.metric] <= (np.inf if limit.max is None else limit.max)
        ours.append(passes)
    for _, _, policy in whole:
        with pytest.MonkeyPatch.context() as patch:
            if language == "zh":
                patch.setattr(line_removal, "_MIN_WORDS", 0)
            left = edited(column, find_edits(column, pa.array([language] * len(texts)), policy)[0])
        of = measure(left, units(left))
        ours.append((of["lorem_ipsum_count"] == 0) & (of["curly_bracket_count"] == 0) & (of["sentence_count"] >= 5))
    return theirs, np.array(ours).T


def agreement(texts: list[str], language: str) -> dict[str, float]:
    """For each rule the share of texts for which datatrove and we say the same."""
    theirs, ours = verdicts(texts, language)
    return dict(zip(NAMES, (theirs == ours).mean(axis=0).tolist(), strict=True))


# Where we depart from datatrove, as texts in which nothing is left of it. White space at the ends of lines, lines of white
# space and control characters that end a line: we read them as nothing, as nothing and as white space.
LINE_ENDS = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def with_paragraphs(text: str) -> str:
    blocks = re.split(r"\n(?:[^\S\n]*\n)+", "\n" + LINE_ENDS.sub("\n", text) + "\n")
    paragraphs = ("\n".join(line.strip() for line in block.split("\n") if line.strip()) for block in blocks)
    return "\n\n".join(filter(None, paragraphs))


def with_lines(text: str) -> str:
    return with_paragraphs(text).replace("\n\n", "\n")


def unexplained(texts: list[str], language: str) -> dict[str, list[str]]:
    """Texts that a rule of ours and datatrove's judge differently, for none of the reasons that we know."""
    theirs, ours = verdicts(texts, language)
    left: dict[str, list[str]] = {}
    for text, at in ((texts[i], i) for i in np.flatnonzero((theirs != ours).any(axis=1))):
        differs = theirs[at] != ours[at]
        for tidied in (with_paragraphs(text), with_lines(text)):
            their, our = verdicts([tidied], language)
            differs &= their[0] != our[0]
        for name in np.array(NAMES)[differs]:
            if not (is_of_denominator(text, name) or (name in WHOLE_NAMES and is_chinese(text, language))):
                left.setdefault(name, []).append(text)
    return left


def is_of_denominator(text: str, name: str) -> bool:
    """FineWeb divides by all characters but line feeds (its own, stricter limit), Gopher by all."""
    measured = measure(column := pa.array([text]), units(column))["duplicate_line_character_fraction"][0]
    limit = LIMITS["duplicate_line_character_fraction"].max
    return name == "characters in lines" and measured <= limit < measured * len(text) / len(text.replace("\n", ""))


def is_chinese(text: str, language: str) -> bool:
    """Chinese that was taken for English: its lines have no words for C4, which parts them by white space."""
    return language == "en" and any(len(line.split()) < 3 <= len(HAN.findall(line)) for line in text.splitlines())


def test_some_documents(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_splitters(monkeypatch, our_words, our_sentences)
    by_language: dict[str, list[str]] = {"en": [], "zh": []}
    for language, text in islice(pages(data), 0, 1200, 4):
        by_language[language].append(text[:20_000])
    assert all(len(texts) > 10 for texts in by_language.values())
    for language, texts in by_language.items():
        assert unexplained(texts, language) == {}
        one = 1 / len(texts)
        assert {name: share for name, share in agreement(texts, language).items() if share < 0.995 - one} == {}, language


@pytest.mark.soak
def test_all_documents(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_language: dict[str, list[str]] = {"en": [], "zh": []}
    for language, text in pages(data):
        by_language[language].append(text)
    their_words, their_sentences = lru_cache(8)(gopher.split_into_words), c4.split_into_sentences
    give_splitters(monkeypatch, our_words, our_sentences)
    found = {language: agreement(texts, language) for language, texts in by_language.items()}
    for language, shares in found.items():
        for name, share in shares.items():
            print(f"{language} {name:26} {share:8.4%} of {len(by_language[language]):,}", flush=True)
    for language, texts in by_language.items():
        assert unexplained(texts, language) == {}
    try:
        give_splitters(monkeypatch, their_words, their_sentences)
        for language, code in (("en", "eng"), ("zh", "cmn")):
            for _, rule, _ in (*RULES, *WHOLE, *WHOLE_OF_CHINESE):
                monkeypatch.setattr(rule, "language", code, raising=False)
            for name, share in agreement(by_language[language][::20], language).items():
                print(f"{language} {name:26} {share:8.4%} with its own splitters, of each 20th", flush=True)
    except ImportError as error:
        print(f"no splitters of its own: {error}")
    low = {(language, name): share for language in found for name, share in found[language].items() if share < 0.995}
    assert low == {}
