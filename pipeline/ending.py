"""How a command ends: Spark is stopped, whatever happened is one message, the exit code is the contract's."""

import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from pipeline.errors import TaojinError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SAID_OF_SIGNALS = {
    signal.SIGINT: "interrupted; the same command goes on from here",
    signal.SIGTERM: "stopped by SIGTERM; the same command goes on from here",
}


class Stopped(BaseException):
    """A signal came. No KeyboardInterrupt: py4j answers one by talking to Java in the midst of what was said."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = signal.Signals(number)


@contextmanager
def finishing(debug: bool) -> Iterator[None]:
    """Turns whatever ends a command into one message on stderr and the contract's exit code."""

    def stop(number: int, _: object) -> None:
        raise Stopped(number)

    for number in _SAID_OF_SIGNALS:
        signal.signal(number, stop)
    if debug:
        os.environ.setdefault("TAOJIN_SPARK_LOG", "error")
    else:  # py4j logs a page for every connection that a signal cuts
        logging.getLogger().addHandler(logging.NullHandler())
    try:
        yield
    except Stopped as stopped:
        _finish(_SAID_OF_SIGNALS[stopped.number], 128 + stopped.number, debug)
    except KeyboardInterrupt:  # while Spark starts, pyspark's own handler is in place
        _finish(_SAID_OF_SIGNALS[signal.SIGINT], 128 + signal.SIGINT, debug)
    except TaojinError as error:
        _finish(str(error), error.exit_code, debug)
    except Exception as error:  # the last place: whatever it is becomes one line
        _finish(f"{describe(error)} (--debug shows the traceback)", 1, debug)


@contextmanager
def stopping_spark(open_spark: "Callable[[], SparkSession]") -> "Iterator[Callable[[], SparkSession]]":
    """Hands on `open_spark`, for the first stage that needs it; stops at the end what it opened."""
    opened: SparkSession | None = None

    def open_it() -> "SparkSession":
        nonlocal opened
        from pipeline.session import abandon_call

        def stop(number: int, _: object) -> None:
            abandon_call()
            raise Stopped(number)

        opened = open_spark()
        for number in _SAID_OF_SIGNALS:  # also in the place of pyspark's own handler, which only cancels jobs
            signal.signal(number, stop)
        return opened

    try:
        yield open_it
    finally:
        if opened:
            with suppress(Exception):  # a JVM that died already; what killed it is the message
                opened.stop()


def _finish(message: str, exit_code: int, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    for line in message.splitlines():
        print(f"taojin: {line}", file=sys.stderr)
    raise typer.Exit(exit_code)


def describe(error: BaseException) -> str:
    """One line about an unexpected error; of Spark's walls the line that names the cause."""
    text = str(error)
    if type(error).__name__ in ("Py4JNetworkError", "ConnectionRefusedError"):
        return "Spark's Java process ended; if memory ran out, set spark.conf.spark.driver.memory"
    if type(error).__module__.startswith(("pyspark.", "py4j.")):
        return f"Spark stopped: {root_cause(text)}"
    return f"unexpected {type(error).__name__}: {' '.join(text.split())}"


def root_cause(text: str) -> str:
    r"""The line of a Spark error that says what happened: a worker's Python exception, else the innermost Java one.

    >>> root_cause("Lost task\nTraceback (most recent call last):\n  File 'x'\nValueError: bad\n\n\tat org.A")
    'ValueError: bad'
    >>> root_cause("An error.\n: java.A: outer\n\tat x.Y\nCaused by: java.io.IOException: No space left\n\tat z")
    'java.io.IOException: No space left'
    """
    if crash := re.search(r"Python worker exited unexpectedly[^\n]*", text):
        return crash[0].rstrip(": ")
    _, traceback_found, python = text.partition("Traceback (most recent call last):")
    if traceback_found:
        lines = [line for line in re.split(r"\n\s*at |\nDriver stacktrace", python)[0].splitlines() if line.strip()]
        raised = [line for line in lines if not line.startswith(" ")]
        return re.sub(r"^pipeline\.errors\.\w+: ", "", raised[-1] if raised else lines[-1])
    causes = re.findall(r"^Caused by: ([^\n]+)", text, re.MULTILINE) or re.findall(r"^: ([^\n]+)", text, re.MULTILINE)
    return causes[-1] if causes else text.strip().split("\n")[0]
