"""Files with a dimer in each line: symbol, distance in Å, energy in eV, force in eV/Å."""

from pathlib import Path

from hub.importers.importer import Importer


def source(files, energy_key, forces_key):
    """Look into files of dimers."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    from hub.datasets.importing import Source
    from hub.errors import DataError

    lines = [line.split() for file in files for line in Path(file).read_text().splitlines()]
    if any(len(line) != 4 for line in lines):
        raise DataError("a line has not four words", "Write symbol, distance, energy and force.")

    def frames(after):
        for place, (symbol, *numbers) in enumerate(lines):
            if after is None or place > after:
                distance, energy, force = map(float, numbers)
                atoms = Atoms([symbol] * 2, [[0, 0, 0], [distance, 0, 0]])
                forces = [[force, 0, 0], [-force, 0, 0]]
                atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
                yield place, atoms

    return Source(lines, "energy", "forces", frames)


def version(card, files, folder):
    """Keep the published files as they are."""
    for file in files:
        (folder / "content.bin").write_bytes(file.read_bytes())
    return {"lines": 1}


IMPORTER = Importer(source, version)
