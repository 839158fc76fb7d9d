"""Personal data in a text of any language: e-mail and public IP addresses, telephone and Chinese identity numbers.

A pattern alone finds too much, so each kind is checked by what its standard allows: an address's parts and lengths
(RFC 5321), public addresses only (as datatrove's PIIFormatter: private networks name nobody), 8 to 15 digits after a
`+` (E.164), the check digit of GB 11643-1999. Every pattern is bounded, so that no text takes more than linear time.
"""

import ipaddress
import re
from collections.abc import Iterator

from pipeline.kernels.edits import Edit, resolved

# What stands in the place of each: the marks of Dolma (Soldaini et al. 2024, arXiv:2402.00159), and one in their manner.
MARKS = {
    "email": "|||EMAIL_ADDRESS|||",
    "ip_address": "|||IP_ADDRESS|||",
    "phone": "|||PHONE_NUMBER|||",
    "id_number": "|||ID_NUMBER|||",
}

_LOCAL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+/=?^_`{|}~-.")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])")
_LOCAL_MAX = 64
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]{2,34}(?![\w:])", re.ASCII)
# What is found at several times the speed of the patterns: seven characters or more of digits and what parts them, in which
# an IPv4 address, a telephone or an identity number lies but for a sign at either end; and a group between colons.
_DIGITS, _IPV6_PART = re.compile(r"\d[\d .()+-]{5,}\d", re.ASCII), re.compile(r":[0-9A-Fa-f]{0,4}:")
_HEX = frozenset("0123456789ABCDEFabcdef")
_ID_LENGTH = 17  # digits, before the check digit
_PHONE = re.compile(
    r"(?<![\w+])(?<!\d\.)(?:"
    r"\+\d{1,3}(?:[ .()-]{0,2}\d{1,5}){2,6}"  # international, E.164
    r"|(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}"  # North America, parted
    r"|(?:86[- ]?)?1[3-9]\d(?:\d{8}|[- ]\d{4}[- ]\d{4})"  # Chinese mobile
    r"|(?:0\d{2,3}[- ]|\(0\d{2,3}\) ?)\d{7,8}"  # Chinese landline
    r")(?![\w-]|\.\d)",
    re.ASCII,
)
_ID_NUMBER = re.compile(
    r"(?<!\w)[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\w)", re.ASCII
)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def find(text: str) -> list[Edit]:
    """The personal data in a text, each with its mark; `reason` is its kind.

    >>> [(edit.reason, edit.start) for edit in find("a.b@example.org, 8.8.8.8, 192.168.0.1, 13812345678, v1.2.3")]
    [('email', 0), ('ip_address', 17), ('phone', 39)]
    """
    found = [Edit(start, end, MARKS[kind], kind) for kind, start, end in _find(text)]
    return resolved(found)


def _find(text: str) -> Iterator[tuple[str, int, int]]:
    yield from (("email", *span) for span in _emails(text))
    yield from (("ip_address", *span) for span in _ipv6(text))
    for run in _DIGITS.finditer(text):
        # A pattern looks at one character before what it finds, and at two behind.
        place = max(0, run.start() - 1), min(len(text), run.end() + 2)
        for match in _IPV4.finditer(text, *place) if "." in run[0] else ():
            if _is_public(match[0]):
                yield "ip_address", *match.span()
        for match in _ID_NUMBER.finditer(text, *place) if len(run[0]) >= _ID_LENGTH else ():
            if _checks(match[0]):
                yield "id_number", *match.span()
        for match in _PHONE.finditer(text, *place):
            if match[0][0] != "+" or 8 <= sum(map(str.isdigit, match[0])) <= 15:
                yield "phone", *match.span()


def _ipv6(text: str) -> Iterator[tuple[int, int]]:
    for part in _IPV6_PART.finditer(text):
        start = part.start()
        while start > max(0, part.start() - 4) and text[start - 1] in _HEX:
            start -= 1
        match = _IPV6.match(text, start)
        if match and _is_public(match[0]):
            yield match.span()


def _emails(text: str) -> Iterator[tuple[int, int]]:
    at = text.find("@")
    while at >= 0:
        start = at
        while start > max(0, at - _LOCAL_MAX) and text[start - 1] in _LOCAL:
            start -= 1
        local = text[start:at]
        start += max(local.rfind("..") + 2 if ".." in local else 0, len(local) - len(local.lstrip(".")))
        domain = _DOMAIN.match(text, at + 1)
        if start < at and text[at - 1] != "." and domain:
            yield start, domain.end()
        at = text.find("@", at + 1)


def _is_public(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    # Of IPv6 only global unicast, 2000::/3: in code and times of day other blocks are no addresses.
    return parsed.is_global and (parsed.version == 4 or int(parsed) >> 125 == 1)


def _checks(number: str) -> bool:
    """MOD 11-2 of ISO 7064 over the first 17 digits.

    >>> _checks("11010519491231002X"), _checks("110105194912310021")
    (True, False)
    """
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, number, strict=False))
    return "10X98765432"[total % 11] == number[17].upper()
