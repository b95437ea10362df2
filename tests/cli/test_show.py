"""What `hub show --plot` draws of datasets, and sums up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase.build import bulk, graphene, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from matplotlib.image import imread

if TYPE_CHECKING:
    from ase import Atoms


def carbon() -> list[Atoms]:
    """Graphene sheets in a box, graphite-like stacks and diamonds: light, middling and dense."""
    frames = []
    for seed in range(6):
        for layer, atoms in (
            ("far", graphene("C2", a=2.46, size=(2, 2, 1), vacuum=6)),
            ("near", graphene("C2", a=2.46, size=(2, 2, 1), vacuum=1.7)),
            ("none", bulk("C", "diamond", 3.567, cubic=True)),
        ):
            atoms.info["layer"] = layer
            atoms.pbc = True
            atoms.rattle(0.02, seed=seed)
            forces = np.full((len(atoms), 3), 0.5)
            atoms.calc = SinglePointCalculator(
                atoms, energy=-7.0 * len(atoms) - seed, forces=forces
            )
            frames.append(atoms)
    return frames


@pytest.mark.slow
def test_show_draws_a_dataset(hub, tmp_path) -> None:
    write(tmp_path / "carbon.extxyz", carbon())
    hub("import", tmp_path / "carbon.extxyz", "--name", "mixed", "--labels", "dft")
    plot = tmp_path / "mixed.png"
    done = hub("show", "mixed", "--plot", plot)
    assert "bonds, in all 18 structures" in done.out
    assert "plot: " in done.err
    assert imread(plot).shape[:2] == (1020, 1980)

    survey = hub("show", "mixed", "--plot", plot, "--sample", 9, "--json").json["survey"]
    assert (survey["sampled"], survey["structures"], survey["left_out"]) == (9, 18, 0)
    assert survey["bonded_below_angstrom"] == {"C-C": 1.976}
    assert sum(group["structures"] for group in survey["groups"]) == 9
    light, *_, dense = survey["groups"]
    assert light["coordination"] == {"C": {"3": 1.0}}
    assert dense["coordination"] == {"C": {"4": 1.0}}
    assert dense["density_g_per_cm3"] == pytest.approx([3.515, 3.515], abs=2e-3)
    assert dense["bond_length_angstrom"]["C-C"] == pytest.approx(1.545, abs=0.01)
    assert survey["labels"]["dft"]["force_rms_eV_per_angstrom"] == pytest.approx(0.5, abs=1e-4)
    few = hub("show", "mixed", "--plot", plot, "--where", "layer == 'far'", "--json").json["survey"]
    assert (few["sampled"], few["structures"], len(few["groups"])) == (6, 6, 1)
    assert "no structure" in hub("show", "mixed", "--plot", plot, "--where", "layer == 'x'").err
    assert "survey" not in hub("show", "mixed", "--json").json


def test_several_elements_and_molecules(hub, tmp_path) -> None:
    frames = [molecule(name) for name in ("CH3CH2OH", "H2O", "C6H6")]
    write(tmp_path / "molecules.extxyz", frames)
    hub("import", tmp_path / "molecules.extxyz", "--name", "molecules")
    done = hub("show", "molecules", "--plot", tmp_path / "a.png")
    assert "not periodic  3           O" in done.out
    assert imread(tmp_path / "a.png").size


def test_models_cannot_be_drawn(hub, tmp_path) -> None:
    done = hub("show", "c-ace-pretrained", "--plot", tmp_path / "a.png")
    assert done.code == 1
    assert "c-ace-pretrained is a model" in done.err
    assert not (tmp_path / "a.png").exists()


def test_lineage(hub):
    lines = hub("show", "c-ace-pretrained", "--lineage").out.splitlines()
    assert lines[0] == "builtin/c-ace-pretrained@1.0.0  (model)"
    assert lines[1].strip() == "hub pull builtin/c-ace-pretrained@1.0.0"
    assert lines[2] == "    <- trained on: builtin/c-synth-23m@1.0.0  (dataset)"
    assert lines[-1] == "        <- labelled by: ACE  (teacher)"
    report = hub("show", "c-nep-pretrained", "--lineage", "--json").json
    assert report["command"].startswith("hub pretrain --data carbon-set/c-synth-small@1.1.0 ")
    assert report["not_recorded"][0].startswith("--model-config")
    (data,) = report["parents"]
    assert (data["relation"], data["command"]) == ("trained-on", None)
    assert "not found" in data["not_recorded"][0]
    assert hub("show", "c-ace-pretrained", "--lineage", "--cite").code == 2
    assert hub("show", "unheard-of", "--lineage").code == 3


def test_citations(hub):
    done = hub("show", "c-nep-pretrained", "--cite")
    assert done.out.startswith("@misc{nep,\n  doi = {10.")
    assert "no citation recorded: dataset carbon-set/c-synth-small@1.1.0" in done.err
    report = hub("show", "c-ace-pretrained", "--cite", "--json").json
    assert report["keys"] == ["gardner2024synthetic", "gardner2023synthetic", "ACE"]
    assert report["without"] == []
    assert report["bibtex"].count("@") == 3
