"""The program of a worker process: calls functions on request, until the connection is closed.

python -m hub.jobs.worker DESCRIPTOR, the number of an inherited connection.
"""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection
from threading import Thread

from registry.errors import RegistryError


def main() -> None:
    """Run tasks one by one."""
    # Ctrl-C at a terminal reaches every process; the parent process handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_die_with_parent, daemon=True).start()
    with Connection(int(sys.argv[1])) as connection:
        while True:
            try:
                function, *arguments = connection.recv()
            except EOFError:
                return
            try:
                answer = function(*arguments)
            except RegistryError as problem:
                answer = problem
            connection.send(answer)


def _die_with_parent() -> None:
    """Exit when the parent process ends, which closes the pipe."""
    # Not through `sys.stdin`, whose lock this thread would hold when the program ends: Python would
    # abort, and say nothing of the error that ended it.
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
