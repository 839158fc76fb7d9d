"""Chinese words, and simplified for traditional characters.

Words: jieba's dictionary cut without its hidden Markov model, by rjieba where it is installed.

jieba cuts each run of Han characters, Latin letters and digits by itself, so a text may be cut anywhere between runs
and gives the same words: long texts go through in chunks, and no list of all words of a book is ever held. Only a run
longer than a chunk is cut inside, which can part one word a chunk.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.edits import Edit
from pipeline.kernels.text import Units, units

_CHUNK = 1 << 16  # code points
# Where no run of jieba's goes on: its runs are made of Han characters, [a-zA-Z0-9] and the marks + # & . _ % -
_BREAK = re.compile(r"[\s、-〃〈-】〔-〟！（），／：；＜＞？「」『』“”‘’…—]")
# The characters that are units of their own in kernels.text: Han, and those whose words jieba does not know.
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_OTHER = re.compile(
    "[\u0e00-\u0e7f\u3040-\u30ff\u31f0-\u31ff\uac00-\ud7af\u1100-\u11ff\uff66-\uff9f\uffa0-\uffdc]"
)


@cache
def _engine() -> Callable[[str], list[str]]:
    try:
        import rjieba
    except ImportError:
        return jieba_words
    return lambda text: list(rjieba.cut(text, False))


@cache
def _jieba() -> Callable[[str], list[str]]:
    import jieba

    tokenizer = jieba.Tokenizer()
    # As `initialize` does, but it also logs, and reads and writes a marshalled cache in the shared temporary folder.
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return lambda text: list(tokenizer.cut(text, HMM=False))


def jieba_words(text: str) -> list[str]:
    """The words of jieba itself: the reference for rjieba, and the fallback."""
    return _jieba()(text)


def chunks(text: str, size: int = _CHUNK) -> Iterator[str]:
    """The text in pieces of at most `size` code points, cut behind the last break where there is one.

    >>> list(chunks("淘金，炼金", 4)), "".join(chunks("淘金，炼金", 4))
    (['淘金，', '炼金'], '淘金，炼金')
    """
    start = 0
    while len(text) - start > size:
        end = start + size
        # Looked for in the last eighth first: a break is a few characters away in any text that has breaks.
        for low in (end - size // 8, start):
            breaks = [found.end() for found in _BREAK.finditer(text, low, end)]
            if breaks:
                end = breaks[-1]
                break
        yield text[start:end]
        start = end
    yield text[start:]


def segment(text: str) -> list[str]:
    """The text cut into words; joined they are the text again.

    >>> segment("我来到北京清华大学。")
    ['我', '来到', '北京', '清华大学', '。']
    """
    return [word for chunk in chunks(text) for word in _engine()(chunk)]


def _spaced(text: str) -> str:
    cut = _engine()
    return " ".join(" ".join(cut(chunk)) for chunk in chunks(text))


def words_column(texts: pa.Array) -> pa.Array:
    """Each text as its words parted by spaces, so that `units(column, singles=False)` are Chinese words; null is empty.

    >>> words_column(pa.array(["我来到北京", None])).to_pylist()
    ['我 来到 北京', '']
    """
    return pa.array((_spaced(text) if text else "" for text in texts.to_pylist()), pa.large_string())


def words(texts: pa.Array, language: str) -> tuple[pa.Array, Units]:
    """The words that the quality classifier counts, and the texts in which they stand: jieba's for Chinese, which are
    parted by spaces, else the units of kernels.text.

    >>> [words(pa.array(["我来到北京"]), language)[1].bounds.tolist() for language in ("zh", "en")]
    [[0, 3], [0, 5]]
    """
    spelled = words_column(texts) if language == "zh" else texts
    return spelled, units(spelled, singles=language != "zh")


@cache
def _simplifier() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert


def simplify(text: str) -> list[Edit]:
    """The edits that make a text simplified Chinese, by OpenCC's phrases and characters; each is a run of characters that
    change. A phrase that would change its length, which OpenCC's dictionary hardly has, is one edit with its line.

    >>> [(edit.start, edit.replacement) for edit in simplify("乾坤與頭髮 dry")]
    [(2, '与头发')]
    """
    convert = _simplifier()
    simplified = "".join(map(convert, chunks(text)))
    if len(simplified) == len(text):
        return _changes(text, simplified, 0)
    found, at = [], 0
    for line in text.split("\n"):
        simplified = "".join(map(convert, chunks(line)))
        same = len(simplified) == len(line)
        found += _changes(line, simplified, at) if same else [Edit(at, at + len(line), simplified, "simplified")]
        at += len(line) + 1
    return found


def _changes(text: str, other: str, at: int) -> list[Edit]:
    """Runs of code points in which two texts of one length differ."""
    one, two = (np.frombuffer(given.encode("utf-32-le"), np.uint32) for given in (text, other))
    edges = np.flatnonzero(np.diff((one != two).astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    return [Edit(at + start, at + end, other[start:end], "simplified") for start, end in edges.tolist()]


def word_openings(texts: pa.Array, found: Units) -> NDArray[np.bool_]:
    """Which units of `found`, the units of `texts`, open a word; shape (m,).

    Han characters make words as jieba cuts them, a run of kana, Hangul or Thai is one word, any other unit is a word.

    >>> texts = pa.array(["我来到北京 PyTorch 2.0", "one's"])
    >>> word_openings(texts, units(texts)).tolist()
    [True, True, False, True, False, True, True, True, True, True]
    """
    opens = np.ones(len(found.hashes), np.bool_)
    offsets, data = utf8_buffers(texts)
    raw = data.tobytes()
    for i, text in enumerate(texts.to_pylist()):
        if text and (_HAN.search(text) or _OTHER.search(text)):
            words_end = np.cumsum([len(word.encode()) for word in segment(text)]) + offsets[i]
            mine = slice(found.bounds[i], found.bounds[i + 1])
            opens[mine] = _openings(raw, found.starts[mine], found.ends[mine], words_end)
    return opens


def _openings(
    raw: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], words_end: NDArray[np.int64]
) -> list[bool]:
    opens, word_before, other_until = [], -1, -1
    for start, end, word in zip(starts, ends, np.searchsorted(words_end, starts, "right"), strict=True):
        unit = raw[start:end].decode()
        if _OTHER.match(unit):
            opens.append(start != other_until)
            other_until = end
        else:
            opens.append(word != word_before or not _HAN.match(unit))
        word_before = word
    return opens
