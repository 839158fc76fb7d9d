"""The tokenizer that a config names, with what workers need to count by it."""

from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.kernels.tokens import ENCODINGS, GPT2, Tokenizer, counter


def load_tokenizer(named: str) -> Tokenizer:
    """One of ENCODINGS, or a tokenizer.json by its path; raises ConfigError where it cannot count."""
    tokenizer = Tokenizer(named) if named in ENCODINGS else Tokenizer(_title(Path(named)), _read(Path(named)))
    if tokenizer != GPT2:
        try:
            counter(tokenizer)
        except ImportError as error:
            raise ConfigError(
                f"mixture.tokenizer: {named} needs {error.name}, which is not installed: pip install 'taojin[tokenizers]'"
            ) from None
        except ValueError as error:
            raise ConfigError(f"mixture.tokenizer: {named} is no tokenizer.json: {error}") from None
    return tokenizer


def _title(path: Path) -> str:
    """
    >>> _title(Path("models/llama/tokenizer.json")), _title(Path("own.json"))
    ('llama/tokenizer.json', 'own.json')
    """
    return f"{path.parent.name}/{path.name}" if path.name == "tokenizer.json" else path.name


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"mixture.tokenizer: {path} cannot be read: {error}") from None
