"""Lines to copy: how to pull, fine-tune and use a version."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

from hub.errors import IncompatibleModelError
from hub.history.step import label_sets
from hub.potentials.architectures import architecture
from registry.origins import BUILTIN, LOCAL

if TYPE_CHECKING:
    from hub.potentials.architecture import Architecture
    from hub.site.described import Described

_PACKAGE = "nequip-package"  # the export format that LAMMPS can use


class Usage(NamedTuple):
    """One way to use a version.

    Attributes
    ----------
    key, title
        An identifier for the page, and a name for people.
    text
        The lines to copy.
    language
        ``shell``, ``python`` or ``lammps``.
    """

    key: str
    title: str
    text: str
    language: str


def usages(described: Described, address: str) -> list[Usage]:
    """Return the lines to copy for a model or dataset.

    Parameters
    ----------
    described
        The version.
    address
        Where others find its registry; empty if this is not known.
    """
    item = described.item
    name = item.name if item.registry == BUILTIN else f"{item.registry}/{item.name}"
    reference = f"{name}@{item.version}"
    first = ""
    if item.registry not in (BUILTIN, LOCAL):
        place = shlex.quote(address) if address else "ADDRESS"
        first = f"hub registry add {item.registry} {place}\n"
    made = _of_model if item.kind == "model" else _of_dataset
    return [
        Usage("pull", "Pull", f"{first}hub pull {reference}", "shell"),
        *made(described, reference),
    ]


def _of_model(described: Described, reference: str) -> list[Usage]:
    found = _architecture(described.architecture)
    finetune = f"hub finetune --data mydft.xyz --model {reference}"
    label = f"hub relabel DATASET --teacher model:{reference} --labels NAME"
    usages = [
        Usage("finetune", "Fine-tune", finetune, "shell")
        if found is None or found.is_trainable
        else Usage("label", "Label structures", label, "shell"),
        Usage("python", "Python", f'import hub\n\nmodel = hub.load_model("{reference}")', "python"),
        Usage(
            "ase",
            "ASE",
            "import hub\nfrom ase.io import read\n\n"
            'atoms = read("structure.cif")\n'
            f'atoms.calc = hub.calculator("{reference}")\n'
            "print(atoms.get_potential_energy())",
            "python",
        ),
    ]
    if found is not None and _PACKAGE in found.exports:
        usages.append(_in_lammps(described, reference))
    return usages


def _architecture(name: str) -> Architecture | None:
    """Return an architecture; None if it is not installed, or broken."""
    try:
        return architecture(name)
    except IncompatibleModelError:
        return None


def _in_lammps(described: Described, reference: str) -> Usage:
    elements = " ".join(described.elements) if len(described.elements) <= 6 else ""
    return Usage(
        "lammps",
        "LAMMPS",
        f"# hub export {reference} --format {_PACKAGE} --out model.nequip.zip\n"
        "# nequip-compile model.nequip.zip model.nequip.pt2 --mode aotinductor "
        "--device cpu --target pair_nequip\n"
        f"pair_style nequip\npair_coeff * * model.nequip.pt2 {elements or 'ELEMENTS'}",
        "lammps",
    )


def _of_dataset(described: Described, reference: str) -> list[Usage]:
    item = described.item
    labels = next(iter(label_sets(item.metadata, item.front_matter)), "")
    option = f" --labels {shlex.quote(labels)}" if labels else ""
    argument = f", labels={labels!r}" if labels else ""
    return [
        Usage("finetune", "Fine-tune", f"hub finetune --data {reference}{option}", "shell"),
        Usage(
            "python",
            "Python",
            f'import hub\n\nstructures = hub.load_dataset("{reference}"{argument})',
            "python",
        ),
        Usage(
            "ase",
            "ASE",
            f'import hub\n\nstructures = hub.load_dataset("{reference}"{argument})\n'
            "for atoms in structures.to_ase():\n"
            "    print(atoms.get_chemical_formula(), atoms.get_potential_energy())",
            "python",
        ),
        Usage(
            "export",
            "Other programs",
            f"hub export {reference}{option} --format extxyz --out structures.extxyz",
            "shell",
        ),
    ]
