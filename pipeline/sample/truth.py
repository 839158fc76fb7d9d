"""The true facts of the sample, for tests of the whole path. No stage of a pipeline may read them."""

from collections import defaultdict

from pipeline.sample.captures import captures, pages, revisited


def truth() -> dict[str, list[str]]:
    """URLs by kind and by trait, each list sorted.

    Kinds, one for every response: article, near_duplicate, exact_duplicate, reference_copy, other_language, spam,
    listing, index, error_page (HTML with status 200); not_ok, robots, image. The revisit record's URL is that of an
    article. Traits of some articles and of their copies: planted, gb18030, big5, chunked_gzip.
    """
    urls = defaultdict(list)
    for capture in captures():
        urls[capture.response.kind].append(capture.url)
    for page in pages():
        for trait in page.traits:
            urls[trait].append(page.url)
    urls["revisit"].append(revisited()[0])
    return {kind: sorted(found) for kind, found in sorted(urls.items())}


def duplicate_groups() -> list[tuple[str, ...]]:
    """Documents with the same or nearly the same text, the original first: URLs, or `webtext/<id>` for a reference."""
    copies = defaultdict(list)
    for page in pages():
        if page.copy_of:
            copies[page.copy_of].append(page.url)
    return [(original, *sorted(urls)) for original, urls in sorted(copies.items())]
