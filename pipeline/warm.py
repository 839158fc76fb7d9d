"""Compile the kernels into numba's cache: `python -m pipeline.warm`.

A first run starts this beside Java, so that one process compiles each kernel once, before the stages need it. Without it
every Spark worker compiled every kernel for itself, at the same time.
"""

import os
import subprocess
import sys
from pathlib import Path

_KERNELS = Path(__file__).with_name("kernels")


def warm_beside() -> "subprocess.Popen[bytes] | None":
    """Compiles in a process of its own, unless that has been done here before."""
    if "NUMBA_CACHE_DIR" not in os.environ and any(_KERNELS.glob("__pycache__/ngrams.*.nbc")):  # the last ones
        return None
    # -P: of a checkout in the working folder, and of an installed package, the one that the workers import.
    command, nowhere = [sys.executable, "-P", "-m", "pipeline.warm"], subprocess.DEVNULL
    return subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)


def compile_kernels() -> None:
    """Calls every kernel on a few words, in the order in which the stages do."""
    import numpy as np
    import pyarrow as pa

    from pipeline.kernels import gpt2, hashing, html, language, metrics, minhash, ngrams, quality, recurring
    from pipeline.kernels.chinese import words
    from pipeline.kernels.text import units

    sentence = "Gold is washed from sand, again and again, until the heavy grains alone are left."
    texts = pa.array([sentence, sentence + "\n淘金是从沙里洗出金子。"])
    html.main_text(f"<p>{sentence}</p>")
    language.identify([sentence])
    hashing.text_hash(sentence)
    hashing.unit_interval(0, "warm", texts)
    spelled = quality.content(*words(texts, "en"))
    quality.count_words(spelled, 8)
    quality.score(spelled, np.zeros(8, np.float32), 0.0)
    found = units(texts)
    metrics.measure(texts, found)
    minhash.band_keys(minhash.signature_column(found, 5, 2), 1, 2)
    minhash.compare_stars(np.zeros(2, np.int64), np.zeros(0, np.int64), minhash.shingle_sets(found, 5, 100), 100, 0.8, 2)
    recurring.pieces(texts, "line")
    gpt2.count(texts)
    opens = np.ones(len(found.hashes), np.bool_)
    index = ngrams.build_index(ngrams.item_grams(found, opens, np.array([13, 13]), 13), 13)
    for mapped in index[1:]:
        mapped.flags.writeable = False  # as it is where workers map the files
    ngrams.find(texts, index)


if __name__ == "__main__":
    compile_kernels()
