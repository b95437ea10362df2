"""Goes through numbered faults in a process that is watched from outside, and ends its hangs."""

from __future__ import annotations

import faulthandler
import gc
import json
import logging
import os
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from registry import download, files
from tests.faults.cases import Case, all_cases
from tests.faults.verdict import HANGS, Verdict
from tests.faults.worlds import Worlds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LONGEST = 10.0  # seconds; whatever takes longer hangs


@dataclass
class Outcome:
    """What came of one fault."""

    number: int
    label: str
    injected: bool
    failures: list[tuple[str, str]]
    story: list[str] = field(default_factory=list)


def run(
    numbers: Sequence[int],
    seed: int,
    folder: Path | None = None,
    *,
    tell: Callable[[Outcome], None] = lambda _: None,
    longest: float = LONGEST,
    bug: Callable[[], None] | None = None,
    cases: Sequence[Case] | None = None,
) -> list[Outcome]:
    """Do the faults of these numbers, and return what came of each.

    Parameters
    ----------
    numbers
        Which ones; with the seed a number says everything about a fault.
    seed
        Of all that is random.
    folder
        Empty, for everything that is made; a temporary one by default, in memory where possible.
    tell
        Called with each outcome as it is known.
    longest
        Seconds after which one counts as a hang.
    bug
        Called in the process that does the faults, once its worlds are made: the harness is tested
        by what it notices then.
    cases
        What the numbers go through; all cases but those of object stores by default.
    """
    cases = cases or all_cases()
    outcomes: list[Outcome] = []
    waiting = list(numbers)
    with _folder(folder) as root:
        while waiting:
            for outcome in _watched(waiting, seed, root, longest, bug, cases):
                outcomes.append(outcome)
                tell(outcome)
            done = {outcome.number for outcome in outcomes}
            waiting = [number for number in waiting if number not in done]
    return outcomes


def case_of(number: int, cases: Sequence[Case]) -> Case:
    return cases[number % len(cases)]


class _folder:
    """A folder that is removed afterwards, with any disk that was mounted in it."""

    def __init__(self, given: Path | None) -> None:
        self.path = given

    def __enter__(self) -> Path:
        if self.path is not None:
            self.path.mkdir(parents=True, exist_ok=True)
        else:
            memory = Path("/dev/shm")
            place = memory if os.access(memory, os.W_OK) else None
            self.path = Path(tempfile.mkdtemp(prefix="mlip-hub-faults-", dir=place))
        return self.path

    def __exit__(self, *_: object) -> None:
        Worlds.unmount(self.path)
        shutil.rmtree(self.path, ignore_errors=True)


def _watched(
    numbers: list[int],
    seed: int,
    root: Path,
    longest: float,
    bug: Callable[[], None] | None,
    cases: Sequence[Case],
) -> Iterator[Outcome]:
    """Give the outcomes of a child process, until it is done or hangs."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _work(numbers, seed, root, writing, longest, bug, cases)
    os.close(writing)
    current, buffer, began = numbers[0], b"", time.monotonic()
    try:
        while True:
            # The child itself may take long to begin.
            left = began + 2 * longest - time.monotonic()
            if left <= 0 or not select.select([reading], [], [], left)[0]:
                yield _hang(current, root, cases)
                return
            data = os.read(reading, 1 << 16)
            if not data:
                _, status = os.waitpid(child, 0)
                child = 0  # whose number may soon be another's
                if status:
                    raise RuntimeError(f"the harness failed at or after fault {current}")
                return
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                content, began = json.loads(line), time.monotonic()
                current = content["next"]
                if "outcome" in content:
                    yield Outcome(**content["outcome"])
    finally:
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os.close(reading)
        Worlds.unmount(root)


def _hang(number: int, root: Path, cases: Sequence[Case]) -> Outcome:
    log = root / "hang.txt"
    text = log.read_text() if log.exists() else ""
    label = case_of(number, cases).label
    return Outcome(number, label, True, [(HANGS, text or "killed, nobody knows where it was")])


def _work(
    numbers: list[int],
    seed: int,
    root: Path,
    writing: int,
    longest: float,
    bug: Callable[[], None] | None,
    cases: Sequence[Case],
) -> None:
    """Do faults until the end of this process."""
    try:
        gc.freeze()  # Nobody looks for garbage in what the parent has imported.
        # What this process does is not measured: it leaves without a word to anybody.
        sys.settrace(None)
        threading.settrace(None)
        logging.disable(logging.CRITICAL)
        os.fsync = lambda _: None  # No power is cut here, and a busy disk would take seconds.
        download.Retries.pause = lambda *_: 0.001
        files.LOCK_POLL = 0.02
        worlds = Worlds(root)
        log = (root / "hang.txt").open("w")
        if bug:
            for name in {case_of(number, cases).world for number in numbers}:
                worlds.begin(name)
            bug()
        for place, number in enumerate(numbers):
            faulthandler.dump_traceback_later(longest, file=log)
            case = case_of(number, cases)
            outcome = play(case, number, seed, worlds, longest)
            following = numbers[min(place + 1, len(numbers) - 1)]
            line = json.dumps({"next": following, "outcome": outcome.__dict__})
            os.write(writing, line.encode() + b"\n")
        worlds.close()
        sys.stdout.flush()
        os._exit(0)
    finally:
        # Whatever is wrong with the harness itself, this process returns to nobody.
        traceback.print_exc()
        os._exit(1)


def play(case: Case, number: int, seed: int, worlds: Worlds, longest: float = LONGEST) -> Outcome:
    """Do one fault."""
    began = time.monotonic()
    verdict = Verdict()
    world = worlds.begin(case.world)
    case.play(case, world, Random(f"{seed}:{number}"), verdict)
    taken = time.monotonic() - began
    if taken > longest:
        verdict.fail(HANGS, f"it took {taken:.1f} s")
    story = verdict.story if verdict.failures else []
    return Outcome(number, case.label, verdict.injected, verdict.failures, story)
