"""The limits that a config asks for, by language."""

from pipeline.config import Config
from pipeline.recipes import Limit, load_recipe, with_overrides


def limits_by_language(config: Config) -> dict[str, tuple[Limit, ...]]:
    """Each language's recipe with the config's own limits over it; raises ConfigError for an unknown metric."""
    if config.filters is None:
        return {}
    given = {metric: limit.model_dump(exclude_none=True) for metric, limit in config.filters.limits.items()}
    return {
        language: with_overrides(load_recipe("+".join(names) or "none"), given)
        for language, names in config.filters.recipes.items()
    }
