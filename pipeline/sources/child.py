"""A call in a process of its own: whatever native code makes of a hostile page, this process goes on.

No signal handler of Python's runs while a parser is at work (measured: an alarm of 1 s was told after 10 s), so only another
process can be ended. One costs some 10 ms, so only suspicious pages get it.
"""

import faulthandler
import json
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

SECONDS = 20
MEMORY = 2 << 30  # bytes that the call may take beside what this process holds
_STATM = Path("/proc/self/statm")

Answer = tuple[str, str | None]  # a text and a remark


class ChildError(Exception):
    """The process ended without an answer; the message says how."""


def in_child(call: Callable[[], Answer], seconds: int = SECONDS) -> Answer:
    """What `call` returns. Raises ChildError where it takes longer than `seconds`, crashes or raises anything.

    >>> in_child(lambda: ("gold", None))
    ('gold', None)
    """
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(call, seconds, receive, send)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        told = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == -signal.SIGALRM:
        raise ChildError(f"no text within {seconds} s")
    if code < 0:
        raise ChildError(f"the parser ended by {signal.Signals(-code).name}")
    text, remark, error = json.loads(told) if told else ("", None, f"the parser ended with status {code}")
    if error is not None:
        raise ChildError(error)
    return text, remark


def _answer(call: Callable[[], Answer], seconds: int, receive: int, send: int) -> None:
    """The child's whole life. The alarm has no handler: it ends native code, and the child if its parent is gone."""
    try:
        os.close(receive)
        faulthandler.disable()  # the parent tells of a crash in a line
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        if _STATM.exists():
            held = int(_STATM.read_text().split()[0]) * resource.getpagesize()
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY if most < 0 else min(held + MEMORY, most), most))
        try:
            told: tuple[str, str | None, str | None] = (*call(), None)
        except Exception as error:
            told = "", None, f"{type(error).__name__}: {error}"
        with os.fdopen(send, "wb") as pipe:
            pipe.write(json.dumps(told).encode())
    finally:
        os._exit(0)
