"""What a calculation gave belongs to its label set, in the dataset and in every export."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

import hub
from hub.datasets.dataset import Dataset
from hub.datasets.exporting import export_structures
from hub.datasets.huggingface import datasets_source
from hub.datasets.importing import file_source, import_dataset
from hub.datasets.loaded import LoadedStructures
from hub.errors import DataError
from hub.jobs.pool import LocalPool
from hub.library import catalogue
from hub.teachers.relabelling import relabel
from registry.references import Reference
from tests.hub.datasets.calculations import calculated, same_labels
from tests.hub.teachers.conftest import moody

SIZES = (3, 6, 1, 9, 3)


@pytest.fixture
def traj(tmp_path):
    write(tmp_path / "all.traj", [calculated(number, size) for number, size in enumerate(SIZES)])
    return tmp_path / "all.traj"


def exported(name: str, path, to: str, labels: str | None = None) -> None:
    export_structures(Dataset(hub.pull(name), name).pieces(labels), path, to)


def test_everything_that_was_calculated_comes_back(traj):
    imported = import_dataset(file_source(traj), "all", labels="dft")
    assert any("with the dft labels: " in note and "stress" in note for note in imported.notes)
    loaded = hub.load_dataset("all")
    assert {"stress", "virial", "magmoms"} <= loaded.properties.keys()
    assert not {"stress", "virial"} & loaded.structure_extras.keys()
    for original, own in zip(read(traj, ":"), loaded.to_ase(), strict=True):
        same_labels(original, own)
    facts = imported.facts["label_sets"]["dft"]
    assert "stress" in facts["properties"]
    only = hub.load_dataset("all", sample=2).select([1])
    same_labels(loaded.to_atoms(int(only.frame_index[0])), only.to_atoms(0))


@pytest.mark.parametrize("to", ["extxyz", "datasets"])
def test_exports_come_back_to_the_last_bit(traj, tmp_path, to):
    import_dataset(file_source(traj), "all", labels="dft")
    exported("all", tmp_path / "out", to)
    if to == "extxyz":
        (tmp_path / "out").rename(tmp_path / "out.xyz")
        for original, own in zip(read(traj, ":"), read(tmp_path / "out.xyz", ":"), strict=True):
            same_labels(original, own)
            np.testing.assert_array_equal(own.positions, original.positions)
        source = file_source(tmp_path / "out.xyz")
    else:
        import datasets

        table = datasets.load_from_disk(str(tmp_path / "out"))
        for original, row in zip(read(traj, ":"), table, strict=True):
            for name, value in original.calc.results.items():
                np.testing.assert_array_equal(row[name], value)
            np.testing.assert_array_equal(row["virial"], original.info["virial"])
        source = datasets_source([str(tmp_path / "out")])
    import_dataset(source, "again", labels="dft")
    for original, own in zip(read(traj, ":"), hub.load_dataset("again").to_ase(), strict=True):
        same_labels(original, own)


def test_nequip_reads_the_lmdb_to_the_last_bit(traj, tmp_path):
    from nequip.data import AtomicDataDict
    from nequip.data.dataset import NequIPLMDBDataset

    import_dataset(file_source(traj), "all")
    exported("all", tmp_path / "out.lmdb", "lmdb")
    names = {"energy": "total_energy", "energies": "atomic_energy"}
    entries = NequIPLMDBDataset(str(tmp_path / "out.lmdb"))[list(range(len(SIZES)))]
    batch = AtomicDataDict.batched_from_list(entries)
    assert batch["stress"].shape == (len(SIZES), 3, 3)
    for original, entry in zip(read(traj, ":"), entries, strict=True):
        expected = {**original.calc.results, "virial": original.info["virial"]}
        del expected["dipole"]
        for name, value in expected.items():
            read_back = entry[names.get(name, name)].numpy()
            assert read_back.dtype == np.float64
            if name in ("stress", "stresses"):  # NequIP has them 3 by 3
                read_back = read_back.reshape(-1, 9)[:, [0, 4, 8, 5, 2, 1]]
            np.testing.assert_array_equal(read_back.reshape(-1), np.reshape(value, -1), name)


def test_another_label_set_never_has_the_stress(traj, tmp_path):
    import_dataset(file_source(traj), "all", labels="dft")
    with LocalPool(1) as workers:
        relabel("all", moody(keeps_stress=False), "lj", pool=workers)
    for to in ("extxyz", "datasets"):
        exported("all", tmp_path / to, to, "lj")
    (tmp_path / "extxyz").rename(tmp_path / "lj.xyz")
    for atoms in (*hub.load_dataset("all", "lj").to_ase(), *read(tmp_path / "lj.xyz", ":")):
        assert atoms.calc.results.keys() == {"energy", "forces"}
        assert atoms.info.keys() == {"density"}
    import datasets

    columns = datasets.load_from_disk(str(tmp_path / "datasets")).column_names
    assert not {"stress", "virial", "magmoms", "dipole", "free_energy"} & set(columns)
    for original, own in zip(read(traj, ":"), hub.load_dataset("all", "dft").to_ase(), strict=True):
        same_labels(original, own)


def test_labels_join_with_all_that_they_have(traj, tmp_path):
    plain = [atoms.copy() for atoms in read(traj, ":")]
    for atoms in plain:
        del atoms.info["virial"]
        atoms.calc = SinglePointCalculator(atoms, energy=1.0, forces=np.zeros((len(atoms), 3)))
    write(tmp_path / "plain.traj", plain)
    import_dataset(file_source(tmp_path / "plain.traj"), "set", labels="one")
    import_dataset(file_source(traj), "set", "1.1.0", labels="two", onto="set")
    assert not hub.load_dataset("set", "one").properties
    for original, own in zip(read(traj, ":"), hub.load_dataset("set", "two").to_ase(), strict=True):
        same_labels(original, own)
    old = catalogue().pull(Reference.parse("set@1.0.0")).manifest.files
    new = {
        entry.path: entry.sha256
        for entry in catalogue().pull(Reference.parse("set@1.1.0")).manifest.files
    }
    changed = {entry.path for entry in old if new[entry.path] != entry.sha256}
    assert changed <= {"README.md", "dataset.zarr/zarr.json"}
    other = read(traj, ":")
    other[1].calc.results["dipole"] = other[1].calc.results["dipole"] + 1.0
    write(tmp_path / "twice.traj", [*read(traj, ":"), *other])
    with pytest.raises(DataError, match="duplicate of an earlier structure, with different labels"):
        import_dataset(
            file_source(tmp_path / "twice.traj"), "set", "1.2.0", labels="three", onto="set@1.1.0"
        )


@pytest.mark.slow
def test_part_of_a_label_set_is_pulled(tmp_path, monkeypatch):
    frames = [calculated(number, 20) for number in range(30)]
    write(tmp_path / "all.traj", frames)
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "author"))
    import_dataset(file_source(tmp_path / "all.traj"), "all", to=str(tmp_path / "lab"))
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "reader"))
    monkeypatch.setenv("HUB_REGISTRIES", f"lab={tmp_path / 'lab'}")
    loaded = hub.load_dataset("lab/all", where="density > 1.2")
    assert 0 < len(loaded) < 10
    for index, number in enumerate(loaded.frame_index.tolist()):
        same_labels(frames[number], loaded.to_atoms(index))


def test_the_model_beside_the_reference_never_stands_for_it(tmp_path):
    reference = [calculated(number, 4) for number in range(3)]
    model = [calculated(number, 4, scale=7.0) for number in range(3)]
    for atoms, own in zip(reference, model, strict=True):
        atoms.info = {"REF_energy": atoms.calc.results["energy"], "charge": 1, "E": 4.0}
        atoms.info["REF_stress"] = atoms.calc.results["stress"]
        atoms.set_array("REF_forces", atoms.calc.results["forces"])
        atoms.calc = own.calc
    write(tmp_path / "both.extxyz", reference)
    imported = import_dataset(file_source(tmp_path / "both.extxyz"), "both")
    notes = "; ".join(imported.notes)
    assert "with the reference labels: REF_stress" in notes
    assert "energy to unused_energy" in notes
    assert "stress to unused_stress" in notes
    exported("both", tmp_path / "out.xyz", "extxyz")
    exported("both", tmp_path / "table", "datasets")
    import datasets

    rows = datasets.load_from_disk(str(tmp_path / "table"))
    everywhere = zip(
        hub.load_dataset("both").to_ase(), read(tmp_path / "out.xyz", ":"), rows, strict=True
    )
    originals = read(tmp_path / "both.extxyz", ":")
    for number, (own, written, row) in enumerate(everywhere):
        energy = reference[number].info["REF_energy"]
        assert own.get_potential_energy() == written.get_potential_energy() == energy
        assert row["energy"] == energy
        for atoms in (own, written):
            np.testing.assert_array_equal(
                atoms.get_forces(), originals[number].arrays["REF_forces"]
            )
            assert atoms.calc.results.keys() == {"energy", "forces", "stress"}
            assert atoms.info["charge"] == 1
            assert atoms.info["unused_E"] == 4.0
            assert atoms.info["unused_energy"] == model[number].calc.results["energy"]
        np.testing.assert_array_equal(own.get_stress(), reference[number].info["REF_stress"])
        np.testing.assert_array_equal(row["stress"], own.get_stress())


def test_a_named_energy_has_the_stress_of_its_tag(tmp_path):
    frames = [calculated(number, 3) for number in range(3)]
    for atoms in frames:
        atoms.info["energy_dft"] = atoms.calc.results["energy"] - 1
        atoms.info["dft-virial"] = np.eye(3)
        atoms.set_array("forces_dft", atoms.calc.results["forces"] + 1)
    write(tmp_path / "tags.extxyz", frames)
    source = file_source(tmp_path / "tags.extxyz", "energy_dft", "forces_dft")
    import_dataset(source, "tags")
    loaded = hub.load_dataset("tags")
    assert loaded.properties.keys() == {"virial"}
    np.testing.assert_array_equal(loaded.properties["virial"], [np.eye(3)] * 3)
    assert loaded.energies[0] == frames[0].info["energy_dft"]
    assert "unused_stress" in loaded.structure_extras


def test_magnetic_structures_give_their_energies(tmp_path):
    frames = [calculated(number, 4) for number in range(2)]
    for atoms in frames:
        calc, atoms.calc = atoms.calc, None
        atoms.set_initial_magnetic_moments([1.0, -1.0, 2.0, 0.5])
        atoms.set_initial_charges([0.5, -0.5, 0.0, 0.0])
        atoms.calc = SinglePointCalculator(atoms, **calc.results)
    write(tmp_path / "fe.traj", frames)
    import_dataset(file_source(tmp_path / "fe.traj"), "fe")
    for original, atoms in zip(frames, hub.load_dataset("fe").to_ase(), strict=True):
        assert atoms.get_potential_energy() == original.get_potential_energy()
        assert atoms.get_initial_magnetic_moments().tolist() == [1.0, -1.0, 2.0, 0.5]
        np.testing.assert_array_equal(
            atoms.get_magnetic_moments(), original.calc.results["magmoms"]
        )


def test_what_is_no_stress_is_said(tmp_path):
    atoms = Atoms("C2", [[0, 0, 0], [0, 0, 1]])
    atoms.info = {"REF_energy": -1.0, "REF_stress": np.arange(9.0).reshape(3, 3)}
    atoms.set_array("REF_forces", np.ones((2, 3)))
    write(tmp_path / "odd.xyz", atoms, format="extxyz")
    imported = import_dataset(file_source(tmp_path / "odd.xyz"), "odd")
    assert any("not symmetric): REF_stress" in note for note in imported.notes)
    assert not hub.load_dataset("odd").properties


def test_structures_that_lack_a_property_have_none(tmp_path):
    frames = [calculated(0, 2), calculated(1, 3)]
    del frames[1].calc.results["stress"]
    del frames[0].calc.results["magmoms"]
    write(tmp_path / "some.traj", frames)
    import_dataset(file_source(tmp_path / "some.traj"), "some")
    loaded = hub.load_dataset("some")
    for original, own in zip(frames, loaded.to_ase(), strict=True):
        same_labels(original, own)
    assert isinstance(loaded, LoadedStructures)
    assert np.isnan(loaded.properties["stress"][1]).all()
