"""ARC, the format before WARC: a line `URL IP-address date content-type [five more in version 2] length`, then the block.

(Internet Archive, "Arc File Format", 1996; the URL may hold spaces that nobody escaped.)
"""

import re

SCHEMES = rb"(?:filedesc|https?|ftp|dns)"
LINE = re.compile(SCHEMES + rb":([^\n]{1,16384}?) (\S+) (\d{8,20}) (?:([^\n]{0,300}) )?(-?\d{1,19}|\w{1,8})\r?\n")
NEXT_LINE = re.compile(rb"\n(" + SCHEMES + rb":[^\n]{1,3000}? \d{8,20} [^\n]{0,300}\r?\n)")
OVERLAP = 4096  # more than NEXT_LINE can match


def arc_headers(line: re.Match[bytes]) -> dict[str, str]:
    """The line's fields under the names that WARC has for them; no content-length where it is no number.

    >>> found = arc_headers(LINE.match(b"http://a.example/x y 10.0.0.7 20140216050221 text/html 1591\\n"))
    >>> found["warc-type"], found["warc-target-uri"], found["warc-date"], found["content-length"]
    ('response', 'http://a.example/x y', '20140216050221', '1591')
    """
    url = line[0][: line.end(1) - line.start()].decode("utf-8", "replace")
    scheme = url.partition(":")[0].lower()
    return {
        "warc-type": "response" if scheme.startswith("http") else "warcinfo" if scheme == "filedesc" else scheme,
        "warc-target-uri": url,
        "warc-date": line[3].decode(),
        "content-type": (line[4] or b"").decode("utf-8", "replace").partition(" ")[0],
        "content-length": line[5].decode("ascii", "replace"),
    }
