"""Every kind of fault at every place: the rows of the table."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tests.faults.actions import CommandLineUsers, Users
from tests.faults.connections import READS, WRITES, play_remote
from tests.faults.faults import damage_file, damage_folder
from tests.faults.file_faults import FILE_FAULTS
from tests.faults.folder_faults import FOLDER_FAULTS
from tests.faults.http_faults import DOCUMENTS, play_over_http
from tests.faults.http_faults import FAULTS as HTTP_FAULTS
from tests.faults.hub_faults import KILLS, READ, WRITTEN
from tests.faults.hub_faults import play_killed as play_killed_elsewhere
from tests.faults.interruptions import (
    DISK_ERRORS,
    DOINGS,
    play_disk_error,
    play_full_disk,
    play_killed,
    play_rivals,
    play_together,
)
from tests.faults.judge import Judge
from tests.faults.malformed import DOCUMENTS as MALFORMED
from tests.faults.malformed import FAULTS as MALFORMATIONS
from tests.faults.malformed import play_malformed
from tests.faults.object_faults import PLACES
from tests.faults.places import FILES, FOLDERS, NOT_IN_FORMAT_1, ONLY_ONE, PAGES
from tests.faults.world import LAB
from tests.faults.worlds import HUB, NOTHING, SERVED, SMALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.verdict import Verdict
    from tests.faults.world import World

# One of so many faults is looked at from the command line.
COMMAND_LINE = 50
WORLDS = ("current", "old")


@dataclass(frozen=True)
class Case:
    """A kind of fault at a place.

    Parameters
    ----------
    kind, place, fault
        What it is called in the table.
    world
        The name of the world that it happens in.
    play
        Does it, and judges what comes of it.
    """

    kind: str
    place: str
    fault: str
    world: str
    play: Callable[[Case, World, Random, Verdict], None]

    @property
    def label(self) -> str:
        return f"{self.kind}: {self.place}: {self.fault}"


def play_on_disk(case: Case, world: World, random: Random, verdict: Verdict) -> None:
    """Damage a file or a folder, let users do what they do, and judge."""
    inject = damage_file if case.place in FILES else damage_folder
    damage = inject(world, case.place, case.fault, random)
    verdict.injected = damage is not None and bool(damage)
    if not damage:
        return
    verdict.note(damage.text)
    has_format_1 = case.world == "old" and damage.paths[0].endswith(".json")
    users = Users(world, verdict, lists_lie=has_format_1)
    judge = Judge(users, damage)
    if damage.store == LAB:
        judge.look_at_cache()
    if random.randrange(COMMAND_LINE) == 0:
        CommandLineUsers(world, verdict).act(random, 3)
    else:
        users.act(random, 2)
    judge.decide()


def on_disk(world: str) -> list[Case]:
    """Return the faults to files and folders in a world of today's format, or of the first."""
    files = [
        Case(f"disk, {world}", place, fault, world, play_on_disk)
        for place in FILES
        for fault in FILE_FAULTS
        if not (world == "old" and place in NOT_IN_FORMAT_1)
        and not (fault == "exchange rows" and place not in PAGES)
        and not (fault in ("swap", "duplicate") and place in ONLY_ONE)
    ]
    folders = [
        Case(f"disk, {world}", place, fault, world, play_on_disk)
        for place in FOLDERS
        for fault in FOLDER_FAULTS
        if not (world == "old" and place in NOT_IN_FORMAT_1)
    ]
    return files + folders


def killed() -> list[Case]:
    return [
        Case("kill", doing, "kill -9", world, play_killed) for doing in DOINGS for world in WORLDS
    ]


def interrupted() -> list[Case]:
    """Return failing and full disks, and two actors at once."""
    return [
        *(
            Case("disk error", doing, error, world, play_disk_error)
            for doing in DOINGS
            for error in DISK_ERRORS
            for world in WORLDS
        ),
        *(Case("full disk", doing, "small tmpfs", SMALL, play_full_disk) for doing in DOINGS),
        *(
            Case("two at once", one, other, "current", play_together)
            for one in DOINGS
            for other in DOINGS
        ),
        Case("two at once", "publish", "rivals", "current", play_rivals),
    ]


def over_http() -> list[Case]:
    return [
        Case("http", place, fault, SERVED, play_over_http)
        for place in DOCUMENTS
        for fault in HTTP_FAULTS
    ]


def over_objects(kind: str) -> list[Case]:
    """Return the faults to a registry in an object store, in the order of their numbers."""
    cases = [
        Case(kind, place, fault, kind, play_remote)
        for place in PLACES
        for fault in (*READS, *WRITES)
        if not (fault in WRITES and place == "listing")
    ]
    Random(0).shuffle(cases)
    return cases


def over_hub() -> list[Case]:
    """Return the faults to an organisation on a Hub, in the order of their numbers."""
    # Requests to the Hub travel encrypted, so that no other ones arrive than were sent; large files
    # have checksums as well, since they are kept elsewhere.
    changes = ("write corrupted", "write shortened")
    writes = [
        (place, fault)
        for place in WRITTEN
        for fault in WRITES
        if fault not in changes or place == "large file"
    ]
    reads = [(place, fault) for place in READ | WRITTEN for fault in READS if fault != "endless"]
    kills = [(place, fault) for place in WRITTEN for fault in KILLS]
    cases = [
        *(Case(HUB, place, fault, HUB, play_remote) for place, fault in [*reads, *writes]),
        *(Case(HUB, place, fault, HUB, play_killed_elsewhere) for place, fault in kills),
    ]
    Random(0).shuffle(cases)
    return cases


def malformed() -> list[Case]:
    return [
        Case("malformed", document, fault, NOTHING, play_malformed)
        for document in MALFORMED
        for fault in MALFORMATIONS
    ]


def all_cases() -> list[Case]:
    """Return every case, in the order in which numbers go through them."""
    # A kill has many moments, and a document has many ways to be wrong.
    on_disks = [*on_disk("current"), *on_disk("old")]
    cases = [*on_disks, *over_http(), *interrupted(), *(killed() * 3), *(malformed() * 3)]
    Random(0).shuffle(cases)
    return cases
