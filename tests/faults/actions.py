"""What users do after a fault, each in what would be a process of its own; all that is served is
compared with what is true.
"""

from __future__ import annotations

import contextlib
import io
import os
from functools import partial
from typing import TYPE_CHECKING
from unittest import mock

from registry.listing import listings
from registry.origins import LOCAL
from registry.references import Reference
from registry.repair import repair
from registry.upkeep import prune, verify
from tests.faults.verdict import TRACEBACKS, WRONG
from tests.faults.world import LAB, Known, new_version

if TYPE_CHECKING:
    from random import Random

    from registry.registry import Registry
    from registry.versions import LocalVersion, Version
    from tests.faults.verdict import Verdict
    from tests.faults.world import World


class Users:
    """The people who use a world: one machine that has used it for long, and others.

    Parameters
    ----------
    world
        Where they are.
    verdict
        Told of everything that comes to light.
    lists_lie
        Whether a list may show what is not there: the one of format 1 has no checksum.
    """

    def __init__(self, world: World, verdict: Verdict, *, lists_lie: bool = False) -> None:
        self.world = world
        self.verdict = verdict
        self.lists_lie = lists_lie

    def act(self, random: Random, count: int) -> None:
        """Do some of what users do, in some order."""
        self.random = random
        actions = [
            self.list_here,
            self.list_remote,
            self.resolve_some,
            self.pull_some,
            self.pull_latest,
            partial(self.verify, mend=False),
            self.verify,
            self.prune,
            partial(self.prune, everything=True),
            partial(self.publish_new, LAB),
            partial(self.publish_new, LOCAL),
            self.publish_again,
        ]
        for action in random.sample(actions, count):
            action()

    def _some(self) -> list[Known]:
        return self.random.sample(list(self.world.versions.values()), 2)

    def list_here(self) -> None:
        rows = self.verdict.attempt("list", lambda: listings(self.world.machine()))
        self._check_names({(row.name, row.version) for row in rows or ()}, "hub list")

    def list_remote(self) -> None:
        rows = self.verdict.attempt(
            "list --remote", lambda: listings(self.world.machine(), remote=True)
        )
        self._check_names({(row.name, row.version) for row in rows or ()}, "hub list --remote")
        found = self.verdict.attempt("read the index", self.world.lab().entries) or {}
        self._check_names({(n, v) for n, e in found.items() for v in e.versions}, "the index")

    def resolve_some(self) -> None:
        for known in self._some():
            reference = known.reference
            found = self.verdict.attempt(
                f"resolve {reference}",
                lambda r=reference: self.world.machine().resolve(r, update=r.registry == LAB),
            )
            if found:
                self._check_version(known.key, found)

    def pull_some(self) -> None:
        for known in self._some():
            self.pull(known)

    def pull_latest(self) -> None:
        name = self._some()[0].manifest.name
        found = self.verdict.attempt(
            f"pull {name} --update",
            lambda: self.world.machine().pull(Reference.parse(name), update=True),
        )
        if found:
            self._check_served((name, found.manifest.version), found)

    def pull(self, known: Known, cache: str = "cache", *, plain: bool = False) -> bool:
        """Pull one version; whether it was served, and is right."""
        name, version = known.key
        reference = Reference(name, version) if plain else known.reference
        found = self.verdict.attempt(
            f"pull {reference} on the machine {cache}",
            lambda: self.world.machine(cache).pull(reference),
        )
        return bool(found) and self._check_served(known.key, found)

    def verify(self, *, mend: bool = True) -> None:
        self.verdict.attempt(
            f"verify (repair={mend})", lambda: verify(self.world.machine(), repair=mend)
        )

    def prune(self, *, everything: bool = False) -> None:
        self.verdict.attempt(
            f"prune (all={everything})",
            lambda: prune(self.world.machine().local, everything=everything),
        )

    def publish_new(self, place: str) -> None:
        known = new_version(f"new-{place}", "1.0.0", place, f"new in {place}")
        self.world.possible[known.key] = known
        self.publish(known)

    def publish_again(self) -> None:
        self.publish(self._some()[0])

    def publish(self, known: Known) -> bool:
        """Publish a version; whether it is there now, as the publisher was told."""
        found = self.verdict.attempt(
            f"publish {known.reference}", lambda: self.world.publish(known)
        )
        return bool(found) and self._check_served(known.key, found)

    def repair(self, place: str) -> None:
        """Mend a registry, and name what it then names as not listed."""
        local = self.world.machine().local
        registry, own = (self.world.lab_directory(), None) if place == LAB else (local.own, local)
        done = self.verdict.attempt(f"repair {place}", lambda: repair(registry, local=own))
        if done and done.unlisted:
            names = [name for name in done.unlisted if self._is_known(name)]
            self.verdict.attempt(
                f"repair {place} {' '.join(names)}", lambda: repair(registry, names, local=own)
            )

    def listed(self, registry: Registry) -> set[tuple[str, str]]:
        """Return what an index lists."""
        found = self.verdict.attempt("read the index", registry.entries) or {}
        return {(name, version) for name, entry in found.items() for version in entry.versions}

    def _is_known(self, label: str) -> bool:
        return tuple(label.split("@")) in self._true()

    def _true(self) -> dict[tuple[str, str], Known]:
        return {**self.world.possible, **self.world.versions}

    def _check_names(self, names: set[tuple[str, str]], where: str) -> None:
        phantoms = names - set(self._true())
        if phantoms and not self.lists_lie:
            self.verdict.fail(WRONG, f"{where} shows {sorted(phantoms)}, which never existed")

    def _check_version(self, key: tuple[str, str], found: Version) -> bool:
        known = self._true().get(key)
        is_right = bool(known) and found.digest == known.digest and found.manifest.name == key[0]
        if not is_right:
            self.verdict.fail(WRONG, f"{'@'.join(key)} gave {found.reference}, {found.digest}")
        return is_right

    def _check_served(self, key: tuple[str, str], found: LocalVersion) -> bool:
        if not self._check_version(key, found):
            return False
        wanted = self._true()[key].files
        served = {
            path: (found.path / path).read_bytes() if (found.path / path).is_file() else None
            for path in wanted
        }
        if served != wanted:
            wrong = [path for path in wanted if served[path] != wanted[path]]
            self.verdict.fail(WRONG, f"{found.reference} has wrong files: {', '.join(wrong)}")
        return served == wanted


