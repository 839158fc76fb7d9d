"""pyspark's daemon of Python workers, for local sessions: `python -m pipeline.daemon pyspark.worker`.

A worker collects garbage after every task. The modules that our kernels need are hundreds of thousands of objects, which
took 50 ms to look through each time, more than many tasks themselves. What is left after a task is therefore set apart
from what the next collection looks at (gc.freeze; it is there until the worker ends).
"""

import gc
import socket

from pyspark import daemon

_serve = daemon.worker


def worker(sock: socket.socket, authenticated: bool) -> int:
    """One task of a worker; pyspark's exit code."""
    code = _serve(sock, authenticated)
    gc.collect()
    gc.freeze()
    return code


if __name__ == "__main__":
    daemon.worker = worker
    daemon.manager()
