"""One key for all spellings of a page's URL, so that a link finds the capture that it means."""

import re
from urllib.parse import quote, unquote_to_bytes, urlsplit

import pyarrow as pa

# Parameters that say where a reader came from, or that number a visit, not what is read.
TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|dclid|msclkid|yclid|igshid|mc_[ce]id|spm|_ga|_gl|phpsessid|jsessionid|aspsessionid\w*)(?:=|$)",
    re.IGNORECASE,
)
DEFAULT_PORTS = {"http": "80", "https": "443"}
SAFE = "!$&'()*+,;=:@/~"


def url_key(url: str) -> str:
    """Host, path and query of an http or https URL without what does not change the page: scheme, user, `www.`, default
    port, fragment, a slash at the end, tracking parameters, the order of parameters, how characters are escaped. Empty for
    anything else.

    >>> url_key("HTTPS://www.Gold.example:443/Pan/?b=2&utm_source=x&a=1#top"), url_key("http://gold.example/Pan?a=1&b=2")
    ('gold.example/Pan?a=1&b=2', 'gold.example/Pan?a=1&b=2')
    >>> url_key("http://gold.example/a%7eb%c3%a9"), url_key("//gold.example/a~b\u00e9"), url_key("mailto:x"), url_key("http://[")
    ('gold.example/a~b%C3%A9', 'gold.example/a~b%C3%A9', '', '')
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip("."), str(parts.port or "")
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https", "") or not host:
        return ""
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            return ""
    host = host.removeprefix("www.")
    if port and DEFAULT_PORTS.get(parts.scheme or "http") != port:
        host = f"{host}:{port}"
    fields = sorted(_escaped(field) for field in parts.query.split("&") if field and not TRACKING.match(field))
    query = "?" + "&".join(fields) if fields else ""
    return host + _escaped(parts.path).rstrip("/") + query


def _escaped(text: str) -> str:
    return quote(unquote_to_bytes(text), safe=SAFE)


def url_keys(urls: pa.Array) -> pa.Array:
    """`url_key` of each; null stays null."""
    return pa.array([None if url is None else url_key(url) for url in urls.to_pylist()], pa.string())
