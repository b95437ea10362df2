"""Probe structures: the predictions that every load of a model must reproduce.

Loading weights into the wrong architecture, or with a wrong constant, does not raise an error by
itself. Comparing a few predictions with stored ones detects it.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from msgspec import Meta, Struct

from hub.errors import ModelError
from hub.potentials.batches import batches_by_atoms, collate
from hub.potentials.config import refuse_newer
from hub.schemas import Element
from hub.structures.graphs import build_graph
from registry.documents import MalformedError, damage, fit, parse_json, read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hub.potentials.potential import Potential

FILE_NAME = "probe.json"
FORMAT = 1
CRYSTAL_SITES = 8

# Largest deviations attributed to rounding: (eV/atom, eV/Å).
TOLERANCES = {torch.float64: (1e-7, 1e-6), torch.float32: (2e-5, 1e-3)}


@dataclass(frozen=True)
class Probe:
    """Structures with the energies (eV) and forces (eV/Å) that a model predicts for them."""

    structures: tuple[Atoms, ...]
    energies: tuple[float, ...]
    forces: tuple[np.ndarray, ...]


Length = Annotated[float, Meta(ge=-1e4, le=1e4)]  # Å
Vector = tuple[Length, Length, Length]


class _Units(Struct, forbid_unknown_fields=True):
    energy: Literal["eV"]
    forces: Literal["eV/Å"]


class _Entry(Struct, forbid_unknown_fields=True):
    """A structure and the model's predictions for it."""

    symbols: Annotated[list[Element], Meta(min_length=1, max_length=100)]
    positions: list[Vector]
    cell: tuple[Vector, Vector, Vector]
    pbc: tuple[bool, bool, bool]
    energy: float
    forces: list[tuple[float, float, float]]


class _Content(Struct, forbid_unknown_fields=True):
    """The file."""

    format: int
    units: _Units
    entries: Annotated[list[_Entry], Meta(min_length=1, max_length=10_000)]


def probe_structures(type_names: Sequence[str], seed: int = 0) -> tuple[Atoms, ...]:
    """Make small structures that exercise every type of a model.

    Isolated atoms, dimers and rattled diamond-like crystals; distances follow from the covalent
    radii, coordinates are rounded to the precision of the JSON file. With up to eight types, all
    pairs form dimers and all types are together in two crystals. With more types, each forms a
    dimer with the next one and is in a crystal with those of similar radius.
    """
    rng = np.random.default_rng(seed)
    radii = {name: covalent_radii[atomic_numbers[name]] for name in type_names}
    pairs: Iterable[tuple[str, str]] = itertools.combinations_with_replacement(type_names, 2)
    groups: list[Sequence[str]] = [type_names]
    shortest, distortions = 0.0, [(0.0, 0.05), (0.08, 0.15)]
    if len(type_names) > CRYSTAL_SITES:
        pairs = itertools.pairwise(type_names)
        by_radius = sorted(type_names, key=radii.__getitem__)
        starts = range(0, len(by_radius), CRYSTAL_SITES)
        groups = [by_radius[start : start + CRYSTAL_SITES] for start in starts]
        shortest, distortions = 2.5, [(0.08, 0.05)]  # few neighbours, so that loading stays quick
    structures = [Atoms([name]) for name in type_names]
    for first, second in pairs:
        distance = round(0.95 * (radii[first] + radii[second]), 3)
        structures.append(Atoms([first, second], [[0, 0, 0], [0, 0, distance]]))
    for group, (strain, rattle) in itertools.product(groups, distortions):
        bond = max(2 * float(np.mean([radii[name] for name in group])), shortest)
        structures.append(_rattled_diamond(group, bond, strain, rattle * bond, rng))
    return tuple(structures)


