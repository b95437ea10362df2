"""Check files of structures and labels for what spoils training."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.datasets.loading import read_files_or_dataset
from hub.library import open_model
from hub.potentials.architectures import DEFAULT_CUTOFF, read_config
from hub.structures.checks import blocking, check_structures, require_error_codes
from hub.structures.reference_energies import fit_reference_energies
from hub.structures.stress_labels import StressReading
from registry.paths import texts

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from hub.schemas import Convention
    from hub.structures import ReadResult, StructureSet
    from hub.structures.checks import Finding
    from hub.structures.reference_energies import ReferenceEnergies

    Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Checked:
    """What was read and found.

    Attributes
    ----------
    read
        The structures, and the entries that were taken as their labels.
    references
        Energies of isolated atoms (eV), from the structures or fitted.
    findings
        Errors and warnings.
    allow
        Codes of errors that are allowed.
    """

    read: ReadResult
    references: ReferenceEnergies
    findings: tuple[Finding, ...]
    allow: tuple[str, ...] = ()

    @property
    def structures(self) -> StructureSet:
        """The structures."""
        return self.read.structures

    @property
    def errors(self) -> tuple[str, ...]:
        """The codes of errors that are not allowed: nothing trains on such files."""
        found = blocking(self.findings, self.allow)
        return tuple(dict.fromkeys(finding.code for finding in found))

    def config_types(self) -> dict[str, int]:
        """Return how many structures there are of each named type."""
        return dict(Counter(name for name in self.structures.config_types.tolist() if name))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        read, structures = self.read, self.structures
        return {
            "files": list(structures.sources),
            "structures": len(structures),
            "atoms": len(structures.numbers),
            "elements": list(structures.elements),
            "energy_key": read.energy_key,
            "forces_key": read.forces_key,
            "stress_keys": list(read.stress_keys),
            "stresses": int(structures.has_stress.sum()),
            "config_types": self.config_types(),
            "digest": structures.digest(),
            "reference_energies": {
                "energies": self.references.energies,
                "method": self.references.method,
                "notes": self.references.notes,
            },
            "notes": list(read.notes),
            "findings": [
                {
                    "severity": finding.severity,
                    "code": finding.code,
                    "allowed": finding.code in self.allow,
                    "message": finding.message,
                    "structures": [structures.where(index) for index in finding.structures],
                    "advice": finding.advice,
                }
                for finding in self.findings
            ],
        }


def check(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    model: str | None = None,
    labels: str = "",
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress_key: str | None = None,
    stress_convention: Convention = "ase",
    allow: Iterable[str] = (),
    reading: Progress | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Check files of structures and labels for what spoils training.

    Errors in the structures are returned, not raised: see `Checked.errors`.

    Parameters
    ----------
    files
        Names or patterns of files in any format that ASE reads, or one dataset.
    model
        Also check that this model covers the structures.
    labels
        Label set of a dataset.
    energy_key, forces_key
        Entries to take as total energy (eV) and forces (eV/Å); found by their names by default.
    stress_key, stress_convention
        Entry to take as stress or virial, ``none`` for no stresses, and its units and sign.
    allow
        Codes of findings to allow.
    reading
        Called with the files read so far and in total.
    progress
        Called with the structures checked so far and in total.

    Raises
    ------
    DataError
        If the files cannot be read, it is unclear which entries are the labels, or there is no
        error of a code in `allow`.
    RegistryError
        If the model or dataset cannot be pulled.
    """
    allowed = tuple(allow)
    require_error_codes(allowed)
    elements, cutoff = _limits(model) if model else (None, DEFAULT_CUTOFF)
    stress = StressReading(stress_key, stress_convention)
    read = read_files_or_dataset(texts(files), labels, energy_key, forces_key, reading, stress)
    findings = check_structures(read.structures, elements, cutoff, progress)
    references = fit_reference_energies(read.structures)
    return Checked(read, references, tuple(findings), allowed)


def _limits(model: str) -> tuple[tuple[str, ...], float]:
    """Return the elements that a model covers, and its cutoff in Å."""
    config = read_config(open_model(model).path)
    return config.type_names, config.r_max
