"""What a config asks for in the texts and of them: edits, words to count, limits by language."""

from pathlib import Path

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.kernels.cleaning import Policy
from pipeline.kernels.metrics import PERSONAL
from pipeline.recipes import Limit, load_recipe, with_overrides


def limits_by_language(config: Config) -> dict[str, tuple[Limit, ...]]:
    """Each language's recipe with the config's own limits over it; raises ConfigError for an unknown metric."""
    if config.filters is None:
        return {}
    given = {metric: limit.model_dump(exclude_none=True) for metric, limit in config.filters.limits.items()}
    limits = {
        language: with_overrides(load_recipe("+".join(names) or "none"), given)
        for language, names in config.filters.recipes.items()
    }
    measured = {f"{kind}_count": ("pii: count", config.annotate.pii != "none") for kind in PERSONAL}
    measured["sensitive_word_fraction"] = ("sensitive_words", bool(config.annotate.sensitive_words))
    for limit in (limit for some in limits.values() for limit in some):
        key, is_measured = measured.get(limit.metric, ("", True))
        if not is_measured:
            raise ConfigError(f"filters: {limit.metric} is limited but not measured; add `annotate: {{{key}}}`")
    return limits


def policy(config: Config) -> Policy:
    """What annotate edits."""
    return Policy(config.annotate.pii, config.annotate.lines, config.annotate.chinese)


def read_sensitive_words(config: Config) -> list[str]:
    """The words and phrases of annotate.sensitive_words, one a line."""
    found: set[str] = set()
    for path in config.annotate.sensitive_words:
        try:
            found.update(Path(path).read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"annotate.sensitive_words: {path} cannot be read: {error}") from None
    return sorted(word for word in map(str.strip, found) if word)
