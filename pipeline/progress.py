"""One line a stage: a bar while it runs on a terminal, a plain line elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.schema import STAGES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_WIDTH = max(map(len, STAGES))
_POLL_SECONDS = 0.25

Say = Callable[[str], None]


@contextmanager
def stage_progress(spark: "SparkSession", name: str) -> Iterator[Say]:
    """Shows the stage while the block runs, then `name  done in 12.3 s  what was said`.

    The block says in a few words what came of it; several sayings are joined by commas.
    """
    sayings: list[str] = []
    on_terminal = sys.stdout.isatty()
    start = time.monotonic()
    if not on_terminal:
        print(f"{name:<{_WIDTH}} … ", end="", flush=True)
    outcome = "failed after"
    try:
        if on_terminal:
            with _bar(spark, name):
                yield sayings.append
        else:
            yield sayings.append
        outcome = "done in"
    finally:
        head = f"{name:<{_WIDTH}}   " if on_terminal else ""
        said = "".join(f"  {text}" for text in [", ".join(sayings)] if text)
        print(f"{head}{outcome} {time.monotonic() - start:.1f} s{said}", flush=True)


@contextmanager
def _bar(spark: "SparkSession", name: str) -> Iterator[None]:
    """A bar of the Spark tasks done, which vanishes at the end. It grows as Spark plans further stages."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("tasks"), TimeElapsedColumn(),
    )  # fmt: skip
    over = threading.Event()
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(f"{name:<{_WIDTH}}", total=None)

        def poll() -> None:
            seen: dict[int, tuple[int, int]] = {}
            while not over.wait(_POLL_SECONDS):
                try:
                    seen = tasks_by_stage(spark, seen)
                except Exception:  # the session is going away; the stage itself says why
                    return
                done, total = (sum(column) for column in zip(*seen.values(), strict=True)) if seen else (0, None)
                progress.update(task, completed=done, total=total)

        thread = threading.Thread(target=poll, name="taojin-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def tasks_by_stage(spark: "SparkSession", seen: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """(done, all) tasks of each Spark stage: those active now, and those seen before, which are done."""
    tracker = spark.sparkContext.statusTracker()
    infos = (tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds())
    active = {info.stageId: (info.numCompletedTasks, info.numTasks) for info in infos if info}
    return {stage: (total, total) for stage, (_, total) in seen.items()} | active


def say_kept(name: str, said: str) -> None:
    """The line of a stage that an earlier run has done."""
    print(f"{name:<{_WIDTH}}   done before{f'  {said}' if said else ''}", flush=True)
