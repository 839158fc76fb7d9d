"""What characters stand in a text: the classes of Unicode code points that rules look at, and their counts."""

import unicodedata

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from pipeline.kernels.buffers import utf8_buffers
from pipeline.kernels.text import decode_at

# What a code point is, as bits of its entry in CLASSES.
ALPHABETIC, SPACE, LATIN, DIGIT, HAN = (1 << bit for bit in range(5))
STOP, CHINESE_PUNCTUATION, SENTENCE_END, BULLET, WIDE = (1 << bit for bit in range(5, 10))
UPPER, QUOTE, SIMPLIFIED, TRADITIONAL = (1 << bit for bit in range(10, 14))
_TABLE_SIZE = 0x20000  # above it stand only Han (to 0x3FFFF) and what has no class

# Characters of grammar rather than of a subject: FineWeb2's stop words for Mandarin (cmn_Hani) without its words of
# dates, the commonest particles and pronouns besides; simplified and traditional, modern and classical.
STOP_CHARACTERS = "的一是不了在有和人这這我他她你们們个個中来來上为為到以说說就也对對而于於之其与與被由那得着著下"
# Unicode's property Sentence_Terminal: FineWeb's terminal punctuation.
_SENTENCE_ENDS = (
    "21 2E 3F 589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E 1735-1736 17D4-17D6"
    " 17D9-17DA 1803 1809 1944-1945 1AA8-1AAB 1B5A-1B5B 1B5E-1B5F 1B7D-1B7E 1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049 2E2E"
    " 2E3C 2E53-2E54 3002 A4FF A60E-A60F A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE52"
    " FE56-FE57 FF01 FF0E FF1F FF61 10A56-10A57 10F55-10F59 10F86-10F89 11047-11048 110BE-110C1 11141-11143 111C5-111C6"
    " 111CD 111DE-111DF 11238-11239 1123B-1123C 112A9 1144B-1144C 115C2-115C3 115C9-115D7 11641-11642 1173C-1173E 11944"
    " 11946 11A42-11A43 11A9B-11A9C 11C41-11C42 11EF7-11EF8 11F43-11F44 16A6E-16A6F 16AF5 16B37-16B38 16B44 16E98 1BC9F"
    " 1DA88"
)


def _in_ranges(ranges: str) -> str:
    bounds = ((int(one.split("-")[0], 16), int(one.split("-")[-1], 16)) for one in ranges.split())
    return "".join(chr(code) for low, high in bounds for code in range(low, high + 1))


SENTENCE_ENDS = _in_ranges(_SENTENCE_ENDS)
QUOTE_CHARACTERS = "\"'”’」』"  # that close what is said
BULLET_CHARACTERS = "•‣⁃◦∙●○▪▫■□▶-–*"
_CHINESE_PUNCTUATION = "，。、；：？！“”‘’（）《》〈〉【】「」『』〔〕—…·～"
_HAN = ((0x3007, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))


def _class(code: int) -> int:
    character = chr(code)
    alphabetic = character.isalpha()
    bits = ALPHABETIC * alphabetic | SPACE * character.isspace() | DIGIT * character.isdecimal()
    bits |= LATIN * (alphabetic and unicodedata.name(character, "").startswith(("LATIN", "FULLWIDTH LATIN")))
    bits |= HAN * any(low <= code <= high for low, high in _HAN) | UPPER * character.isupper()
    if bits & HAN:
        simplified, traditional = _encodes(character, "gb2312"), _encodes(character, "big5")
        bits |= SIMPLIFIED * (simplified and not traditional) | TRADITIONAL * (traditional and not simplified)
    return bits | WIDE * (unicodedata.east_asian_width(character) in "WF")


def _encodes(character: str, charset: str) -> bool:
    try:
        return bool(character.encode(charset))
    except UnicodeEncodeError:
        return False


