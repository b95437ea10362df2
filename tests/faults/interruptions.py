"""Users who are killed, whose disk fails or is full, and who do two things at once."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

from registry.content import damaged_files
from registry.errors import RegistryError
from registry.origins import LOCAL
from registry.references import Reference
from registry.repair import repair
from registry.upkeep import prune, verify
from tests.faults.actions import Users
from tests.faults.disturbance import disturbed, killed, touches
from tests.faults.faults import damage_file
from tests.faults.judge import Judge
from tests.faults.verdict import HANGS, LOST, WRONG
from tests.faults.world import LAB, Key, Known, World, new_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.faults.cases import Case
    from tests.faults.verdict import Verdict

LONGEST = 10.0
BLOCK = 4096
DISK_ERRORS = ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EIO", "EMFILE")
_counted: dict[tuple[str, str, bool], int] = {}


def _publish(world: World, key: Key, place: str, cache: str, text: str = "new") -> object:
    known = new_version(*key, place, text)
    world.possible[key] = known
    return world.publish(known, cache)


def _publish_again(world: World) -> object:
    known = next(known for known in world.versions.values() if known.place == LAB)
    return world.publish(known)


def _known_name(world: World, place: str) -> str:
    return next(name for (name, _), known in world.versions.items() if known.place == place)


# What users are doing when it happens; each in a process of its own.
DOINGS: dict[str, Callable[[World], object]] = {
    "publish a name": lambda w: _publish(w, ("new", "1.0.0"), LAB, "author"),
    "publish a version": lambda w: _publish(w, (_known_name(w, LAB), "7.0.0"), LAB, "author"),
    "publish at home": lambda w: _publish(w, (_known_name(w, LOCAL), "7.0.0"), LOCAL, "cache"),
    "publish again": _publish_again,
    "pull": lambda w: w.machine("fresh").pull(Reference(_known_name(w, LAB))),
    "pull again": lambda w: w.machine().pull(Reference(_known_name(w, LAB)), update=True),
    "prune": lambda w: prune(w.machine().local),
    "prune all": lambda w: prune(w.machine().local, everything=True),
    "verify": lambda w: verify(w.machine()),
    "repair": lambda w: repair(w.lab_directory()),
    "repair at home": lambda w: repair(w.machine().local.own, local=w.machine().local),
}
# Before these something is damaged, for them to mend.
_MENDERS = ("verify", "repair", "repair at home")


def _prepared(case: Case, world: World, random: Random, verdict: Verdict) -> Judge:
    damage = None
    if case.place in _MENDERS:
        place = random.choice(
            ["page", "list of names", "marker"]
            if case.place == "repair"
            else ["cache blob", "origin's list", "cache page", "cache marker"]
        )
        damage = damage_file(world, place, random.choice(["delete", "flip", "empty"]), random)
        verdict.note(damage.text if damage else "nothing is damaged")
    return Judge(Users(world, verdict))


def _moment(case: Case, world: World, random: Random, *, reads: bool = False) -> int:
    """Return a touch of the disk at which something is to happen, while nothing is damaged yet."""
    key = (case.world, case.place, reads)
    if key not in _counted:
        _counted[key] = touches(world.root, lambda: DOINGS[case.place](world), reads=reads)
    # Who has something to mend touches more.
    return random.randint(1, _counted[key] * (2 if case.place in _MENDERS else 1) + 3)


def play_killed(case: Case, world: World, random: Random, verdict: Verdict) -> None:
    """Kill a process at any of its writes."""
    number = _moment(case, world, random)
    judge = _prepared(case, world, random, verdict)
    what = f"{case.place}: killed at write {number}"
    verdict.note(what)
    _announce(case.place, world)
    if not killed(world.root, number, lambda: DOINGS[case.place](world), LONGEST):
        verdict.fail(HANGS, what)
    judge.users.act(random, 1)
    judge.decide()


def play_disk_error(case: Case, world: World, random: Random, verdict: Verdict) -> None:
    """Let the disk refuse one thing, or everything from some moment on."""
    # A full disk stays full, and refuses writes only.
    once = case.fault in ("EIO", "EMFILE")
    number = _moment(case, world, random, reads=once)
    judge = _prepared(case, world, random, verdict)
    code = getattr(errno, case.fault)

    def refuse() -> None:
        raise OSError(code, os.strerror(code))

    with disturbed(world.root, number, refuse, reads=once, once=once):
        verdict.attempt(f"{case.place} ({number})", lambda: DOINGS[case.place](world))
    judge.users.act(random, 1)
    judge.decide()


def play_full_disk(case: Case, world: World, random: Random, verdict: Verdict) -> None:
    """Fill the disk until some blocks are left; where none can be mounted, nothing happens."""
    verdict.injected = world.root.is_mount()
    if not verdict.injected:
        return
    judge = _prepared(case, world, random, verdict)
    blocks, filler = random.randint(0, 16), world.root / "filler"
    free = os.statvfs(world.root).f_bavail
    filler.write_bytes(bytes(max(0, free - blocks) * BLOCK))
    verdict.note(f"{blocks} blocks are left")
    verdict.attempt(case.place, lambda: DOINGS[case.place](world))
    judge.users.act(random, 1)
    filler.unlink()
    judge.decide()


def _announce(place: str, world: World) -> None:
    """A publish that is killed in another process may have come to its end."""
    if place == "publish a name":
        key, to = ("new", "1.0.0"), LAB
    elif place in ("publish a version", "publish at home"):
        to = LAB if place == "publish a version" else LOCAL
        key = (_known_name(world, to), "7.0.0")
    else:
        return
    world.possible[key] = new_version(*key, to, "new")


def play_together(case: Case, world: World, random: Random, verdict: Verdict) -> None:
    """Stop one user at any touch of the disk until another has done something, or waits."""
    number = _moment(case, world, random, reads=True)
    judge = _prepared(case, world, random, verdict)
    start, done = threading.Event(), threading.Event()
    results: dict[str, object] = {}

    def other() -> None:
        start.wait(LONGEST)
        results["other"] = verdict.attempt(case.fault, lambda: DOINGS[case.fault](world))
        done.set()

    def pause() -> None:
        start.set()
        done.wait(0.05)

    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    with disturbed(world.root, number, pause, reads=True):
        results["one"] = verdict.attempt(case.place, lambda: DOINGS[case.place](world))
    start.set()
    thread.join(LONGEST)
    if thread.is_alive():
        verdict.fail(HANGS, f"{case.fault} while {case.place} is under way")
    verdict.note(f"{case.place} paused at touch {number}")
    for found in results.values():
        path = getattr(found, "path", None)
        is_gone_by_right = "prune all" in (case.place, case.fault)
        if path and not is_gone_by_right and damaged_files(path, found.manifest.files):
            verdict.fail(LOST, f"{found.reference} was given, and is damaged after all")
    judge.users.act(random, 1)
    judge.decide()


def play_rivals(case: Case, world: World, random: Random, verdict: Verdict) -> None:
    """Let two publish different content as the same version: one wins, and only it is served."""
    judge = Judge(Users(world, verdict))
    key = (_known_name(world, LAB), "8.0.0") if random.random() < 0.5 else ("rival", "1.0.0")
    rivals = [new_version(*key, LAB, text) for text in ("these", "those")]
    won: list[Known] = []

    def publish(rival: Known, cache: str) -> None:
        try:
            world.publish(rival, cache)
            won.append(rival)
        except RegistryError as refusal:
            verdict.note(refusal.message)

    start, done = threading.Event(), threading.Event()

    def second() -> None:
        start.wait(LONGEST)
        verdict.attempt("the second", lambda: publish(rivals[1], "second"))
        done.set()

    def pause() -> None:
        start.set()
        done.wait(0.05)

    thread = threading.Thread(target=second, daemon=True)
    thread.start()
    with disturbed(world.root, random.randint(1, 120), pause, reads=True):
        verdict.attempt("the first", lambda: publish(rivals[0], "first"))
    start.set()
    thread.join(LONGEST)
    if len(won) != 1:
        verdict.fail(WRONG if won else LOST, f"{len(won)} of two rivals have published {key}")
    for known in won[:1]:
        world.versions = {**world.versions, key: known}
    judge.users.act(random, 1)
    judge.decide()
    world.versions = {k: known for k, known in world.versions.items() if k != key}
