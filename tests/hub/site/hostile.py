"""Text that tries to leave the place it is put into, in every field that others write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

import hub
from registry.cards import join_front_matter
from registry.manifest import FileEntry, Parent
from tests.hub.site.many import Written

if TYPE_CHECKING:
    from pathlib import Path

# It would call `hubBroken` if it ran as HTML, in an attribute, in a script, or as an address.
BAD = (
    "</script></pre></title><script>hubBroken()</script><img src=x onerror=hubBroken()>"
    "\"' onmouseover=hubBroken() x='`${hubBroken()}`{{ 7 * 7 }}{% raw %}\u2028<!--"
)
TEXT = f"""
# {BAD}

{BAD} [one](javascript:hubBroken()) [two](data:text/html,<script>hubBroken()</script>)
[three](JaVaScRiPt:hubBroken()) [four](file:///etc/passwd) [five](../../../index.html)
![picture](https://example.org/x.png "{BAD}") <javascript:hubBroken()> <https://example.org/a>

<script>hubBroken()</script>

<iframe src="javascript:hubBroken()"></iframe>

| a | b |
|:---:|---:|
| {BAD.replace("|", "")} | <b>x</b> |

```html
{BAD}
```

[ref]: javascript:hubBroken()
[six][ref]
"""


def hostile_card() -> dict[str, Any]:
    """Return a front matter with such text wherever there may be text."""
    return {
        "description": BAD,
        "license": BAD,
        "license_note": BAD,
        "citation": f"@misc{{{BAD},\n title = {{{BAD}}} }}\n@article{{key, note = {{{BAD}}} }}",
        "tags": [BAD],
        "model": {"elements": [BAD, "C"], "cutoff": BAD, "parameters": {"converted": BAD}},
        "speed": {"us_per_atom_and_step": 1.5, "device": BAD},
        "training": {
            "parent": {"name": BAD, "version": BAD, "digest": BAD, "relation": BAD},
            "data": {
                "files": [BAD, {"a": BAD}],
                "n_train": BAD,
                "energy_key": f"labels/{BAD.replace('/', '')}/energies",
                "dataset": BAD,
                "labels": {"level_of_theory": BAD, "teacher": f"model:{BAD}", "source": BAD},
            },
            "recipe": {"name": BAD, "max_epochs": BAD},
            "seed": BAD,
        },
        "measured_errors": {
            "set": BAD,
            "n_structures": 3,
            "pretraining": {
                "test_set": BAD,
                "errors": [{"n_train": 10, "force_rmse_eV_per_A": 1.0, "x": BAD}, BAD],
            },
            "after": {
                BAD: {"n_structures": 2, "energy_rmse": 1.0, "force_rmse": 0.5},
                "all structures": {"n_structures": 3, "energy_rmse": 2.0, "force_rmse": 0.7},
                "odd": {"n_structures": True, "energy_rmse": "1e400", "force_rmse": [1]},
            },
        },
    }


def hostile_registry(folder: Path) -> Path:
    """Write a registry whose cards, manifests and parents are full of such text."""
    written = Written(folder)
    metadata = {"description": BAD, "architecture": BAD, "elements": [BAD, "C"], "citation": BAD}
    card = join_front_matter(hostile_card(), TEXT)
    files = (FileEntry("a'b&c$(d)`.txt", 3, "0" * 64),)
    digest = written.add("hostile", "1.0.0", card=card, metadata=metadata, licence=BAD, files=files)
    parents = (Parent("hostile", "1.0.0", digest, BAD), Parent("absent", "1.0.0", "1" * 64, BAD))
    written.add("hostile", "1.1.0", card=card, metadata=metadata, licence="MIT", parents=parents)
    written.add("plain-text", card=TEXT, metadata={"description": BAD})
    written.add("odd-front-matter", card=f"---\n{{a: [\n---\n{TEXT}")
    dataset = {
        "structures": BAD,
        "atoms": -1,
        "elements": [BAD],
        "label_sets": {BAD: {"teacher": BAD, "level_of_theory": BAD, "structures": BAD}},
    }
    written.add("odd-dataset", kind="dataset", card=card, metadata={"dataset": dataset})
    return written.finish()


def hostile_dataset(folder: Path) -> None:
    """Publish a dataset on this machine whose types and comments are such text."""
    generator = np.random.default_rng(0)
    frames = []
    for number in range(12):
        atoms = Atoms("C4", generator.uniform(0, 3, (4, 3)), cell=np.eye(3) * 5.0, pbc=True)
        atoms.calc = SinglePointCalculator(
            atoms, energy=-4.0 * number, forces=generator.normal(size=(4, 3))
        )
        atoms.info |= {"config_type": f"{number} {BAD}".replace("\u2028", ""), "comment": BAD[:80]}
        frames.append(atoms)
    write(folder / "frames.extxyz", frames, format="extxyz")
    hub.import_dataset(
        folder / "frames.extxyz", name="hostile-data", license=BAD, citation=BAD, description=BAD,
        teacher=BAD, level_of_theory=BAD,
    )  # fmt: skip
