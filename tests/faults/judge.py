"""Whether everything that was published can be had again, by the remedies that are documented."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from registry.documents import parse_document
from registry.errors import IncompatibleError, IntegrityError
from registry.origins import LOCAL
from registry.registry import FORMAT
from registry.stores.base import MARKER
from tests.faults.places import moved_place
from tests.faults.verdict import DELETED, LOST
from tests.faults.world import LAB, Known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.actions import Users
    from tests.faults.faults import Damage


class Judge:
    """Looks at a world right after a fault, and again when its users have done what they do.

    Parameters
    ----------
    users
        Who apply the remedies.
    damage
        The fault; None if there was none to a file.
    """

    def __init__(self, users: Users, damage: Damage | None = None) -> None:
        self.users = users
        self.world = users.world
        self.verdict = users.verdict
        self.damage = damage
        self.intact = self.world.intact()
        self.is_rollback = damage is not None and damage.is_rollback

    def look_at_cache(self) -> None:
        """What a machine has pulled is served whatever happens to the registry."""
        store = self.world.machine().local
        for known in self._of(LAB):
            index = next(each for each in store.indexes() if each.name == LAB)
            entry = index.entry(known.manifest.name)
            is_here = entry and known.manifest.version in entry.versions
            is_whole = is_here and not store.is_partial(known.digest)
            if is_whole and not self.users.pull(known, plain=True):
                self.verdict.fail(LOST, f"{known.reference} is in the cache, and not served")

    def decide(self) -> None:
        """Apply the remedies one after another, and see what is missing for good."""
        gone = sorted(set(self.intact) - set(self.world.intact()))
        # An older index that is whole says that a version was never published here.
        if gone and not (self.is_rollback and all(path.startswith("cache/") for path in gone)):
            self.verdict.fail(LOST, f"deleted or changed by what users did: {', '.join(gone)}")
        # The remedy is then an update: nothing else is touched.
        if not self._claims_to_be_newer():
            self._apply_remedies(has_lost=bool(gone))
        if self.world.has_changed_elsewhere():
            self.verdict.fail(DELETED, "the folder elsewhere is not what it was")

    def _claims_to_be_newer(self) -> bool:
        """Whether a marker, which has no checksum, now says that a newer release wrote it."""
        for marker in (self.world.root / store / MARKER for store in (LAB, "cache")):
            try:
                if marker.is_file():
                    parse_document(marker.read_bytes(), MARKER, FORMAT)
            except IncompatibleError:
                return True
            except IntegrityError:
                continue
        return False

    def _apply_remedies(self, *, has_lost: bool) -> None:
        if self.damage is None:
            self._look_at_cache_again()
        missing = self._after_mending()
        if self.damage and self.damage.in_the_way:
            self._clear_the_way()
            missing = self._after_mending() if missing else []
        for known in missing:
            if self.world.is_intact(known, self.intact) and not has_lost:
                self.verdict.fail(
                    LOST, f"{known.reference}: its bytes are there, and repair does not find them"
                )
        for known in missing:
            # One of several that lack the same blob puts it back, and the others then exist.
            self.users.publish(known)
            if not self._is_served(known):
                self.verdict.fail(LOST, f"{known.reference} cannot even be published again")
        self._look_at_new_versions()

    def _look_at_cache_again(self) -> None:
        """A machine of long standing gets a version, as those that have nothing do."""
        known = next(known for known in self._of(LAB))
        if not self.users.pull(known):
            self.users.verify()
            self.users.repair(LAB)
            if not self.users.pull(known):
                self.verdict.fail(LOST, f"{known.reference} cannot be had")

    def _after_mending(self) -> list[Known]:
        """Return what cannot be pulled even after verify and repair."""
        if self._damaged_place != LAB:
            self.users.verify()
        missing = [known for known in self._at_risk() if not self._is_served(known)]
        if missing:
            for place in (LAB, LOCAL):
                if self._damaged_place in (place, ""):
                    self.users.repair(place)
        return [known for known in missing if not self._is_served(known)]

    def _at_risk(self) -> list[Known]:
        """What a machine has published does not depend on a registry of others."""
        every = self.world.versions.values()
        return [known for known in every if self._damaged_place != LAB or known.place == LAB]

    @property
    def _damaged_place(self) -> str:
        """The one place that can have suffered; "" for both."""
        if self.damage is None:
            return ""
        return LAB if self.damage.store == LAB else LOCAL

    def _is_served(self, known: Known) -> bool:
        """Whether a version can be had, by a machine that the damage may matter to."""
        if known.place == LOCAL or self._damaged_place == LOCAL:
            return self.users.pull(known)
        return self.users.pull(known, "fresh")

    def _look_at_new_versions(self) -> None:
        """What is listed must be served, whether its publish has come to its end or not."""
        if not self.world.possible:
            return
        for place, registry in (
            (LAB, self.world.lab_directory()),
            (LOCAL, self.world.machine().local.own),
        ):
            listed = self.users.listed(registry) if self._is_begun(place) else set()
            for key in sorted(listed & set(self.world.possible)):
                known = self.world.possible[key]
                if known.place == place and not self._is_served(known):
                    self.users.publish(known)
                    if not self._is_served(known):
                        self.verdict.fail(LOST, f"{known.reference} is listed, and not served")

    def _is_begun(self, place: str) -> bool:
        return (self.world.store(place) / "registry.json").is_file()

    def _clear_the_way(self) -> None:
        """Do as the messages say: move away what stands there, or to there what it points to."""
        for name in self.damage.paths if self.damage else ():
            path, moved = self.world.root / name, moved_place(self.world, self.world.root / name)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif os.path.lexists(path):
                path.unlink()
            if moved.exists() and not path.exists():
                moved.rename(path)

    def _of(self, place: str) -> Iterable[Known]:
        return (known for known in self.world.versions.values() if known.place == place)