def _classes() -> NDArray[np.uint16]:
    table = np.array([_class(code) for code in range(_TABLE_SIZE)], np.uint16)
    for bit, characters in (
        (STOP, STOP_CHARACTERS),
        (CHINESE_PUNCTUATION, _CHINESE_PUNCTUATION),
        (SENTENCE_END, SENTENCE_ENDS),
        (QUOTE, QUOTE_CHARACTERS),
        (BULLET, BULLET_CHARACTERS),
    ):
        table[[ord(character) for character in characters]] |= bit
    return table


CLASSES = _classes()


@njit(cache=True, inline="always")
def class_of(code: int, classes: NDArray[np.uint16]) -> int:
    """The class bits of any code point."""
    if code < _TABLE_SIZE:
        return int(classes[code])
    return ALPHABETIC | HAN | WIDE if code < 0x40000 else 0


# The rows of what count_characters returns.
CODE_POINTS, LATINS, DIGITS, HANS, STOPS, CHINESE_MARKS, HASH_SIGNS, ELLIPSIS_SIGNS = range(8)
CURLY_BRACKETS, SIMPLIFIEDS, TRADITIONALS = range(8, 11)

# Ten counters of six bits in one addition a code point: the weight of a code point has a 1 in each of its fields.
_FIELDS, _BITS = 10, 6
_FIELD_MAX = (1 << _BITS) - 1


def _weight(field: int) -> np.uint64:
    return np.uint64(1 << _BITS * (field - LATINS))


def _weights() -> NDArray[np.uint64]:
    weights = np.zeros(_TABLE_SIZE, np.uint64)
    fields = (
        (LATINS, LATIN), (DIGITS, DIGIT), (HANS, HAN), (STOPS, STOP), (CHINESE_MARKS, CHINESE_PUNCTUATION),
        (SIMPLIFIEDS, SIMPLIFIED), (TRADITIONALS, TRADITIONAL),
    )  # fmt: skip
    for field, bit in fields:
        weights[CLASSES & bit != 0] += _weight(field)
    weights[ord("#")] += _weight(HASH_SIGNS)
    weights[ord("…")] += _weight(ELLIPSIS_SIGNS)
    weights[ord("{")] += _weight(CURLY_BRACKETS)
    return weights


_WEIGHTS, _HAN_WEIGHT, _ELLIPSIS_WEIGHT = _weights(), _weight(HANS), _weight(ELLIPSIS_SIGNS)


@njit(cache=True)
def _count_characters(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], weights: NDArray[np.uint64]
) -> NDArray[np.int64]:
    counts = np.zeros((1 + _FIELDS, len(offsets) - 1), np.int64)
    for i in range(len(offsets) - 1):
        at, stop = offsets[i], offsets[i + 1]
        dots = 0
        while at < stop:
            packed, n = np.uint64(0), 0
            while at < stop and n < _FIELD_MAX:
                code, size = decode_at(data, at)
                if code < _TABLE_SIZE:
                    packed += weights[code]
                elif code < 0x40000:
                    packed += _HAN_WEIGHT
                if code == 46:
                    dots += 1
                    if dots == 3:
                        packed += _ELLIPSIS_WEIGHT
                        dots = 0
                else:
                    dots = 0
                n += 1
                at += size
            counts[CODE_POINTS, i] += n
            for field in range(_FIELDS):
                counts[field + 1, i] += np.int64(packed >> np.uint64(_BITS * field) & np.uint64(_FIELD_MAX))
    return counts


def count_characters(strings: pa.Array) -> NDArray[np.int64]:
    """Code points, and how many are Latin letters, digits, Han, stop characters, Chinese punctuation, `#`, ellipses
    (`...` or `…`), `{`, characters that are simplified only and traditional only; shape (11, n).

    >>> count_characters(pa.array(["Ab1 的金，#....…{国國門"]))[:, 0].tolist()
    [17, 2, 1, 5, 1, 2, 1, 2, 1, 1, 2]
    """
    offsets, data = utf8_buffers(strings)
    return np.asarray(_count_characters(data, offsets, _WEIGHTS))
