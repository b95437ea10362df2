"""Structures and distributions of a dataset, from a random sample."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.dataset import Dataset
from hub.datasets.pulling import pull_dataset
from hub.datasets.selection import Choice
from hub.errors import DataError
from hub.sizes import human_size
from hub.structures.analysis import mass_densities

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hub.datasets.loaded import LoadedStructures
    from hub.structures.arrays import FloatArray
    from registry.catalogue import Catalogue
    from registry.versions import Version

LARGEST = 200_000_000  # bytes; a larger dataset is sampled only if it is on this machine
N_SAMPLED = 400
_N_SHOWN = 24
_MOST_ATOMS = 400
_N_BINS = 32
_LONGEST_TEXT = 300  # of a comment or type
_OUTERMOST = 0.005  # fraction of the values beyond each end of a histogram


def sample_of(names: Catalogue, version: Version, n_shown: int = _N_SHOWN) -> dict[str, Any]:
    """Return some structures of a dataset, and distributions of sizes, densities and labels.

    Parameters
    ----------
    names
        Where the dataset is pulled from.
    version
        The dataset.
    n_shown
        Number of structures for the viewer.

    Raises
    ------
    DataError
        If it is too large to sample, or is not a dataset.
    RegistryError
        As in `hub.pull`.
    """
    size = version.manifest.size
    if size > LARGEST and not names.local.holds(version):
        raise DataError(
            f"it has {human_size(size)} and is not on this machine",
            f"Pull it before you build the site: hub pull {version.reference}",
        )
    reference = str(version.reference)
    head = pull_dataset(reference, labels=(), choice=Choice(), metadata_only=True, names=names)
    choice = Choice(None, min(N_SAMPLED, head.chosen or 0))
    pulled = pull_dataset(reference, choice=choice, names=names)
    dataset = Dataset(pulled.version.path, reference)
    structures = dataset.load("", **asdict(choice))
    labelled = {name: dataset.load(name, **asdict(choice)) for name in dataset.label_sets}
    return {
        "sampled": len(structures),
        "structures": dataset.n_structures,
        "histograms": _histograms(structures, labelled),
        "comparisons": _comparisons(labelled),
        "shown": _shown(structures, labelled, n_shown),
    }


def _histograms(
    structures: LoadedStructures, labelled: Mapping[str, LoadedStructures]
) -> list[dict[str, Any]]:
    """Return the histograms that have any values; each by series."""
    energies = {name: _per_atom(each) for name, each in labelled.items()}
    forces = {name: np.linalg.norm(each.forces, axis=1) for name, each in labelled.items()}
    sizes, densities = structures.n_atoms.astype(float), mass_densities(structures)
    found = [
        _histogram("Energy per atom", "eV/atom", "structures", energies),
        _histogram("Force on an atom", "eV/Å", "atoms", forces),
        _histogram("Size", "atoms", "structures", {"": sizes}),
        _histogram("Density", "g/cm³", "structures", {"": densities}),
    ]
    return [each for each in found if each]


def _histogram(
    title: str, unit: str, counted: str, series: Mapping[str, FloatArray]
) -> dict[str, Any] | None:
    finite = {name: values[np.isfinite(values)] for name, values in series.items()}
    known = {name: values for name, values in finite.items() if len(values)}
    if not known:
        return None
    everything = np.concatenate(list(known.values()))
    low, high = np.quantile(everything, [_OUTERMOST, 1 - _OUTERMOST]).tolist()
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    return {
        "title": title,
        "unit": unit,
        "counted": counted,
        "range": [low, high],
        "series": [
            {
                "name": name,
                "counts": np.histogram(values, _N_BINS, (low, high))[0].tolist(),
                "mean": float(values.mean()),
                "deviation": float(values.std()),
            }
            for name, values in known.items()
        ],
        "outside": int(((everything < low) | (everything > high)).sum()),
    }


def _comparisons(labelled: Mapping[str, LoadedStructures]) -> list[dict[str, Any]]:
    """Compare each label set with the first: differences where both have labels."""
    (first, *others) = list(labelled) or [""]
    found = []
    for other in others:
        energies = _per_atom(labelled[other]) - _per_atom(labelled[first])
        both = energies[np.isfinite(energies)]
        forces = labelled[other].forces - labelled[first].forces
        known = forces[np.isfinite(forces)]
        found.append(
            {
                "one": first,
                "other": other,
                "structures": len(both),
                "energy_shift": float(both.mean()) if len(both) else None,
                "energy_deviation": float(both.std()) if len(both) else None,
                "force_rmse": float(np.sqrt(np.mean(known**2))) if len(known) else None,
            }
        )
    return found


def _shown(
    structures: LoadedStructures, labelled: Mapping[str, LoadedStructures], n_shown: int
) -> dict[str, Any]:
    """Return structures for the viewer, spread over the sample, and the radii of their elements."""
    from ase.data import covalent_radii

    usable = [index for index in range(len(structures)) if _is_drawable(structures, index)]
    step = max(len(usable) / max(n_shown, 1), 1.0)
    chosen = [usable[int(place * step)] for place in range(min(n_shown, len(usable)))]
    shown = [_structure(structures, labelled, index) for index in chosen]
    numbers = {
        symbol: float(radius)
        for symbol, radius in zip(_symbols(range(1, 97)), covalent_radii[1:97], strict=True)
    }
    used = sorted({symbol for each in shown for symbol in each["symbols"]})
    return {"structures": shown, "radii": {each: round(numbers[each], 3) for each in used}}


def _is_drawable(structures: LoadedStructures, index: int) -> bool:
    own = structures.atoms_of(index)
    numbers = structures.numbers[own]
    return bool(
        0 < len(numbers) <= _MOST_ATOMS
        and np.isfinite(structures.positions[own]).all()
        and np.isfinite(structures.cells[index]).all()
        and np.abs(structures.positions[own]).max() < 1e5
        and numbers.min() >= 1
        and numbers.max() <= 96
    )


def _structure(
    structures: LoadedStructures, labelled: Mapping[str, LoadedStructures], index: int
) -> dict[str, Any]:
    own = structures.atoms_of(index)
    forces = next((each.forces[own] for each in labelled.values()), np.full((0, 3), np.nan))
    return {
        "number": int(structures.frame_index[index]),
        "type": str(structures.config_types[index])[:_LONGEST_TEXT],
        "symbols": _symbols(structures.numbers[own].tolist()),
        "positions": np.round(structures.positions[own], 3).ravel().tolist(),
        "cell": np.round(structures.cells[index], 4).tolist(),
        "periodic": structures.pbc[index].tolist(),
        "forces": np.round(forces, 3).ravel().tolist() if np.isfinite(forces).all() else [],
        "labels": [_labels(name, each, index) for name, each in labelled.items()],
        "notes": [
            [name, _text(values[index])]
            for name, values in structures.structure_extras.items()
            if values.ndim == 1
        ],
    }


def _labels(name: str, structures: LoadedStructures, index: int) -> dict[str, Any]:
    """Return the labels of one structure in one label set."""
    lengths = np.linalg.norm(structures.forces[structures.atoms_of(index)], axis=1)
    energy = float(_per_atom(structures)[index])
    largest = float(lengths.max()) if len(lengths) else np.nan
    return {
        "set": name,
        "energy": energy if np.isfinite(energy) else None,
        "force": largest if np.isfinite(largest) else None,
    }


def _text(value: Any) -> str:
    """Format a number or text of a column."""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.6g}"
    return str(value)[:_LONGEST_TEXT]


def _per_atom(structures: LoadedStructures) -> FloatArray:
    energies: FloatArray = structures.energies / np.maximum(structures.n_atoms, 1)
    return energies


def _symbols(numbers: Iterable[int]) -> list[str]:
    from ase.data import chemical_symbols

    return [chemical_symbols[number] for number in numbers]