class CommandLineUsers(Users):
    """The same people at the command line: a sample of what they type."""

    def act(self, random: Random, count: int) -> None:
        commands = [["list"], ["list", "--remote"], ["verify"], ["verify", "--no-repair"],
                    ["cache", "size"], ["cache", "prune"], ["cache", "prune", "--all"],
                    ["registry", "list"], ["registry", "repair", LAB],
                    ["registry", "repair", LOCAL]]  # fmt: skip
        for known in self.world.versions.values():
            commands += [["pull", str(known.reference)], ["show", str(known.reference)]]
        for command in random.sample(commands, count):
            self._run(command + (["--json"] if random.random() < 0.5 else []))

    def _run(self, command: list[str]) -> None:
        from hub.cli.main import main

        settings = {
            "HUB_HOME": str(self.world.root / "home"),
            "HUB_CACHE": str(self.world.root / "cache"),
            "HUB_REGISTRIES": f"{LAB}={self.world.lab().location}",
            "XDG_STATE_HOME": str(self.world.root / "home" / "state"),
        }
        printed, code = io.StringIO(), None
        with (
            mock.patch.dict(os.environ, settings),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            try:
                main(command)
            except SystemExit as end:
                code = end.code
            except Exception as crash:  # noqa: BLE001 - this is what is looked for
                code, _ = 70, printed.write(f"Traceback: {crash!r}")
        output = printed.getvalue()
        self.verdict.note(f"hub {' '.join(command)}: exit code {code}\n{output}")
        if code == 70 or "Traceback" in output:
            self.verdict.fail(TRACEBACKS, f"hub {' '.join(command)}: {output}")
