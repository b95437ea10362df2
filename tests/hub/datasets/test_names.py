"""Entries that are not labels never pass for them, whatever they are called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.datasets import layout
from hub.datasets.blocks import Block, Labels
from hub.datasets.dataset import Dataset
from hub.datasets.exporting import export_structures
from hub.datasets.frames import Frames
from hub.datasets.huggingface import datasets_source
from hub.datasets.importing import file_source
from hub.datasets.labelling import add_label_set
from hub.datasets.layout import LabelSet
from hub.datasets.names import UNUSED, property_of, unreserved
from hub.datasets.writer import DatasetWriter
from hub.structures.label_names import names_label
from registry.removal import mark
from tests.hub.datasets.calculations import calculated, same_labels

OLD = Path(__file__).parents[2] / "data" / "dataset-format-1"
WORDS = [
    "energy", "energies", "E", "forces", "force", "F", "stress", "stresses", "virial", "dipole",
    "free_energy", "magmom", "magmoms", "charges", "charge", "cell", "Lattice", "pbc", "numbers",
    "positions", "pos", "species", "Properties", "move_mask", "total_energy", "atomic_forces",
    "initial_magmoms", "data", "key_value_pairs", "polarization", "dielectric_tensor", "Z",
]  # fmt: skip
TAGS = ["", "REF_", "dft_", "gap-", "my."]
ENDS = ["", "_dft", "-ref", "_2"]
NAMES = st.one_of(
    st.builds(
        lambda tag, word, end, change: change(tag + word + end),
        st.sampled_from(TAGS),
        st.sampled_from(WORDS),
        st.sampled_from(ENDS),
        st.sampled_from([str, str.lower, str.upper, str.capitalize]),
    ),
    st.from_regex(r"[A-Za-z][A-Za-z0-9_.\-]{0,12}", fullmatch=True),
)


@pytest.mark.parametrize(
    ("name", "tag", "per_atom", "expected"),
    [
        ("stress", "", False, "stress"),
        ("REF_stress", "ref", False, "stress"),
        ("stress_dft", "dft", False, "stress"),
        ("DFT-virials", "dft", False, "virial"),
        ("REF_stress", "", False, None),
        ("stress", "ref", False, None),
        ("a_stress_b", "a", False, None),
        ("free_energy", "", False, "free_energy"),
        ("magmoms", "", False, "magmom"),
        ("magmoms", "", True, "magmoms"),
        ("initial_magmoms", "", True, None),
        ("stress", None, False, None),
    ],
)
def test_what_belongs_to_labels_has_their_tag(name, tag, per_atom, expected):
    assert property_of(name, tag, per_atom=per_atom) == expected


@given(NAMES, st.booleans())
def test_no_name_passes_for_a_label_and_new_names_stay(name, per_atom):
    new = unreserved(name, per_atom=per_atom)
    assert new in (name, UNUSED + name)
    assert not names_label("energy", new)
    assert not names_label("forces", new)
    assert property_of(new, "", per_atom=per_atom) is None
    assert unreserved(new, per_atom=per_atom) == new


def test_what_is_harmless_keeps_its_name():
    kept = ("density", "charge", "spin", "name", "kpoints", "initial_magmoms", "momenta", "tags",
            "config_type", "trajectory", "gap17_local_energy", "REF_stress")  # fmt: skip
    assert [unreserved(name, per_atom=False) for name in kept] == list(kept)
    assert unreserved("charge", per_atom=True) == "unused_charge"  # ASE's column for charges


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(NAMES, max_size=4, unique=True), st.lists(NAMES, max_size=3, unique=True))
def test_exports_give_the_same_labels_whatever_else_there_is(tmp_path_factory, names, of_atoms):
    folder = tmp_path_factory.mktemp("any")
    originals = [calculated(number, size) for number, size in enumerate((3, 6, 2))]
    plain = Frames("dft", "energy", "forces").block(originals)
    block = Block(
        plain.structures,
        plain.labels,
        {name: np.arange(3.0) + number for number, name in enumerate(names)},
        {name: np.arange(33.0).reshape(11, 3) for name in of_atoms},
    )
    with DatasetWriter(folder / "set", {"dft": LabelSet()}) as writer:
        writer.append(block)
        writer.finish()
    dataset = Dataset(folder / "set")
    assert len(dataset.structure_extras) == len(names)
    assert len(dataset.atom_extras) == len(of_atoms)
    export_structures(dataset.pieces(), folder / "out.xyz", "extxyz")
    export_structures(dataset.pieces(), folder / "table", "datasets")
    for original, own, written in zip(
        originals, dataset.load().to_ase(), read(folder / "out.xyz", ":"), strict=True
    ):
        same_labels(original, own)
        same_labels(original, written)
        np.testing.assert_array_equal(written.positions, original.positions)
        np.testing.assert_array_equal(written.cell, original.cell)
        assert written.pbc.tolist() == original.pbc.tolist()
    for source in (file_source(folder / "out.xyz"), datasets_source([str(folder / "table")])):
        again = Frames("dft", source.energy_key, source.forces_key)
        frames = [atoms for _, atoms in source.frames(None)]
        labels = again.block(frames).labels["dft"]
        known = plain.labels["dft"]
        for mine, theirs in (
            (known.by_structure, labels.by_structure),
            (known.by_atom, labels.by_atom),
        ):
            assert mine.keys() == theirs.keys()
            for name, values in mine.items():
                np.testing.assert_array_equal(values, theirs[name], err_msg=name)
    shutil.rmtree(folder)


def test_a_dataset_of_the_first_format_opens(tmp_path):
    dataset = Dataset(OLD)
    assert "stress to unused_stress" in dataset.notes[0]
    for labels in ("dft", "emt"):
        loaded = dataset.load(labels)
        assert not loaded.properties
        assert all(atoms.calc.results.keys() == {"energy", "forces"} for atoms in loaded.to_ase())
        np.testing.assert_array_equal(
            loaded.structure_extras["unused_stress"], np.arange(6.0) + np.arange(3.0)[:, None]
        )
        assert "unused_magmoms" in loaded.atom_extras
    assert dataset.load("dft").energies.tolist() == [-1.5, -2.5, -3.5]
    for condition in ("unused_free_energy < -2", "free_energy < -2"):
        assert dataset.load("emt", where=condition).frame_index.tolist() == [1, 2]
    shutil.copytree(OLD, tmp_path / "old")
    loaded = dataset.load("dft")
    labels = Labels(loaded.energies, loaded.forces)
    mark(tmp_path)
    added = add_label_set(tmp_path / "old", tmp_path / "new", "third", LabelSet(), [labels])
    assert added.load("third").digest() == dataset.load("dft").digest()
    facts = json.loads((OLD / "dataset.zarr" / "zarr.json").read_text())
    assert facts["attributes"][layout.ATTRIBUTE]["format"] == 1
