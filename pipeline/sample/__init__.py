"""The built-in sample: a small crawl, trusted text and a benchmark, all written for this project.

`taojin sample DIR` writes it and `taojin run` without a config curates it. The articles lie in articles/, the word
lists of spam and other poor pages in noise.yaml, the benchmark in quiz.yaml, and plan.yaml says which article is
published where, copied, re-encoded or planted with a benchmark question. Everything follows from these files: no
clock, no generator of chance, no network, so that the sample has the same bytes each time it is written.
"""

from pipeline.sample.truth import duplicate_groups, truth
from pipeline.sample.write import write_sample

__all__ = ["duplicate_groups", "truth", "write_sample"]
