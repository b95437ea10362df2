"""``hub transmute``: models and datasets carried to other elements, and what cannot be."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

import hub as library
from hub.datasets.dataset import Dataset
from hub.errors import AlchemyError
from hub.library import open_version
from hub.potentials.architectures import read_config
from tests.hub.potentials.small import hydrocarbon
from tests.hub.training.conftest import alloy, argon, write_data

SCALES = ("--scale", 1.2, "--energy-scale", 0.5)


@pytest.fixture
def dataset(hub, crystals) -> str:
    assert hub("import", crystals, "--name", "argon", "--license", "MIT").code == 0
    return "argon"


def test_a_model_directory(hub, random_directory, tmp_path):
    done = hub("transmute", random_directory, "--element-map", "C=Si,H=F", *SCALES, "--out", "made")
    assert done.code == 0
    assert done.out == "made\n"
    assert "cutoff:  3 Å becomes 3.6 Å" in done.err
    atoms = hydrocarbon()
    atoms.calc = library.calculator(random_directory, device="cpu")
    image = atoms.copy()
    image.symbols = ["Si" if symbol == "C" else "F" for symbol in atoms.symbols]
    image.set_cell(1.2 * atoms.cell, scale_atoms=True)
    image.calc = library.calculator("made", device="cpu")
    assert image.get_potential_energy() == pytest.approx(0.5 * atoms.get_potential_energy())
    np.testing.assert_allclose(image.get_forces(), 0.5 / 1.2 * atoms.get_forces(), atol=1e-12)
    np.testing.assert_allclose(image.get_stress(), 0.5 / 1.2**3 * atoms.get_stress(), atol=1e-12)
    again = hub(
        "transmute", random_directory, "--element-map", "C=Si,H=F", *SCALES, "--out", "made"
    )
    assert again.code == 1
    assert "made is not empty" in again.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made"]


def test_a_version_names_its_parent(hub, random_directory):
    start = ("transmute", random_directory, *SCALES)
    terms = ("--license", "MIT", "--json")
    first = hub(*start, "--element-map", "C=Si,H=F", "--name", "one", *terms)
    assert first.code == 0
    assert first.json["cutoff"] == pytest.approx(3.6)
    second = hub("transmute", "one", "--element-map", "Si=Ge", *SCALES, "--name", "two", "--json")
    assert second.code == 0
    manifest = open_version("two").version.manifest
    parent = manifest.parents[0]
    assert (parent.name, parent.version, parent.relation) == ("one", "1.0.0", "transmuted")
    assert parent.digest == first.json["digest"]
    assert manifest.licence == "MIT"
    assert manifest.metadata["elements"] == ["Ge"]
    assert read_config(open_version("two").path).r_max == pytest.approx(3 * 1.2**2)
    assert hub("transmute", "one", "--element-map", "Si=Ge", "--name", "two").code == 1


def test_without_scales_those_of_the_crystals_are_taken(hub, random_directory):
    done = hub("transmute", random_directory, "--element-map", "C=Si", "--out", "made", "--json")
    assert done.json["scale"] == pytest.approx(1.521, abs=1e-3)
    assert done.json["energy_scale"] == 1.0
    assert "no energy scale given: 1 is used" in done.err


@pytest.mark.parametrize("forces", ["consistent", "paper"])
def test_a_dataset(hub, dataset, crystals, forces):
    options = ("--element", "Kr", *SCALES, "--forces", forces, "--name", "krypton")
    done = hub("transmute", dataset, *options)
    assert done.code == 0
    assert done.out == "local/krypton@1.0.0\n"
    assert ("energies and forces are inconsistent" in done.err) is (forces == "paper")
    before, after = library.load_dataset(dataset), library.load_dataset("krypton")
    assert after.elements == ("Kr",)
    np.testing.assert_allclose(after.positions, 1.2 * before.positions, rtol=1e-12)
    np.testing.assert_allclose(after.cells, 1.2 * before.cells, rtol=1e-12)
    np.testing.assert_allclose(after.energies, 0.5 * before.energies, rtol=1e-12)
    factor = 0.5 if forces == "paper" else 0.5 / 1.2
    np.testing.assert_allclose(after.forces, factor * before.forces, rtol=1e-12)
    version = open_version("krypton")
    assert version.version.manifest.parents[0].relation == "transmuted"
    assert version.version.manifest.licence == "MIT"
    source = Dataset(version.path).label_sets["reference"].source
    assert "argon@1.0.0, transmuted" in source
    assert f"'forces': '{forces}'" in source


@pytest.mark.parametrize("forces", ["consistent", "paper"])
def test_stresses_and_virials_belong_to_the_energies(hub, tmp_path, forces):
    crystals = argon(3)
    for atoms in crystals:
        potential = LennardJones(sigma=3.4, epsilon=0.0104, rc=5.0)
        potential.calculate(atoms)
        kept = ("energy", "forces", "stress")
        atoms.calc = SinglePointCalculator(atoms, **{k: potential.results[k] for k in kept})
        atoms.info["virial"] = -atoms.get_volume() * atoms.get_stress(voigt=False)
    write(tmp_path / "stressed.extxyz", crystals)
    assert hub("import", tmp_path / "stressed.extxyz", "--name", "stressed").code == 0
    options = ("--element", "Kr", *SCALES, "--forces", forces, "--name", "krypton")
    assert hub("transmute", "stressed", *options).code == 0
    loaded = library.load_dataset("krypton")
    assert loaded.properties.keys() >= {"stress", "virial"}
    for index, atoms in enumerate(loaded.to_ase()):
        virial = atoms.info["virial"]
        atoms.calc = LennardJones(sigma=3.4 * 1.2, epsilon=0.0104 * 0.5, rc=5.0 * 1.2)
        stress = atoms.get_stress(voigt=False)
        np.testing.assert_allclose(loaded.stresses[index], stress, atol=1e-9)
        np.testing.assert_allclose(virial, -atoms.get_volume() * stress, atol=1e-6)


def test_the_paper_keeps_the_labels(hub, dataset):
    done = hub(
        "transmute", dataset, "--element", "Kr", "--scale", 1.5, "--forces=paper", "--name", "k"
    )
    assert done.code == 0
    before, after = library.load_dataset(dataset), library.load_dataset("k")
    assert np.array_equal(after.energies, before.energies)
    assert np.array_equal(after.forces, before.forces)


def test_two_elements_need_a_map(hub, tmp_path):
    data = write_data(tmp_path / "alloy.xyz", alloy(8))
    assert hub("import", data, "--name", "alloy").code == 0
    refused = hub("transmute", "alloy", "--element", "Ag", "--scale", 1.1, "--name", "silver")
    assert refused.code == 1
    assert "the mapping of Au, Cu to Ag is ambiguous" in refused.err
    assert "--element-map Au=...,Cu=..." in refused.err
    half = hub("transmute", "alloy", "--element-map", "Cu=Ag", "--scale", 1.1, "--name", "silver")
    assert half.code == 1
    assert "no new element given for Au" in half.err
    done = hub(
        "transmute", "alloy", "--element-map", "Cu=Ag,Au=Ag", "--scale", 1.1, "--name", "silver"
    )
    assert done.code == 0
    assert library.load_dataset("silver").elements == ("Ag",)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--element", "Kr", "--scale", 0), 2, "0.0 is not in the range"),
        (("--element", "Kr", "--scale", -1), 2, "-1.0 is not in the range"),
        (("--element", "Kr", "--scale", "big"), 2, "'big' is not a valid float"),
        (("--element", "Kr", "--scale", "nan"), 1, "must be a positive number"),
        (("--element", "Kr", "--scale", "inf"), 1, "must be a positive number"),
        (("--element", "Xx"), 1, "'Xx' is not a chemical element"),
        (("--element-map", "He=Kr"), 1, "cannot replace He: the elements are Ar"),
        ((), 2, "Give the new element"),
        (("--element", "Kr", "--data", "x.xyz"), 1, "--scale instead of --data"),
    ],
)
def test_bad_input(hub, dataset, options, code, message):
    done = hub("transmute", dataset, *options, "--name", "made")
    assert done.code == code
    assert message in done.err
    assert "Traceback" not in done.err


def test_python_says_what_it_lacks(random_directory, dataset, crystals):
    for given, says in (
        ({"element": "Kr"}, "give either --name or --out"),
        ({"out": "made"}, "no new element given"),
        ({"element": "Kr", "out": "made"}, "argon is a dataset"),
    ):
        with pytest.raises(AlchemyError, match=says):
            library.transmute(dataset, **given)
    with pytest.raises(AlchemyError, match="is a model"):
        library.transmute(random_directory, element_map="C=Si,H=F", out="made", resume=True)
    said = []
    with pytest.raises(AlchemyError, match="the data contain Ar, but --element is Si"):
        library.transmute(
            random_directory, element="Si", data=crystals, out="made", report=said.append
        )
    made = library.transmute(
        random_directory,
        element_map="C=Si,H=F",
        name="m",
        license="MIT",
        scale=1.2,
        report=said.append,
    )
    assert (made.cutoff, made.transmutation.scale) == (pytest.approx(3.6), 1.2)
    assert str(made.version.reference) == "local/m@1.0.0"
    assert "note:    no energy scale given: 1 is used" in said


def test_a_name_or_a_directory_is_needed(hub, random_directory):
    assert "--name" in hub("transmute", random_directory, "--element", "Si").err
    assert hub("transmute", "nothing-there", "--element", "Si", "--out", "made").code == 3


@pytest.mark.parametrize("cutoff", ["missing", None, 0, "4"])
def test_a_model_without_a_cutoff(hub, random_directory, tmp_path, cutoff):
    model = shutil.copytree(random_directory, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    if cutoff == "missing":
        del config["r_max"]
    else:
        config["r_max"] = cutoff
    (model / "config.json").write_text(json.dumps(config))
    done = hub("transmute", model, "--element-map", "C=Si", "--scale", 1.5, "--out", "made")
    assert done.code == 4
    assert "r_max" in done.err
    assert not (tmp_path / "made").exists()


def test_a_killed_dataset_goes_on(hub, dataset, monkeypatch):
    monkeypatch.setattr("hub.datasets.dataset._BLOCK_ATOMS", 8)
    monkeypatch.setattr("hub.datasets.layout.SHARD_ATOMS", 8)
    monkeypatch.setattr("hub.datasets.layout.CHUNK_ATOMS", 4)
    from hub.alchemy import datasets

    really, told = datasets._transmuted, []

    def fails_at_third(*arguments):
        told.append(1)
        if len(told) == 3:
            raise KeyboardInterrupt
        return really(*arguments)

    monkeypatch.setattr(datasets, "_transmuted", fails_at_third)
    options = ("transmute", dataset, "--element", "Kr", *SCALES, "--name", "made")
    assert hub(*options).code == 130
    assert hub(*options, "--resume").code == 0
    assert len(told) < 3 + 4  # of four blocks at least one was kept
    after = library.load_dataset("made")
    np.testing.assert_allclose(after.energies, 0.5 * library.load_dataset(dataset).energies)
    assert len(after) == len(argon(8))
