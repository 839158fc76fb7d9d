"""Which URLs are the same page."""

import re
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.kernels.hashing import hash64

# Parameters that name a visit or where a visitor came from, never a page: Google's, Facebook's, Microsoft's and
# Mailchimp's click ids and the session ids of PHP, Java, ASP and ColdFusion.
_VISIT = re.compile(
    r"(utm_\w+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|mc_[ce]id|phpsessid|jsessionid|aspsessionid\w*|cfid|cftoken)(=|$)",
    re.IGNORECASE,
)
_SESSION = re.compile(r";jsessionid=[^/?;]*", re.IGNORECASE)
_PORT = {"http": ":80", "https": ":443"}


def normalised_url(url: str) -> str:
    """A URL without what does not tell pages apart: http or https, `www.`, a default port, upper case of the host, the
    fragment (but `#!`), session ids, parameters of visits, the order of the others, a slash or a question mark at the end.

    What cannot be read as a URL is returned as it is.

    >>> normalised_url("HTTPS://www.Example.org:443/a/?b=2&utm_source=x&a=1#top")
    'example.org/a?a=1&b=2'
    >>> normalised_url("http://example.org/a;jsessionid=1F?PHPSESSID=9"), normalised_url("http://[")
    ('example.org/a', 'http://[')
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return url
    scheme = parts.scheme.lower()
    if not parts.netloc:
        return url
    host = parts.netloc.rpartition("@")[2].lower().removesuffix(_PORT.get(scheme, "")).removeprefix("www.")
    path = _SESSION.sub("", parts.path).rstrip("/")
    query = "&".join(sorted(one for one in parts.query.split("&") if one and not _VISIT.match(one)))
    fragment = f"#{parts.fragment}" if parts.fragment.startswith("!") else ""
    kept = "" if scheme in _PORT else f"{scheme}://"
    return f"{kept}{host}{path}{'?' if query else ''}{query}{fragment}"


def url_keys(urls: pa.Array) -> NDArray[np.uint64]:
    """XXH64 of each URL's normalised form; a null is an empty URL. Shape (n,)."""
    found = [normalised_url(url or "").encode("utf-8", "replace").decode() for url in urls.to_pylist()]
    return hash64(pa.array(found, pa.string()))
