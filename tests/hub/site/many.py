"""Registries written directly, without models or data: many versions, or odd ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.cards import FILE_NAME, join_front_matter
from registry.documents import canonical_json, digest_of
from registry.index import Entry, names_bytes, page_bytes, with_version
from registry.manifest import FileEntry, Manifest, Parent
from registry.registry import FORMAT
from registry.stores.base import INDEX, MARKER, blob_path, manifest_path

if TYPE_CHECKING:
    from pathlib import Path

BODY = """
# {name}

A potential for {elements}. Use it with care: *melts* and **surfaces** were not tested.

| structures | energy, meV/atom | forces, eV/Å |
| ---: | ---: | ---: |
| 25 | 61.1 | 0.842 |
| 3200 | 43.1 | 0.681 |

## Limits

- Only {elements}, and only where [the data](https://example.org/data) reach.
- Energies are relative to isolated atoms.

```bash
hub pull {name}
```
"""
ELEMENTS = (
    "H",
    "Li",
    "C",
    "N",
    "O",
    "Na",
    "Mg",
    "Al",
    "Si",
    "P",
    "S",
    "Ti",
    "Fe",
    "Ni",
    "Cu",
    "Mo",
)
LICENCES = ("MIT", "CC-BY-4.0", "Apache-2.0", "CC-BY-NC-SA-4.0", "")
THEORIES = ("PBE", "r2SCAN, plane waves", "wB97M-D3BJ", "LDA", "Tersoff 1989")


class Written:
    """A registry in a folder, to which versions are added without files other than cards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}

    def add(
        self,
        name: str,
        version: str = "1.0.0",
        *,
        kind: Any = "model",
        card: str = "",
        metadata: dict[str, Any] | None = None,
        parents: tuple[Parent, ...] = (),
        licence: str = "",
        files: tuple[FileEntry, ...] = (),
    ) -> str:
        """Add a version, and return its digest."""
        data = card.encode()
        own = FileEntry(FILE_NAME, len(data), digest_of(data))
        self._write(blob_path(own.sha256), data)
        manifest = Manifest(kind, name, version, (own, *files), metadata or {}, parents, licence)
        content = manifest.to_bytes()
        digest = digest_of(content)
        self._write(manifest_path(digest), content)
        self.entries[name] = with_version(self.entries.get(name), manifest, digest)
        return digest

    def finish(self) -> Path:
        """Write the index, and return the folder."""
        for name, entry in self.entries.items():
            self._write(f"{INDEX}/{name}.json", page_bytes(name, entry))
        self._write(f"{INDEX}.json", names_bytes(set(self.entries)))
        self._write(MARKER, canonical_json({"format": FORMAT, "name": self.folder.name}))
        return self.folder

    def _write(self, path: str, data: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def many(folder: Path, count: int) -> Path:
    """Write a registry of this many versions, two of each name, each made from another."""
    written, before = Written(folder), None
    for number in range(count):
        name, version = f"potential-{number // 2:05d}", f"1.{number % 2}.0"
        elements = [ELEMENTS[(number * step) % len(ELEMENTS)] for step in (1, 3, 7)]
        front_matter = card_of(number, sorted(set(elements)))
        body = BODY.format(name=name, elements=", ".join(elements))
        parent = () if before is None or number % 5 == 0 else (before,)
        digest = written.add(
            name,
            version,
            card=join_front_matter(front_matter, body),
            metadata={
                "architecture": ("nequip-onehot", "sevennet", "mace")[number % 3],
                "description": f"Potential number {number} for {', '.join(elements)}",
                "elements": sorted(set(elements)),
            },
            parents=parent,
            licence=LICENCES[number % 5],
        )
        before = Parent(name, version, digest, "fine-tuned")
    return written.finish()


def card_of(number: int, elements: list[str]) -> dict[str, Any]:
    """Return a front matter like those of our own trainings."""
    return {
        "kind": "model",
        "model": {"elements": elements, "cutoff": 5.0, "parameters": 10_000 + number},
        "training": {
            "data": {
                "files": ["mydft.xyz"],
                "n_train": 100 + number,
                "labels": {"level_of_theory": THEORIES[number % 5]},
            },
            "recipe": {"name": "default", "learning_rate": 0.002, "batch_size": 5},
            "seed": 0,
        },
        "measured_errors": {
            "set": "test",
            "n_structures": 60,
            "after": {
                group: {
                    "n_structures": 20,
                    "energy_rmse": 10.0 + number % 83,
                    "force_rmse": 0.05 + 0.001 * (number % 997),
                }
                for group in ("all structures", "bulk", "surface")
            },
        },
        "citation": f"@misc{{key{number}, title = {{Potential {number}}}, year = {{2026}}}}",
    }
