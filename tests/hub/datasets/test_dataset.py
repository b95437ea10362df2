"""What is written is what is read, whatever the shapes; other readers see the same."""

import json
import subprocess
import sys

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.datasets import layout
from hub.datasets.blocks import Block, Labels, structure_ids
from hub.datasets.dataset import Dataset
from hub.datasets.writer import DatasetWriter
from hub.errors import DataError
from hub.structures import StructureSet
from registry.errors import IncompatibleError, IntegrityError
from tests.hub.datasets.conftest import LABEL_SETS, random_block, write

SIZES = st.lists(st.lists(st.integers(1, 150), min_size=1, max_size=5), min_size=1, max_size=3)


def files_of(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(SIZES, st.sampled_from(["float64", "float32"]))
def test_everything_comes_back(tmp_path_factory, sizes, dtype):
    blocks = [random_block(lengths, seed) for seed, lengths in enumerate(sizes)]
    directory = write(tmp_path_factory.mktemp("any"), blocks, dtype=dtype)
    dataset = Dataset(directory)
    whole = StructureSet.concatenate([block.structures for block in blocks])
    for name in LABEL_SETS:
        loaded = dataset.load(name)
        np.testing.assert_array_equal(loaded.numbers, whole.numbers)
        np.testing.assert_array_equal(loaded.positions, whole.positions.astype(dtype))
        np.testing.assert_array_equal(loaded.cells, whole.cells)
        np.testing.assert_array_equal(loaded.pbc, whole.pbc)
        np.testing.assert_array_equal(loaded.pointers, whole.pointers)
        np.testing.assert_array_equal(loaded.config_types, whole.config_types)
        np.testing.assert_array_equal(loaded.split_labels, whole.split_labels)
        energies = np.concatenate([block.labels[name].energies for block in blocks])
        forces = np.concatenate([block.labels[name].forces for block in blocks])
        np.testing.assert_array_equal(loaded.energies, energies)
        np.testing.assert_array_equal(loaded.forces, forces.astype(dtype))
        for extra in ("density", "time"):
            given_ = np.concatenate([block.structure_extras[extra] for block in blocks])
            np.testing.assert_array_equal(loaded.structure_extras[extra], given_)
        charges = np.concatenate([block.atom_extras["site"] for block in blocks])
        np.testing.assert_array_equal(loaded.atom_extras["site"], charges.astype(dtype))
    assert dataset.ids.tobytes() == structure_ids(whole, dtype).tobytes()


def test_a_plain_zarr_reader_sees_it(directory, blocks):
    group = zarr.open_group(directory / "dataset.zarr", mode="r")
    assert group["structures/positions"].shape == (
        sum(len(b.structures.numbers) for b in blocks),
        3,
    )
    assert group["labels/ace"].attrs["teacher"] == "ACE"
    codes = group["extras/structure/config_type"]
    texts = [codes.attrs["categories"][code] for code in codes[:]]
    assert texts == [text for b in blocks for text in b.structures.config_types]
    assert codes.attrs["categories"][0] == texts[0]


def test_blocks_give_the_same_dataset_again(tmp_path, directory):
    again = write(tmp_path / "again", list(Dataset(directory).blocks()))
    assert files_of(again) == files_of(directory)


def test_more_structures_leave_full_shards_alone(tmp_path, directory, blocks):
    more = write(tmp_path / "more", [*blocks, random_block([30, 50, 7], 9)])
    old, new = files_of(directory), files_of(more)
    changed = {path for path in old if new[path] != old[path] and not path.endswith("zarr.json")}
    last = str(sum(len(b.structures.numbers) for b in blocks) // 64)
    assert changed
    assert all(f"/c/{last}" in path or "/c/7" in path for path in changed)


def test_labels_and_extras_that_come_late_or_never_are_absent(tmp_path):
    first, second = random_block([70, 9], 0, ("ace",)), random_block([80], 1)
    bare = Block(first.structures, {"ace": first.labels["ace"]})
    directory = write(tmp_path / "late", [bare, second])
    loaded = Dataset(directory).load("lcbop")
    assert np.isnan(loaded.energies).tolist() == [True, True, False]
    assert np.isnan(loaded.forces).all(axis=1).tolist() == [True] * 79 + [False] * 80
    assert np.isnan(loaded.structure_extras["time"]).tolist() == [True, True, False]
    assert np.isnan(loaded.atom_extras["site"]).tolist() == [True] * 79 + [False] * 80
    only = Dataset(directory).load("lcbop", labelled_only=True)
    assert only.frame_index.tolist() == [2]


def test_a_choice_loads_what_the_whole_has_there(directory):
    dataset = Dataset(directory)
    whole = dataset.load("ace")
    for options in ({"sample": 7, "seed": 3}, {"where": "density > 2"}, {"where": "time == 19"}):
        loaded = dataset.load("ace", **options)
        chosen = whole.select(loaded.frame_index)
        assert 0 < len(loaded) < len(whole)
        assert loaded.digest() == chosen.digest()
        np.testing.assert_array_equal(loaded.atom_extras["site"], chosen.atom_extras["site"])
    assert (dataset.load("ace", where="density > 2").structure_extras["density"] > 2).all()
    draws = [dataset.load("ace", sample=7, seed=seed).frame_index.tolist() for seed in (3, 3, 4)]
    assert draws[0] == draws[1] != draws[2]


def test_batches_give_every_structure_once(directory):
    loaded = Dataset(directory).load("ace")
    batches = list(loaded.batches(7, seed=1))
    assert [len(batch.energies) for batch in batches] == [7] * 8 + [4]
    order = np.concatenate([batch.indices for batch in batches])
    assert sorted(order) == list(range(60))
    assert order.tolist() != sorted(order)
    for batch in batches:
        own = loaded.select(batch.indices)
        np.testing.assert_array_equal(batch.positions, own.positions)
        np.testing.assert_array_equal(batch.forces, own.forces)
        np.testing.assert_array_equal(batch.pointers, own.pointers)
        np.testing.assert_array_equal(batch.energies, own.energies)
    assert len(list(loaded.batches(7, drop_last=True))) == 8


def test_ase_structures_have_labels_and_extras(directory):
    loaded = Dataset(directory).load("ace")
    atoms = loaded.to_ase()[5]
    own = loaded.atoms_of(5)
    assert atoms.get_potential_energy() == loaded.energies[5]
    np.testing.assert_array_equal(atoms.get_forces(), loaded.forces[own])
    assert atoms.info["density"] == loaded.structure_extras["density"][5]
    np.testing.assert_array_equal(atoms.arrays["site"], loaded.atom_extras["site"][own])


def test_label_sets_are_named_when_there_are_several(directory):
    dataset = Dataset(directory)
    with pytest.raises(DataError, match="ace, lcbop"):
        dataset.load()
    with pytest.raises(DataError, match="no label set 'gap'"):
        dataset.load("gap")
    assert np.isnan(dataset.load("").energies).all()


def test_ids_survive_extxyz_and_single_precision(tmp_path):
    from ase.io import read
    from ase.io import write as write_ase

    for dtype in ("float64", "float32"):
        structures = random_block([5, 8, 3]).structures
        ids = structure_ids(structures, dtype)
        # Somebody writes what such a dataset gives into a file.
        structures.positions[:] = structures.positions.astype(dtype)
        write_ase(tmp_path / "out.extxyz", [structures.to_atoms(i) for i in range(3)])
        back = StructureSet.from_atoms(read(tmp_path / "out.extxyz", ":"))
        assert structure_ids(back, dtype).tobytes() == ids.tobytes()
        assert len({row.tobytes() for row in ids}) == 3


def test_opening_is_refused_with_a_reason(tmp_path, directory, monkeypatch):
    with pytest.raises(IntegrityError, match="no complete Zarr group"):
        Dataset(tmp_path)
    metadata = directory / "dataset.zarr" / "zarr.json"
    content = json.loads(metadata.read_text())
    content["attributes"][layout.ATTRIBUTE]["format"] = layout.FORMAT + 1
    metadata.write_text(json.dumps(content))
    with pytest.raises(IncompatibleError, match="dataset format 2"):
        Dataset(directory)
    # A release that knows the next format reads this one by a step.
    monkeypatch.setattr(layout, "FORMAT", layout.FORMAT + 2)
    monkeypatch.setitem(layout._UPGRADES, 2, lambda old: {**old, "elements": ["Xx"]})
    assert Dataset(directory).elements == ("Xx",)
    content["attributes"] = {}
    metadata.write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match="not a dataset"):
        Dataset(directory)


def test_writers_refuse_what_cannot_be_kept(tmp_path):
    block = random_block([3, 4])
    with DatasetWriter(tmp_path / "a", {"ace": LABEL_SETS["ace"]}) as writer:
        with pytest.raises(DataError, match="lcbop"):
            writer.append(block)
        short = Block(block.structures, {"ace": Labels(np.zeros(1), np.zeros((7, 3)))})
        with pytest.raises(DataError, match="1 rows, expected 2"):
            writer.append(short)
        block.structures.positions[4, 1] = np.nan
        with pytest.raises(DataError, match=r"random\[1\]"):
            writer.append(Block(block.structures))
        with pytest.raises(DataError, match="no structures"):
            writer.finish()
    with pytest.raises(DataError, match="is not a valid name"):
        DatasetWriter(tmp_path / "b", {"../x": LABEL_SETS["ace"]})
    with pytest.raises(DataError, match="float16"):
        DatasetWriter(tmp_path / "b", {}, dtype="float16")


def test_importing_the_room_costs_nothing():
    code = "import sys, hub.datasets.layout; print(sorted({'numpy', 'zarr'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
