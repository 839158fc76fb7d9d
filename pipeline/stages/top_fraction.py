"""The cut of `top_fraction`: the rank key of the last document that is kept in each language, found by counting.

A rank key (kernels.quality.rank_keys) is 48 hexadecimal digits, the best document's first. Each round counts the keys by
their next four digits below the prefix under which the wanted rank lies; when few keys are left under it, they are read.
No round collects more than 65,536 rows a language, however large the corpus is.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline.arrow import column_from
from pipeline.kernels.quality import rank_keys
from pipeline.schema import STRING

FEW = 10_000  # keys under a prefix that are read at once
_DIGITS, _STEP = 48, 4


def rank_key() -> Column:
    """Of `quality_score` and `text_hash`."""
    return column_from(rank_keys, STRING)("quality_score", "text_hash")


def cuts(ranks: DataFrame, keep: float) -> dict[str, str]:
    """For each language the key of the document of rank round(keep x n), at least 1; `ranks`: language, key.

    Documents whose key is not greater are kept: `keep` of them, and the copies of the last one's text. Starts Spark jobs.
    """
    sizes: dict[str, int] = dict(ranks.groupBy("language").count().collect())
    wanted = {language: max(1, round(keep * n)) for language, n in sizes.items()}  # the rank, under the prefix
    left, prefixes = dict(sizes), dict.fromkeys(sizes, "")
    for length in range(_STEP, _DIGITS + 1, _STEP):
        many = [language for language in sizes if left[language] > FEW]
        if not many:
            break
        below = _under(ranks, {language: prefixes[language] for language in many})
        counted = below.groupBy("language", F.substring("key", 1, length).alias("prefix")).count().collect()
        for language, prefix, n in sorted(counted):
            if prefixes[language] == prefix[: length - _STEP]:
                if n >= wanted[language]:
                    prefixes[language], left[language] = prefix, n
                else:
                    wanted[language] -= n
    return _read(ranks, prefixes, wanted, left)


def _read(ranks: DataFrame, prefixes: dict[str, str], wanted: dict[str, int], left: dict[str, int]) -> dict[str, str]:
    whole = {language: prefix for language, prefix in prefixes.items() if len(prefix) == _DIGITS}  # copies of one text
    few = {language: prefix for language, prefix in prefixes.items() if language not in whole}
    keys: dict[str, list[str]] = {language: [] for language in few}
    if few:
        for language, key in _under(ranks, few).select("language", "key").collect():
            keys[language].append(key)
    assert all(len(found) == left[language] for language, found in keys.items())
    return whole | {language: sorted(found)[wanted[language] - 1] for language, found in keys.items()}


def _under(ranks: DataFrame, prefixes: dict[str, str]) -> DataFrame:
    mine = F.lit(False)
    for language, prefix in sorted(prefixes.items()):
        mine = mine | ((F.col("language") == language) & F.col("key").startswith(prefix))
    return ranks.where(mine)
