"""`python -m pipeline` is `taojin`."""

from pipeline.cli import main

main()
