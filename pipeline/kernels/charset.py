"""The characters of a page: byte order mark, then HTTP header, `<meta>` and detection, checked against the bytes.

Valid UTF-8 with a multi-byte character in it is UTF-8 whatever is declared: text of another charset hardly ever passes
as UTF-8, and pages converted to UTF-8 often keep an old label. (WHATWG Encoding and HTML standards, where the bytes
do not contradict them.)
"""

import re
from functools import lru_cache

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
UTF16_BYTES = 64
META_BYTES = 4096  # HTML asks for the declaration in the first 1,024; pages with long heads put it later
META = re.compile(rb"""<meta\b[^>]*?\bcharset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
XML_DECLARATION = re.compile(rb"""\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([\w.:-]+)""", re.IGNORECASE)
MARKUP = re.compile(rb"<(script|style)\b.*?</\1\s*>|<[^>]*>|[ -;=?-~\s]{8,}", re.IGNORECASE | re.DOTALL)
DETECTION_BYTES = 1 << 16
# resiliparse's name for a WHATWG label -> the Python codec that covers what pages with this label hold.
WIDENED = {
    "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs", "iso8859-11": "cp874",
}  # fmt: skip
UNMAPPED = {"x-mac-cyrillic": "mac-cyrillic", "hz-gb-2312": "gb18030"}  # labels that resiliparse does not know
SINGLE_BYTE_DEFAULT = "cp1252"  # what servers declare for every page they know nothing about
# Of a declared charset's text this share may fail to decode (a page cut short, bytes of a stray insertion).
MAX_BAD_SHARE = 0.05


def decode(body: bytes, http_charset: str | None) -> tuple[str, str]:
    """The text and the name of the charset by which it was read. Never fails: what cannot be decoded becomes U+FFFD.

    >>> decode("\u6dd8\u91d1".encode("gbk"), "GB2312")
    ('\u6dd8\u91d1', 'gb18030')
    >>> decode("<meta charset=koi8-r>\u0437\u043e\u043b\u043e\u0442\u043e".encode("koi8-r"), "utf8mb4")[1]
    'koi8-r'
    """
    for mark, name in BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace"), name
    if b"\0" in body[:UTF16_BYTES] and (wide := _utf16_order(body)):
        return body.decode(wide, "replace"), wide
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":  # cut short within a character
            return body.decode("utf-8", "replace"), "utf-8"
        return _decode_other(body, http_charset)
    if body.find(b"\x1b", 0, 1 << 16) >= 0 and "iso2022_jp" in _declared(body, http_charset):
        return body.decode("iso2022_jp", "replace"), "iso2022_jp"
    return text, "utf-8"


def _utf16_order(body: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of the markup at a page's beginning is NUL."""
    sample = body[:UTF16_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < len(sample) // 4 or min(even, odd) > max(even, odd) // 8:
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _declared(body: bytes, http_charset: str | None) -> list[str]:
    """The charsets that the header and the page declare, known ones only. A server's default comes last."""
    head = body[:META_BYTES]
    found = [match[1].decode("ascii", "replace") for match in (META.search(head), XML_DECLARATION.match(head)) if match]
    names = [name for label in (http_charset or "", *found) if (name := codec(label))]
    return sorted(dict.fromkeys(names), key=lambda name: name == SINGLE_BYTE_DEFAULT)


@lru_cache(maxsize=1024)
def codec(label: str) -> str | None:
    """The Python codec for a label, as WHATWG maps labels; None where nobody knows it.

    >>> codec("GB2312"), codec("latin1"), codec("bom"), codec("")
    ('gb18030', 'cp1252', None, None)
    """
    label = label.strip(" \t\r\n\"';").lower()
    name = UNMAPPED.get(label) or (map_encoding_to_html5(label, fallback_utf8=False) if label else None)
    # a page in which UTF-16 could be declared is not written in it
    return None if name is None or name.startswith("utf-16") else WIDENED.get(name, name)


def _decode_other(body: bytes, http_charset: str | None) -> tuple[str, str]:
    """A body that is not valid UTF-8."""
    declared = _declared(body, http_charset)
    for name in declared or ["utf-8"]:
        text = body.decode(name, "replace")
        if text.count("\ufffd") <= MAX_BAD_SHARE * _n_high(body):
            return text, name
    if "utf-8" not in declared:
        text = body.decode("utf-8", "replace")
        if text.count("\ufffd") <= MAX_BAD_SHARE * _n_high(body):
            return text, "utf-8"
    name = detect(body)
    return body.decode(name, "replace"), name


# Hangul syllables; kana, without the half-width forms that any bytes decode to.
SCRIPTS = (
    ("cp949", re.compile("[\uac00-\ud7a3]")),
    ("cp932", re.compile("[\u3041-\u30fe]")),
    ("euc_jp", re.compile("[\u3041-\u30fe]")),
)
MIN_SCRIPT_SHARE = 0.25
_ASCII = bytes(range(128))


def _n_high(body: bytes) -> int:
    """Bytes that are not ASCII."""
    return len(body.translate(None, _ASCII))


def detect(body: bytes) -> str:
    """The charset of a page that declares none and is not UTF-8: what uchardet makes of it.

    Where that is nothing or a western charset, which fits any bytes, the scripts of Korean and Japanese tell.
    """
    name = codec(detect_encoding(body, max_len=DETECTION_BYTES))
    if name not in (None, "utf-8", SINGLE_BYTE_DEFAULT):
        return str(name)
    sample = MARKUP.sub(b" ", body[:DETECTION_BYTES])
    for name, script in SCRIPTS:
        text = sample.decode(name, "replace")
        n_other = len(text) - text.count(" ")
        if len(script.findall(text)) > MIN_SCRIPT_SHARE * n_other and text.count("\ufffd") <= MAX_BAD_SHARE * n_other:
            return name
    return SINGLE_BYTE_DEFAULT
