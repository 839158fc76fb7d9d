"""The configs that are shipped: each is read, and asks for what its paper asks for."""

from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.run.limits import limits_by_language, policy

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_is_valid(path: Path) -> None:
    config = load_config(path)
    assert all(limits for limits in limits_by_language(config).values())


def test_what_the_papers_ask_for() -> None:
    gpt3, fineweb, c4, chinese = (load_config(CONFIGS / f"{name}.yaml") for name in ("gpt3", "fineweb", "c4", "chinese"))
    assert gpt3.filters is None and gpt3.quality.select.alpha == 9 and gpt3.dedup.bands * gpt3.dedup.rows == 10
    assert sum(gpt3.mixture.weights.values()) == pytest.approx(1.01)
    assert (policy(fineweb).lines, policy(c4).lines, policy(chinese).chinese) == ("fineweb", "c4", "simplify")
    assert not policy(gpt3).edits
    assert {limit.metric: limit.max for limit in limits_by_language(fineweb)["default"]}["short_line_fraction"] == 0.67
