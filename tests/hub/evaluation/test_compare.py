"""Two label sets of a dataset compared: as they are, and with the zeros aligned."""

import numpy as np
import pytest

from hub.datasets.blocks import Block, Labels
from hub.datasets.layout import LabelSet
from hub.datasets.writer import DatasetWriter
from hub.errors import DataError
from hub.evaluation.compare import compare_labels
from hub.structures import StructureSet

SIZES = [8, 12, 10, 9]


@pytest.fixture
def directory(tmp_path):
    """Carbon with labels a, b = a + 0.5 eV/atom with forces 0.1 eV/Å off, c of other structures."""
    rng = np.random.default_rng(0)
    pointers = np.concatenate([[0], np.cumsum(SIZES)])
    n_atoms, n_structures = pointers[-1], len(SIZES)
    structures = StructureSet(
        numbers=np.full(n_atoms, 6),
        positions=rng.normal(size=(n_atoms, 3)),
        cells=np.tile(6.0 * np.eye(3), (n_structures, 1, 1)),
        pbc=np.ones((n_structures, 3), np.bool_),
        pointers=pointers,
        energies=np.full(n_structures, np.nan),
        forces=np.full((n_atoms, 3), np.nan),
        sources=("made",),
        source_index=np.zeros(n_structures, np.int32),
        frame_index=np.arange(n_structures),
        config_types=np.full(n_structures, ""),
        split_labels=np.full(n_structures, ""),
    )
    energies = rng.normal(-7, 0.3, n_structures) * SIZES
    forces = rng.normal(size=(n_atoms, 3))
    other_energies, other_forces = energies + 0.5 * np.array(SIZES), forces + 0.1
    other_energies[3], other_forces[pointers[3] :] = np.nan, np.nan
    only_last = np.where(np.arange(n_structures) == 3, energies, np.nan)
    stresses = rng.normal(0, 0.05, (n_structures, 6))
    stresses[0] = np.nan
    labels = {
        "a": Labels(energies, forces, {"stress": stresses}),
        "b": Labels(other_energies, other_forces, {"stress": stresses + 0.01}),
        "c": Labels(only_last, forces),
    }
    with DatasetWriter(tmp_path / "set", {name: LabelSet() for name in labels}) as writer:
        writer.append(Block(structures, labels))
        writer.finish()
    return tmp_path / "set"


def test_the_shift_and_what_is_left(directory):
    compared = compare_labels(directory, ("a", "b"))
    assert len(compared.structures) == 3
    assert compared.shifts.energies["C"] == pytest.approx(-0.5)
    assert compared.shifted.energies == pytest.approx(compared.structures.energies)
    assert compared.energy_correlation == pytest.approx(1.0)
    assert compared.force_correlation == pytest.approx(1.0)
    with pytest.raises(DataError, match="no structure"):
        compare_labels(directory, ("b", "c"))


def test_the_command(command, directory, tmp_path):
    plot = tmp_path / "plot.png"
    report = command("evaluate", directory, "--labels", "a,b", "--json", "--plot", plot).json
    whole = report["differences"]["all structures"]
    assert whole["n_structures"] == 3
    assert whole["energy_rmse"] == pytest.approx(500.0)
    assert whole["force_rmse"] == pytest.approx(0.1)
    assert report["differences_shifted"]["all structures"]["energy_rmse"] < 1e-6
    assert whole["stress_rmse"] == pytest.approx(0.01 * 160.2177, rel=1e-4)
    assert report["units"]["stress"] == "GPa"
    assert plot.read_bytes().startswith(b"\x89PNG")
    shown = command("evaluate", directory, "--labels", "a,b")
    assert "500.0" in shown.out
    assert "MAE (GPa)" in shown.out
    assert "C -0.5000 eV/atom" in shown.err
    before = command("diff", directory, "--labels", "a,b")
    assert before.out == shown.out
    assert "note: hub diff is now hub evaluate" in before.err


@pytest.mark.parametrize(
    ("labels", "code", "said"),
    [("a", 2, "two names"), ("a,d", 1, "no label set 'd'"), ("b,c", 1, "no structure of")],
)
def test_mistakes_are_answered(command, directory, labels, code, said):
    assert said in command("evaluate", directory, "--labels", labels, code=code).err


def test_options_of_models_are_refused(command, directory):
    labels = ("--labels", "a,b")
    assert (
        "--dtype needs --data"
        in command("evaluate", directory, *labels, "--dtype", "float32", code=2).err
    )
    assert "one dataset" in command("evaluate", directory, directory, *labels, code=2).err
    assert "--labels A,B" in command("evaluate", directory, code=2).err
