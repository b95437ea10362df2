"""Write extended xyz with every digit; ASE's own writer rounds forces to eight decimals."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import numpy as np

from hub.datasets.names import PROPERTIES

if TYPE_CHECKING:
    import numpy.typing as npt
    from ase import Atoms


def write_structure(stream: IO[str], atoms: Atoms) -> None:
    """Write one structure, with the results of its calculator, so that ASE reads the same.

    Parameters
    ----------
    stream
        Of text.
    atoms
        As `LoadedStructures.to_atoms` returns it.
    """
    from ase.io.extxyz import key_val_dict_to_str
    from ase.stress import voigt_6_to_full_3x3_stress

    results = dict(atoms.calc.results) if atoms.calc else {}
    of_atoms = {name for name, each in PROPERTIES.items() if each.per_atom} | {"forces"}
    if "stress" in results:
        results["stress"] = voigt_6_to_full_3x3_stress(results["stress"])
    columns = {"pos": atoms.positions}
    columns |= {name: values for name, values in results.items() if name in of_atoms}
    columns |= {n: v for n, v in atoms.arrays.items() if n not in {"numbers", "positions"}}
    flat = {name: np.reshape(values, (len(atoms), -1)) for name, values in columns.items()}
    layout = ":".join(["species:S:1", *(f"{n}:R:{v.shape[1]}" for n, v in flat.items())])
    info = {name: _plain(value) for name, value in atoms.info.items()}
    info |= {name: value for name, value in results.items() if name not in of_atoms}
    # Fortran's order of the transposed cell: one lattice vector after the other.
    lattice = {"Lattice": atoms.cell.array.reshape(-1)} if atoms.cell.array.any() else {}
    header = {**lattice, "Properties": layout, **info, "pbc": atoms.pbc}
    stream.write(f"{len(atoms)}\n{key_val_dict_to_str(header)}\n")
    numbers: npt.NDArray[np.float64] = np.concatenate(list(flat.values()), axis=1)
    for symbol, row in zip(atoms.symbols, numbers.tolist(), strict=True):
        stream.write(f"{symbol} {' '.join(map(repr, row))}\n")


def _plain(value: Any) -> Any:
    """Return a text so that it stays on its line, and is read as it was."""
    if isinstance(value, str):
        return " ".join(value.splitlines()).replace("\\", "\\\\")
    return value
