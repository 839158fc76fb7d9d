"""A run: the stages in order, each done once, published whole, its accounts balanced.

A stage's fingerprint covers what its result depends on: the part of the config that it reads, its input files, the version
of taojin, and the fingerprint of the stage before it. A stage that is published under its fingerprint is not run again; a
changed one takes those after it along.
"""

from pipeline.run.engine import report, run, verify

__all__ = ["report", "run", "verify"]
