"""Learn the weights of pipeline/kernels/blocks.json from pages with hand-made main text, and say how well they carry over.

usage: train_blocks.py FOLDER [--write]     FOLDER holds html/*.html.gz and ground-truth.json ({page: {articleBody: text}})

Prints F1, precision and recall over pages that the weights have not seen (ten folds by page): each page's runs of four words
are matched as multisets, precision and recall are means over pages, F1 is their harmonic mean (the definition of the
article-extraction benchmark). A block is main text if over half of its runs are in the truth; a page weighs one, its
blocks by their words.
"""

import gzip
import json
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.kernels.blocks import NAMES, Blocks, Weights, chosen_text, find_blocks, text_of
from pipeline.kernels.html import reduced_html

FOLDS = 10
TAKEN_FROM = 0.4  # a block missed costs a page more than one too many: the best of 0.3, 0.4, 0.5 over the folds
REGULARISATION = 0.1


def runs(text: str) -> Counter[tuple[str, ...]]:
    """A text's runs of four words with their counts; a shorter text is one run."""
    words = re.findall(r"\w+", text)
    return Counter(tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3)) if words)


def labels(data: bytes, blocks: Blocks, truth: str) -> tuple[np.ndarray, np.ndarray]:
    """Which blocks are main text, and how many words each has."""
    true, flat = runs(truth), " ".join(["", *re.findall(r"\w+", truth), ""])
    is_main, n_words = np.zeros(len(blocks.spans)), np.zeros(len(blocks.spans))
    for i in range(len(blocks.spans)):
        words = re.findall(r"\w+", text_of(data, blocks.spans, np.array([i])))
        n_words[i] = len(words)
        if len(words) < 4:
            is_main[i] = bool(words) and f" {' '.join(words)} " in flat
        else:
            mine = runs(" ".join(words))
            is_main[i] = sum(n for run, n in mine.items() if run in true) > mine.total() / 2
    return is_main, n_words


def fit(pages: list[tuple[Blocks, np.ndarray, np.ndarray]]) -> Weights:
    """The regression over the pages, its scaling and TAKEN_FROM folded into weights and intercept."""
    values = np.concatenate([blocks.values for blocks, _, _ in pages])
    is_main = np.concatenate([main for _, main, _ in pages])
    weight = np.concatenate([words / max(words.sum(), 1) + 0.2 / len(words) for _, _, words in pages if len(words)])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=REGULARISATION, max_iter=3000))
    model.fit(values, is_main, logisticregression__sample_weight=weight / weight.mean())
    scaler, regression = model[0], model[1]
    weights = regression.coef_[0] / scaler.scale_
    at_limit = np.log(TAKEN_FROM / (1 - TAKEN_FROM))
    return Weights(weights, float(regression.intercept_[0] - weights @ scaler.mean_ - at_limit))


def score(texts: dict[str, str], truth: dict[str, str]) -> dict[str, float]:
    """F1, precision and recall as above."""
    precision, recall = [], []
    for key, text in texts.items():
        mine, true = runs(text), runs(truth[key])
        both = (mine & true).total()
        if mine:
            precision.append(both / mine.total())
        if true:
            recall.append(both / true.total())
    p, r = float(np.mean(precision)), float(np.mean(recall))
    return {"f1": round(2 * p * r / (p + r), 4), "precision": round(p, 4), "recall": round(r, 4)}


def main(folder: Path, write: bool) -> None:
    """Prints the figures; with `write`, replaces the weights by those of all pages."""
    given = json.loads((folder / "ground-truth.json").read_text("utf-8"))
    truth = {key: row.get("articleBody", "") for key, row in sorted(given.items())}
    markup, learned = {}, {}
    for key, text in truth.items():
        page = gzip.decompress((folder / "html" / f"{key}.html.gz").read_bytes()).decode("utf-8", "replace")
        markup[key] = reduced_html(page)
        blocks = find_blocks(markup[key].encode())
        learned[key] = (blocks, *labels(markup[key].encode(), blocks, text))
    keys = [list(truth)[i] for i in np.random.default_rng(0).permutation(len(truth))]
    texts = {}
    for fold in range(FOLDS):
        weights = fit([learned[key] for i, key in enumerate(keys) if i % FOLDS != fold])
        texts |= {key: chosen_text(markup[key], weights) for key in keys[fold::FOLDS]}
    print(json.dumps({"pages": len(truth), "unseen": score(texts, truth)}))
    everything = fit([learned[key] for key in keys])
    print(json.dumps({"seen": score({key: chosen_text(markup[key], everything) for key in keys}, truth)}))
    if write:
        named = {name: round(float(value), 4) for name, value in zip(NAMES, everything.weights, strict=True)}
        stored = {"intercept": round(everything.intercept, 4), "weights": named}
        path = Path(__file__).parents[2] / "pipeline" / "kernels" / "blocks.json"
        path.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--write" in sys.argv[2:])
