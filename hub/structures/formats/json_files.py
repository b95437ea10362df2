"""JSON of pymatgen: structures, entries, and lists of structures with their labels."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import DataError
from hub.structures.formats import ase_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

    from ase import Atoms

    from hub.structures.formats.opened import Opened

NAME = "pymatgen JSON"
_STARTS = re.compile(r"\A\s*[\[{]\s*[\[{\"]")
_ENERGIES = ("energy", "uncorrected_total_energy", "total_energy", "final_energy")
_FORCES = ("forces", "force")
_PLACES = ("outputs", "output", "properties", "data")  # other places of labels than the top level


def recognises(file: Opened) -> bool:
    """Whether a file is JSON but not an ASE database."""
    text = file.text
    is_structures = '"@module"' in text or '"lattice"' in text or '"sites"' in text
    return bool(_STARTS.match(text)) and (is_structures or not ase_files.is_database_json(text))


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:  # noqa: ARG001
    """Yield every structure, at any depth, with the labels beside it."""
    with file.text_stream() as stream:
        content = json.load(stream)
    count = 0
    for structure, labels in _structures(content, {}):
        yield _atoms(structure, labels)
        count += 1
    if not count:
        raise DataError(
            "is JSON, but neither an ASE database nor pymatgen structures",
            "Read it with the program that wrote it, and write extxyz with ase.io.write.",
        )


def _structures(
    content: Any, beside: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
    """Yield the structures in JSON, each with the entries beside it."""
    if isinstance(content, list):
        for item in content:
            yield from _structures(item, {})
    elif isinstance(content, dict):
        if "sites" in content:
            yield content, beside
        elif {"structures", "structure"} & content.keys() and isinstance(
            content.get("structures"), list
        ):
            yield from _columns(content)
        else:
            for value in content.values():
                yield from _structures(value, content)


def _columns(content: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
    """Yield from parallel lists: structures, energies, forces."""
    structures = content["structures"]
    labels = {
        name.removesuffix("s") if name == "energies" else name: values
        for name, values in content.items()
        if isinstance(values, list) and len(values) == len(structures) and values is not structures
    }
    labels = {"energy" if name == "energie" else name: values for name, values in labels.items()}
    for index, structure in enumerate(structures):
        yield structure, {name: values[index] for name, values in labels.items()}


def _atoms(structure: Mapping[str, Any], beside: Mapping[str, Any]) -> Atoms:
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    sites = structure["sites"]
    lattice = structure.get("lattice")
    atoms = Atoms(
        [_symbol(site) for site in sites],
        [site["xyz"] for site in sites] if "xyz" in sites[0] else None,
        scaled_positions=None if "xyz" in sites[0] else [site["abc"] for site in sites],
        cell=lattice["matrix"] if lattice else None,
        pbc=lattice.get("pbc", True) if lattice else False,
    )
    places = [beside, *[beside[name] for name in _PLACES if isinstance(beside.get(name), dict)]]
    labels: dict[str, Any] = {}
    energy = _first(places, _ENERGIES)
    if isinstance(energy, int | float):
        labels["energy"] = float(energy)
    own = [site.get("properties", {}).get("forces") for site in sites]
    forces = _first(places, _FORCES) if None in own else own
    if np.shape(forces) == (len(atoms), 3):
        labels["forces"] = np.asarray(forces, np.float64)
    atoms.calc = SinglePointCalculator(atoms, **labels)
    return atoms


def _symbol(site: Mapping[str, Any]) -> str:
    species = site.get("species") or [{"element": site["label"]}]
    if len(species) > 1 or species[0].get("occu", 1) != 1:
        raise DataError(
            "has a site shared by several elements",
            "Disordered structures do not have a single energy; order them first.",
        )
    return re.sub(r"[^A-Za-z].*", "", str(species[0]["element"]))


def _first(places: list[Mapping[str, Any]], names: tuple[str, ...]) -> Any:
    return next((place[name] for name in names for place in places if name in place), None)