def _rattled_diamond(
    type_names: Sequence[str], bond: float, strain: float, rattle: float, rng: np.random.Generator
) -> Atoms:
    """Make eight atoms on a diamond lattice, types in turn, randomly strained and displaced."""
    corners = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]]) / 4
    scaled = np.concatenate([corners, corners + 0.25])
    lattice_constant = bond * 4 / np.sqrt(3)
    cell = lattice_constant * (np.eye(3) + strain * rng.uniform(-1, 1, (3, 3)))
    cell = np.round(cell, 6)
    positions = np.round(scaled @ cell + rng.normal(0, rattle, (8, 3)), 6)
    symbols = list(itertools.islice(itertools.cycle(type_names), CRYSTAL_SITES))
    return Atoms(symbols, positions, cell=cell, pbc=True)


def predict_probe(potential: Potential, structures: Sequence[Atoms]) -> Probe:
    """Evaluate a potential on probe structures in batches."""
    graphs = [build_graph(atoms, potential.elements, potential.cutoff) for atoms in structures]
    energies: list[float] = []
    forces: list[np.ndarray] = []
    was_training = potential.training
    potential.eval()
    for batch in batches_by_atoms(graphs):
        output = potential(collate([graph.to(potential.device) for graph in batch]))
        energies += output.energies.detach().tolist()
        sizes = [len(graph) for graph in batch]
        forces += [part.numpy() for part in output.forces.detach().cpu().split(sizes)]
    potential.train(was_training)
    return Probe(tuple(structures), tuple(energies), tuple(forces))


def verify_probe(potential: Potential, probe: Probe, name: str) -> None:
    """Refuse a potential that does not reproduce its stored predictions.

    Raises
    ------
    ModelError
        The message has the largest deviations in eV/atom and eV/Å and the tolerances.
    """
    predicted = predict_probe(potential, probe.structures)
    sizes = np.array([len(atoms) for atoms in probe.structures])
    # NumPy's maximum, unlike Python's, is NaN if anything is.
    energy_error = np.abs((np.array(predicted.energies) - probe.energies) / sizes).max()
    force_error = np.abs(np.concatenate(predicted.forces) - np.concatenate(probe.forces)).max()
    allowed_energy, allowed_force = TOLERANCES[potential.dtype]
    # Written so that a NaN fails.
    if not (energy_error <= allowed_energy and force_error <= allowed_force):
        raise ModelError(
            f"{name} does not reproduce its stored predictions: off by {energy_error:.1e} eV/atom "
            f"(allowed {allowed_energy:.0e}) and {force_error:.1e} eV/Å (allowed "
            f"{allowed_force:.0e})",
            hint="The model is corrupted, or gives different results with the installed package "
            "versions. Pull it again; if that does not help, install the versions in its card.",
        )


def write_probe(path: Path, probe: Probe) -> None:
    """Write probe structures and predictions as JSON."""
    entries = [
        {
            "symbols": atoms.get_chemical_symbols(),
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell.array.tolist(),
            "pbc": atoms.pbc.tolist(),
            "energy": energy,
            "forces": forces.tolist(),
        }
        for atoms, energy, forces in zip(
            probe.structures, probe.energies, probe.forces, strict=True
        )
    ]
    content = {"format": FORMAT, "units": {"energy": "eV", "forces": "eV/Å"}, "entries": entries}
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def read_probe(path: Path) -> Probe:
    """Read probe structures and predictions.

    Raises
    ------
    ModelError
        If the file is missing or corrupted.
    IncompatibleModelError
        If a newer release of this package wrote it.
    """
    with damage(path, ModelError, "Pull it again."):
        try:
            content = parse_json(read_bounded(path))
        except FileNotFoundError:
            raise ModelError(
                f"{path} is missing, so the model cannot be verified", hint="Pull it again."
            ) from None
        refuse_newer(content, FORMAT, path)
        entries = fit(content, _Content).entries
        for number, entry in enumerate(entries):
            if not len(entry.symbols) == len(entry.positions) == len(entry.forces):
                raise MalformedError(
                    f"'entries[{number}]': the numbers of symbols, positions and forces differ"
                )
        structures = tuple(
            Atoms(entry.symbols, entry.positions, cell=entry.cell, pbc=entry.pbc)
            for entry in entries
        )
    return Probe(
        structures=structures,
        energies=tuple(entry.energy for entry in entries),
        forces=tuple(np.array(entry.forces) for entry in entries),
    )
