"""Environments that a source knows, and others."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

import hub
from hub.errors import AlchemyError
from hub.structures import StructureSet
from registry import shipped
from tests.shipping import sample, ship

pytest.importorskip("dscribe", reason="DScribe is not installed")

from hub.evaluation.overlap import inside, measure_overlap


def diamonds(symbol: str, a: float, count: int, seed: int, rattle: float = 0.04) -> list:
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk(symbol, "diamond", a=a, cubic=True)
        atoms.positions += rattle * a / 3.57 * rng.normal(size=(8, 3))
        frames.append(atoms)
    return frames


@pytest.fixture(scope="module")
def carbon() -> StructureSet:
    return StructureSet.from_atoms(diamonds("C", 3.57, 30, seed=0))


def test_a_scaled_crystal_is_inside_and_an_unscaled_one_is_not(carbon):
    silicon = StructureSet.from_atoms(diamonds("Si", 5.43, 30, seed=1))
    overlap = measure_overlap(carbon, silicon, (("C", "Si"),), 5.43 / 3.57)
    assert overlap.share_unscaled == 0.0
    assert overlap.share_scaled > 0.8
    assert len(overlap.scaled.vectors) == 240
    assert np.allclose(np.linalg.norm(overlap.scaled.vectors, axis=1), 1)


def test_another_crystal_is_outside(carbon):
    copper = StructureSet.from_atoms([bulk("Cu", cubic=True) for _ in range(3)])
    overlap = measure_overlap(carbon, copper, (("C", "Cu"),))
    assert overlap.share_unscaled == overlap.share_scaled == 0.0


def test_of_itself_all_is_inside(carbon):
    overlap = measure_overlap(carbon, carbon, (("C", "C"),), 1.0)
    assert overlap.share_scaled == 1.0
    assert inside(overlap.source, overlap.source, 1e-6).all()


def test_elements_must_be_matched(carbon):
    silicon = StructureSet.from_atoms(diamonds("Si", 5.43, 2, seed=1))
    with pytest.raises(AlchemyError, match="no new element given for Si"):
        measure_overlap(carbon, silicon, (("C", "Ge"),), 1.5)


def test_the_command(tmp_path, monkeypatch, capfd):
    from hub.cli.main import main

    monkeypatch.chdir(tmp_path)
    write("c.xyz", diamonds("C", 3.57, 20, seed=0), format="extxyz")
    write("si.xyz", diamonds("Si", 5.43, 20, seed=1), format="extxyz")
    with pytest.raises(SystemExit) as left:
        main(["overlap", "c.xyz", "si.xyz", "--json"])
    assert not left.value.code
    found = json.loads(capfd.readouterr().out)
    assert found["scale"] == pytest.approx(5.43 / 3.57, rel=0.03)
    assert found["share_scaled"] > 0.3 > found["share_unscaled"]
    asked = hub.overlap("c.xyz", "si.xyz", scale=found["scale"], element_map="C=Si")
    assert asked.names == ("c.xyz", "si.xyz")
    assert asked.share_scaled == found["share_scaled"]
    with pytest.raises(SystemExit) as left:
        main(["overlap", "nothing", "si.xyz"])
    assert left.value.code == 3


def test_a_model_that_names_no_data_is_refused(random_directory, tmp_path, capfd):
    from hub.cli.main import main

    write(tmp_path / "si.xyz", diamonds("Si", 5.43, 2, seed=1), format="extxyz")
    with pytest.raises(SystemExit) as left:
        main(["overlap", str(random_directory), str(tmp_path / "si.xyz")])
    assert left.value.code == 1
    assert "names no dataset that can be opened" in capfd.readouterr().err


def test_a_model_whose_data_are_in_no_registry(tmp_path, capfd):
    from hub.cli.main import main

    name = "c-nep-pretrained@1.0.0"
    write(tmp_path / "si.xyz", diamonds("Si", 5.43, 2, seed=1), format="extxyz")
    with pytest.raises(SystemExit) as left:
        main(["overlap", name, str(tmp_path / "si.xyz")])
    assert left.value.code == 1
    error = capfd.readouterr().err
    assert f"{name} was trained on carbon-set/c-synth-small@1.0.0, which is in no" in error
    assert "hint: Give the structures" in error


@pytest.mark.slow
@pytest.mark.parametrize("model", ["c-nep-pretrained", "c-lcbop-pretrained-small"])
def test_models_that_come_along_have_a_sample_of_their_data(tmp_path, command, model):
    write(tmp_path / "c.xyz", diamonds("C", 3.57, 2, seed=1), format="extxyz")
    done = command("overlap", model, "c.xyz", "--json")
    assert "a sample of it is used, builtin/c-synth-small-sample@1.1.0" in done.err
    assert done.json["share_unscaled"] > 0.5
    several = command("overlap", model, "c-pbe-examples", "c.xyz", code=1)
    assert (
        "a dataset must be given alone, but there are 2 inputs: c-pbe-examples, c.xyz"
        in several.err
    )
    whole = command("overlap", model, "c-pbe-examples", "--json").json
    assert 0 < whole["share_unscaled"] < 1
    assert whole["environments"][1] > 500


def test_a_sample_that_comes_along_stands_for_the_data(tmp_path, command, monkeypatch):
    write(tmp_path / "c.xyz", diamonds("C", 3.57, 40, seed=0), format="extxyz")
    write(tmp_path / "si.xyz", diamonds("Si", 5.43, 5, seed=1), format="extxyz")
    options = ("--name", "set", "--license", "MIT", "--to", "./away", "--json")
    digest = command("import", "c.xyz", *options).json["digest"]
    model = tmp_path / "model"
    model.mkdir()
    data = {"dataset": "away/set@1.0.0", "dataset_digest": digest}
    (model / "README.md").write_text(f"---\ntraining: {json.dumps({'data': data})}\n---\n")
    made = []
    for home in ("one", "another"):
        monkeypatch.setenv("HUB_HOME", str(tmp_path / home))
        monkeypatch.setenv("HUB_REGISTRIES", f"away={tmp_path / 'away'}")
        made.append(sample("away/set@1.0.0", 30, str(tmp_path / f"of-{home}")))
    assert made[0].digest == made[1].digest
    assert made[0].manifest.licence == "MIT"
    ship(["set-sample@1.0.0"], [tmp_path / "of-one"], tmp_path / "package")

    monkeypatch.setenv("HUB_HOME", str(tmp_path / "stranger"))
    monkeypatch.delenv("HUB_REGISTRIES")
    assert "which is in no known registry" in command("overlap", model, "si.xyz", code=1).err
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "package")
    done = command("overlap", model, "si.xyz", "--json")
    assert "a sample of it is used, builtin/set-sample@1.0.0" in done.err
    assert done.json["environments"] == [30 * 8, 5 * 8]
    assert done.json["share_scaled"] > 0.3


@pytest.mark.slow
def test_the_picture(carbon, tmp_path):
    pytest.importorskip("umap", reason="umap-learn is not installed")
    from hub.evaluation.overlap_plot import plot_overlap

    silicon = StructureSet.from_atoms(diamonds("Si", 5.43, 5, seed=1))
    overlap = measure_overlap(carbon, silicon, (("C", "Si"),))
    plot_overlap(tmp_path / "overlap.png", overlap)
    assert (tmp_path / "overlap.png").read_bytes().startswith(b"\x89PNG")
