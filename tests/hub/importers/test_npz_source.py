"""`hub import --reader npz-labels`: a label set more, joined by order and proved."""

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from hub.cli.main import main
from hub.datasets import load_dataset
from hub.datasets.importing import file_source, import_dataset

N_STRUCTURES, N_ATOMS = 40, 60


@pytest.fixture
def labelled(tmp_path):
    """A dataset `base` with labels, and files of other labels for its later half."""
    rng = np.random.default_rng(0)
    frames, forces = [], rng.normal(size=(N_STRUCTURES, N_ATOMS, 3))
    for index in range(N_STRUCTURES):
        atoms = Atoms("C" * N_ATOMS, rng.uniform(0, 9, (N_ATOMS, 3)), cell=[9] * 3, pbc=True)
        atoms.info.update(REF_energy=float(index), time=index)
        atoms.arrays["REF_forces"] = forces[index]
        frames.append(atoms)
    write(tmp_path / "base.extxyz", frames)
    import_dataset(file_source(tmp_path / "base.extxyz"), "base", labels="dft")
    other = 2.0 * forces[20:] + rng.normal(size=(20, N_ATOMS, 3))
    files = []
    for number in range(2):
        own = slice(10 * number, 10 * number + 10)
        files.append(tmp_path / f"ace-{number}.npz")
        objects = np.empty(10, object)
        objects[:] = list(other[own])
        np.savez(files[-1], energy=100.0 + np.arange(20)[own], force=objects)
    return files, other


def hub(capsys, *arguments):
    with pytest.raises(SystemExit) as done:
        main([str(argument) for argument in arguments])
    return done.value.code or 0, capsys.readouterr()


OPTIONS = ("--reader", "npz-labels", "--labels", "ace", "--onto", "base", "--name", "more")


def test_labels_join_the_structures_that_they_are_of(labelled, capsys):
    files, other = labelled
    code, said = hub(capsys, "import", *reversed(files), *OPTIONS, "--covers", "time >= 20")
    assert code == 0, said.err
    assert "verified by the forces of dft" in said.err
    ace, dft = load_dataset("more", labels="ace"), load_dataset("more", labels="dft")
    assert len(ace) == len(dft) == N_STRUCTURES
    assert np.isnan(ace.energies[:20]).all()
    assert ace.energies[20:].tolist() == list(range(100, 120))
    assert np.array_equal(ace.forces[20 * N_ATOMS :], other.reshape(-1, 3))
    assert dft.energies.tolist() == list(range(N_STRUCTURES))


@pytest.mark.parametrize(
    ("covers", "said"),
    [("time < 20", "do not belong"), ("time >= 19", "do not belong|only 20 structures")],
)
def test_labels_of_other_structures_are_refused(labelled, capsys, covers, said):
    files, _ = labelled
    code, output = hub(capsys, "import", *files, *OPTIONS, "--covers", covers)
    assert code == 1
    assert any(part in output.err for part in said.split("|"))


def test_without_a_dataset_there_is_nothing_to_join(labelled, capsys):
    files, _ = labelled
    code, output = hub(capsys, "import", *files, "--reader", "npz-labels", "--name", "more")
    assert code == 1
    assert "--onto" in output.err
