"""From files to versions and back: imports, additions, exports, Hugging Face datasets."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import read, write

import hub
from hub.datasets import importing, making
from hub.datasets.card import Description
from hub.datasets.dataset import Dataset
from hub.datasets.exporting import export_structures
from hub.datasets.frames import Frames
from hub.datasets.huggingface import datasets_source
from hub.datasets.importing import file_source, import_dataset
from hub.datasets.layout import LabelSet
from hub.datasets.loading import load_structures
from hub.datasets.selection import Choice
from hub.errors import DataError
from hub.library import catalogue
from hub.structures import StructureSet, read_structures
from registry.errors import ExistsError, NotFoundError, OfflineError


def frames(count, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        atoms = molecule(("CH4", "C2H6", "H2O")[number % 3])
        atoms.positions += rng.normal(size=atoms.positions.shape) * 0.05
        atoms.positions[:] = np.round(atoms.positions, 6)
        atoms.info = {"density": round(rng.random(), 3), "run": f"r{number % 2}", "step": number}
        atoms.info["box"] = np.arange(3.0) + number
        atoms.set_array("site", np.round(rng.normal(size=len(atoms)), 4))
        atoms.calc = SinglePointCalculator(
            atoms,
            energy=round(rng.normal(), 6) + shift,
            forces=np.round(rng.normal(size=(len(atoms), 3)), 6) + shift,
        )
        made.append(atoms)
    return made


@pytest.fixture
def xyz(tmp_path):
    def make(name, *arguments, **options):
        write(tmp_path / name, frames(*arguments, **options))
        return tmp_path / name

    return make


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr("hub.datasets.frames.BLOCK_ATOMS", 20)


def test_a_file_comes_back_with_everything(xyz):
    path = xyz("a.extxyz", 30)
    about = Description("Molecules", "MIT", "@misc{x}", LabelSet("EMT"))
    imported = import_dataset(file_source(path), "mine", labels="emt", description=about)
    manifest = imported.version.manifest
    assert (manifest.kind, manifest.licence) == ("dataset", "MIT")
    assert manifest.metadata["dataset"]["columns"]["run"] == {"values": {"r0": 15, "r1": 15}}
    assert manifest.metadata["dataset"]["columns"]["step"] == {"range": [0, 29]}
    assert "license: MIT" in (imported.version.path / "README.md").read_text()
    loaded = hub.load_dataset("mine@1", labels="emt")
    assert loaded.digest() == read_structures(path).structures.digest()
    for own, original in zip(loaded.to_ase(), read(path, ":"), strict=True):
        assert own.info["run"] == original.info["run"]
        assert own.info["density"] == original.info["density"]
        np.testing.assert_array_equal(own.info["box"], original.info["box"])
        np.testing.assert_array_equal(own.arrays["site"], original.arrays["site"])
    assert len(hub.load_dataset("mine", where="run == 'r1' and step < 10")) == 5
    # The work folder is gone.
    assert not list(catalogue().local.files.parts.glob("import-*"))


def test_what_constraints_hold_is_kept_and_left_out_of_the_loss(tmp_path):
    made = frames(4)
    for atoms in made[1:3]:
        atoms.set_constraint(FixAtoms([0]))
        atoms.calc.results["forces"][0] = 0
    write(tmp_path / "fixed.traj", made)
    import_dataset(file_source(tmp_path / "fixed.traj"), "fixed", labels="emt")
    loaded = hub.load_dataset("fixed", labels="emt")
    first = loaded.pointers[1:3]
    assert np.flatnonzero(loaded.constrained).tolist() == first.tolist()
    assert np.isnan(loaded.force_labels[first]).all()
    assert np.isfinite(loaded.forces).all()
    assert loaded.select([2]).constrained.tolist() == [True, *[False] * 4][: loaded.n_atoms[2]]


def test_a_version_is_not_imported_twice(xyz):
    import_dataset(file_source(xyz("a.extxyz", 3)), "mine")
    with pytest.raises(ExistsError, match=r"mine@1.0.0 already exists"):
        import_dataset(file_source(xyz("b.extxyz", 3)), "mine")


def test_labels_join_by_id_and_never_by_place(xyz):
    first = frames(12)
    import_dataset(file_source(xyz("a.extxyz", 12)), "mine", labels="one")
    again = frames(12, shift=5.0)
    shuffled = [again[i] for i in np.random.default_rng(0).permutation(12)]
    path = xyz("b.extxyz", 1)
    write(path, shuffled)
    imported = import_dataset(file_source(path), "mine", "1.1.0", labels="two", onto="mine@1.0.0")
    one, two = (hub.load_dataset("mine@1.1.0", labels=name) for name in ("one", "two"))
    assert len(one) == len(two) == 12
    np.testing.assert_allclose(two.energies - one.energies, 5.0)
    np.testing.assert_allclose(two.forces - one.forces, 5.0)
    np.testing.assert_allclose(one.energies, [a.get_potential_energy() for a in first])
    parent = imported.version.manifest.parents[0]
    assert (parent.name, parent.version, parent.relation) == ("mine", "1.0.0", "extended")
    # Everything but the new labels and the attributes is shared with the old version.
    old = catalogue().pull(hub.library.Reference.parse("mine@1.0.0")).manifest.files
    new = {entry.path: entry.sha256 for entry in imported.version.manifest.files}
    changed = {entry.path for entry in old if new[entry.path] != entry.sha256}
    assert changed == {"README.md", "dataset.zarr/zarr.json"}


def test_other_structures_come_after(xyz):
    import_dataset(file_source(xyz("a.extxyz", 9)), "mine", labels="one")
    write(xyz("b.extxyz", 1), [*frames(9), *frames(6, seed=3)])
    source = file_source(xyz("c.extxyz", 6, seed=3))
    import_dataset(source, "mine", "1.1.0", labels="one", onto="mine")
    assert len(hub.load_dataset("mine@1.1.0")) == 15
    import_dataset(source, "mine", "1.2.0", labels="two", onto="mine@1.1.0")
    assert np.isfinite(hub.load_dataset("mine@1.2.0", labels="two").energies).sum() == 6
    covered = load_structures("mine@1.2", "two")
    assert len(covered.structures) == 6
    assert covered.notes == ("9 structures of local/mine@1.2.0 without two labels left out",)
    with pytest.raises(DataError, match="already has one labels"):
        import_dataset(source, "mine", "1.3.0", labels="one", onto="mine@1.2.0")


def test_a_structure_with_two_labels_is_refused(xyz, tmp_path):
    import_dataset(file_source(xyz("a.extxyz", 3)), "mine", labels="one")
    write(tmp_path / "b.extxyz", [*frames(3), *frames(3, shift=1.0)])
    with pytest.raises(DataError, match="duplicate of an earlier structure, with different labels"):
        import_dataset(
            file_source(tmp_path / "b.extxyz"), "mine", "1.1.0", labels="two", onto="mine"
        )


@pytest.mark.slow
def test_an_import_is_resumed(xyz, monkeypatch):
    paths = [xyz("a.extxyz", 40), xyz("b.extxyz", 40, seed=1)]
    import_dataset(file_source(paths), "right")
    source = file_source(paths)
    seen = []
    really = importing.iterate_file

    def fails(path):
        for number, atoms in enumerate(really(path)):
            if path == paths[1] and number == 30 and not seen:
                raise KeyboardInterrupt
            yield atoms

    monkeypatch.setattr(importing, "iterate_file", fails)
    with pytest.raises(KeyboardInterrupt):
        import_dataset(source, "mine")
    seen.append(True)
    told = []
    import_dataset(source, "mine", resume=True, progress=lambda done, _: told.append(done))
    assert told[0] > 30  # it did not start from nothing
    files = [
        {entry.path: entry.sha256 for entry in catalogue().pull(_ref(name)).manifest.files}
        for name in ("right", "mine")
    ]
    assert {k: v for k, v in files[0].items() if k != "README.md"} == {
        k: v for k, v in files[1].items() if k != "README.md"
    }


def test_what_a_killed_import_finished_is_published_but_nothing_else(xyz, monkeypatch):
    sources = [file_source(xyz(name, 9, seed)) for seed, name in enumerate(("a.xyz", "b.xyz"))]

    def fails(*_, **__):
        raise KeyboardInterrupt

    def kill(name):
        with monkeypatch.context() as patch:
            patch.setattr(making, "write_card", fails)
            with pytest.raises(KeyboardInterrupt):
                import_dataset(sources[0], name)

    kill("mine")
    told = []
    import_dataset(sources[0], "mine", resume=True, progress=lambda *_: told.append(1))
    assert not told
    # Another import of that name does not take it for its own, whether it resumes or not.
    expected = frames(9, seed=1)[0].get_potential_energy()
    for name, resume in (("one", True), ("two", False)):
        kill(name)
        import_dataset(sources[1], name, resume=resume)
        assert hub.load_dataset(name).energies[0] == expected


def _ref(text):
    return hub.library.Reference.parse(text)


def test_what_cannot_be_kept_is_named():
    atoms = [
        Atoms("C", info={"bad name": 1.0, "list": ["a", "b"], "size": np.arange(n)}) for n in (2, 3)
    ]
    frames_ = Frames("x", "", "")
    block = frames_.block(atoms)
    assert not block.structure_extras
    assert sorted(frames_.dropped) == ["bad name", "list", "size"]
    assert "bad name" in frames_.notes()[0]


def test_extxyz_goes_around(xyz, tmp_path):
    path = xyz("a.extxyz", 20)
    import_dataset(file_source(path), "mine")
    dataset = Dataset(hub.pull("mine"))
    export_structures(dataset.pieces(), tmp_path / "out.extxyz", "extxyz")
    assert (
        read_structures(tmp_path / "out.extxyz").structures.digest()
        == read_structures(path).structures.digest()
    )
    assert read(tmp_path / "out.extxyz", 3).info["run"] == "r1"
    with pytest.raises(ExistsError):
        export_structures(dataset.pieces(), tmp_path / "out.extxyz", "extxyz")
    export_structures(
        dataset.pieces(choice=Choice(sample=4)), tmp_path / "out.extxyz", "extxyz", force=True
    )
    assert len(read(tmp_path / "out.extxyz", ":")) == 4
    with pytest.raises(DataError, match="unknown format"):
        export_structures(dataset.pieces(), tmp_path / "x", "xml")


@pytest.mark.slow
def test_nequip_reads_the_lmdb(xyz, tmp_path):
    from nequip.data import AtomicDataDict
    from nequip.data.dataset import NequIPLMDBDataset

    path = xyz("a.extxyz", 20)
    import_dataset(file_source(path), "mine")
    loaded = hub.load_dataset("mine")
    export_structures(Dataset(hub.pull("mine")).pieces(), tmp_path / "out.lmdb", "lmdb")
    database = NequIPLMDBDataset(str(tmp_path / "out.lmdb"))
    assert len(database) == 20
    (entry,) = database[[7]]
    np.testing.assert_allclose(
        entry[AtomicDataDict.FORCE_KEY], loaded.forces[loaded.atoms_of(7)], atol=1e-6
    )
    assert float(entry[AtomicDataDict.TOTAL_ENERGY_KEY]) == pytest.approx(loaded.energies[7])
    assert (tmp_path / "out.lmdb").stat().st_size < 10e6


def test_hugging_face_datasets_go_around(xyz, tmp_path):
    path = xyz("a.extxyz", 20)
    import_dataset(file_source(path), "mine")
    loaded = hub.load_dataset("mine")
    table = loaded.to_datasets()
    assert table.num_rows == 20
    assert table[4]["run"] == "r0"
    np.testing.assert_array_equal(table[4]["forces"], loaded.forces[loaded.atoms_of(4)])
    export_structures(Dataset(hub.pull("mine")).pieces(), tmp_path / "table", "datasets")
    table.to_parquet(tmp_path / "table.parquet")
    for number, place in enumerate(("table", "table.parquet")):
        import_dataset(datasets_source([str(tmp_path / place)]), f"again{number}")
        again = hub.load_dataset(f"again{number}")
        assert again.digest() == loaded.digest()
        for name, values in loaded.structure_extras.items():
            np.testing.assert_array_equal(again.structure_extras[name], values)
        np.testing.assert_array_equal(again.atom_extras["site"], loaded.atom_extras["site"])


def test_columns_as_colabfit_has_them(tmp_path):
    import datasets

    originals = frames(6)
    rows = [
        {
            "atomic_numbers": atoms.numbers.tolist(),
            "positions": atoms.positions.tolist(),
            "cell": np.eye(3).tolist(),
            "pbc": [True, True, False],
            "energy": atoms.get_potential_energy(),
            "atomic_forces": atoms.get_forces().tolist(),
            "names": ["a", "b"],
            "property_object_id": f"PO_{number}",
        }
        for number, atoms in enumerate(originals)
    ]
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "colabfit"))
    source = datasets_source([str(tmp_path / "colabfit")])
    assert (source.energy_key, source.forces_key) == ("energy", "atomic_forces")
    imported = import_dataset(source, "colabfit")
    assert "names" in imported.notes[-1]
    loaded = hub.load_dataset("colabfit")
    expected = StructureSet.from_atoms(originals)
    np.testing.assert_array_equal(loaded.positions, expected.positions)
    np.testing.assert_array_equal(loaded.forces, expected.forces)
    np.testing.assert_array_equal(loaded.energies, expected.energies)
    assert loaded.pbc.tolist() == [[True, True, False]] * 6


def test_what_is_no_hugging_face_dataset_is_said(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot be opened"):
        datasets_source([str(tmp_path / "empty")])
    (tmp_path / "a.csv").write_text("x\n1\n")
    with pytest.raises(DataError, match="not a supported dataset file"):
        datasets_source([str(tmp_path / "a.csv")])
    monkeypatch.setenv("HUB_OFFLINE", "1")
    with pytest.raises(OfflineError):
        datasets_source(["somebody/something"])


def test_a_dataset_that_is_not_there(tmp_path):
    with pytest.raises(NotFoundError):
        hub.load_dataset("nothing")
