"""What happens on the way to a registry elsewhere: requests and answers are lost or changed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.faults import http_faults
from tests.faults.actions import Users
from tests.faults.proxy import Proxy, corrupted, dropped, refused, shortened, unanswered
from tests.faults.verdict import DELETED, LOST
from tests.faults.world import LAB, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from tests.faults.cases import Case
    from tests.faults.proxy import WriteFault
    from tests.faults.verdict import Verdict

CODES = (400, 401, 403, 404, 408, 409, 411, 412, 416, 429, 500, 501, 502, 503, 599)
READS = {
    fault: make
    for fault, make in http_faults.FAULTS.items()
    if fault not in ("other file", "retry later")
}
WRITES: dict[str, Callable[[Random], WriteFault]] = {
    "write dropped": lambda random: dropped,
    "answer dropped": lambda random: unanswered,
    "write refused": lambda random: refused(random.choice(CODES), is_done=False),
    "done but refused": lambda random: refused(random.choice((500, 502, 503, 504)), is_done=True),
    "write corrupted": lambda random: corrupted(random.random()),
    "write shortened": lambda random: shortened(random.random()),
}


class RemoteWorld(World):
    """A world whose registry is behind a proxy.

    Attributes
    ----------
    proxy
        Errs on request.
    places
        The text in the path of what is disturbed, for each place in the table.
    """

    proxy: Proxy
    places: Mapping[str, str]

    def close(self) -> None:
        """Stop the servers."""
        self.proxy.__exit__()


def play_remote(case: Case, world: World, random: Random, verdict: Verdict) -> None:
    """Let the connection err once, twice or always."""
    assert isinstance(world, RemoteWorld)
    times = random.choice([1, 2, 500])
    verdict.note(f"{case.fault} {times} times")
    proxy, users = world.proxy, Users(world, verdict)
    proxy.place = world.places[case.place]
    if case.fault in READS:
        proxy.reads = [READS[case.fault](random)] * times
    else:
        proxy.writes = [WRITES[case.fault](random)] * times
    world.patience = http_faults.SHORT if case.fault == "stall" else 2.0
    lab = [known for known in world.versions.values() if known.place == LAB]
    doings = [partial(users.publish_new, LAB), partial(users.publish, random.choice(lab))]
    doings.append(partial(users.pull, random.choice(lab), "fresh"))
    random.choice(doings[:2] if case.fault in WRITES else doings)()
    users.act(random, 1)
    look_after(world, users, random)


def look_after(world: RemoteWorld, users: Users, random: Random) -> None:
    """Mend the connection; then everything can be had."""
    verdict = users.verdict
    world.proxy.mend()
    world.patience = 5.0
    for known in [known for known in world.versions.values() if known.place == LAB]:
        if not users.pull(known, random.choice(("fresh", "cache"))):
            verdict.fail(LOST, f"{known.reference} cannot be had when the connection is mended")
    _look_at_new_versions(world, users, verdict)
    if world.has_changed_elsewhere():
        verdict.fail(DELETED, "the folder elsewhere is not what it was")


def _look_at_new_versions(world: World, users: Users, verdict: Verdict) -> None:
    """What is listed is served, whatever its publisher was told; what is not can be published."""
    listed = users.listed(world.lab())
    for key, known in world.possible.items():
        if known.place == LAB and key in listed:
            if not users.pull(known, "fresh"):
                verdict.fail(LOST, f"{known.reference} is listed, and not served")
        elif known.place == LAB and not users.publish(known):
            verdict.fail(LOST, f"{known.reference} cannot be published")
