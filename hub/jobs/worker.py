"""The program of a worker process: calls functions as it is told, until nobody tells it any more.

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
    """Answer tasks in turn."""
    # Ctrl-C at a terminal reaches every process; whoever started this one decides.
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
    """Do not finish a long calculation for nobody: the pipe ends when the other process does."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
