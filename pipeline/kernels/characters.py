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
STOP, CHINESE_PUNCTUATION, TERMINAL, BULLET, WIDE = (1 << bit for bit in range(5, 10))
_TABLE_SIZE = 0x20000  # above it stand only Han (to 0x3FFFF) and what has no class

# Characters of grammar rather than of a subject: FineWeb2's stop words for Mandarin (cmn_Hani) without its words of
# dates, the commonest particles and pronouns besides; simplified and traditional, modern and classical.
STOP_CHARACTERS = "的一是不了在有和人这這我他她你们們个個中来來上为為到以说說就也对對而于於之其与與被由那得着著下"
TERMINAL_CHARACTERS = ".!?\"'”’…。！？．｡」』؟۔।॥"  # FineWeb's stop characters and their kin in other scripts
BULLET_CHARACTERS = "•‣⁃◦∙●○▪▫■□▶-–*"
_CHINESE_PUNCTUATION = "，。、；：？！“”‘’（）《》〈〉【】「」『』〔〕—…·～"
_HAN = ((0x3007, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))


def _class(code: int) -> int:
    character = chr(code)
    alphabetic = character.isalpha()
    bits = ALPHABETIC * alphabetic | SPACE * character.isspace() | DIGIT * character.isdecimal()
    bits |= LATIN * (alphabetic and unicodedata.name(character, "").startswith(("LATIN", "FULLWIDTH LATIN")))
    bits |= HAN * any(low <= code <= high for low, high in _HAN)
    return bits | WIDE * (unicodedata.east_asian_width(character) in "WF")


def _classes() -> NDArray[np.uint16]:
    table = np.array([_class(code) for code in range(_TABLE_SIZE)], np.uint16)
    for bit, characters in (
        (STOP, STOP_CHARACTERS),
        (CHINESE_PUNCTUATION, _CHINESE_PUNCTUATION),
        (TERMINAL, TERMINAL_CHARACTERS),
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

# Seven counters of nine bits in one addition a code point: the weight of a code point has a 1 in each of its fields.
_FIELD_MAX = 511


def _weight(field: int) -> np.uint64:
    return np.uint64(1 << 9 * (field - LATINS))


def _weights() -> NDArray[np.uint64]:
    weights = np.zeros(_TABLE_SIZE, np.uint64)
    fields = ((LATINS, LATIN), (DIGITS, DIGIT), (HANS, HAN), (STOPS, STOP), (CHINESE_MARKS, CHINESE_PUNCTUATION))
    for field, bit in fields:
        weights[CLASSES & bit != 0] += _weight(field)
    weights[ord("#")] += _weight(HASH_SIGNS)
    weights[ord("…")] += _weight(ELLIPSIS_SIGNS)
    return weights


_WEIGHTS, _HAN_WEIGHT, _ELLIPSIS_WEIGHT = _weights(), _weight(HANS), _weight(ELLIPSIS_SIGNS)


@njit(cache=True)
def _count_characters(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], weights: NDArray[np.uint64]
) -> NDArray[np.int64]:
    counts = np.zeros((8, len(offsets) - 1), np.int64)
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
            for field in range(7):
                counts[field + 1, i] += np.int64(packed >> np.uint64(9 * field) & np.uint64(_FIELD_MAX))
    return counts


def count_characters(strings: pa.Array) -> NDArray[np.int64]:
    """Code points, and how many are Latin letters, digits, Han, stop characters, Chinese punctuation, `#`, and
    ellipses (`...` or `…`); shape (8, n).

    >>> count_characters(pa.array(["Ab1 的金，#....…"]))[:, 0].tolist()
    [13, 2, 1, 2, 1, 2, 1, 2]
    """
    offsets, data = utf8_buffers(strings)
    return np.asarray(_count_characters(data, offsets, _WEIGHTS))
