from __future__ import annotations

import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

import hub
from hub.potentials import calculator
from tests.hub.potentials.small import hydrocarbon


@pytest.fixture(scope="module")
def labelled(random_directory):
    """Structures that a model predicts with known errors: 10 meV/atom and 0.2 eV/Å."""
    ours = calculator(random_directory, device="cpu")
    files = {}
    for name, zero in (("near", 0.0), ("far", -30.0)):
        files[name] = []
        for seed in range(8):
            atoms = hydrocarbon(seed)
            atoms.calc = ours
            sign = 1 if seed % 2 else -1
            energy = atoms.get_potential_energy() + (0.01 * sign + zero) * len(atoms)
            forces = atoms.get_forces() + 0.2
            atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
            atoms.info["config_type"] = "odd" if seed % 2 else "even"
            files[name].append(atoms)
    return files


@pytest.fixture
def folder(labelled, tmp_path):
    """Files of these structures, where the commands run."""
    for name, structures in labelled.items():
        write(tmp_path / f"{name}.xyz", structures, format="extxyz")
    return tmp_path


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_errors_and_labels_are_told(command, folder, random_directory):
    done = command("evaluate", random_directory, "--data", "near.xyz")
    assert rows(done.out)[1] == ["all", "structures", "8", "10.0", "10.0", "0.200", "0.200"]
    assert [row[0] for row in rows(done.out)[2:]] == ["even", "odd"]
    assert "labels:  energy (eV), forces (eV/Å)" in done.err
    assert "warning" not in done.err


def test_another_zero_of_energy_is_told(command, folder, random_directory):
    done = command("evaluate", random_directory, "--data", "far.xyz")
    assert "the reference energies of model and data differ. Shifts" in done.err
    as_it_is, shifted = rows(done.out)[1:3]
    assert as_it_is[3:7] == ["as", "it", "is", "30000.0"]
    assert float(shifted[4]) == pytest.approx(10.0, abs=0.5)
    report = command("evaluate", random_directory, "--data", "far.xyz", "--json").json
    assert report["errors"]["all structures"]["energy_mae"] == pytest.approx(30000, abs=1)
    assert report["errors_shifted"]["all structures"]["energy_mae"] == pytest.approx(10, abs=0.5)
    assert report["errors"]["odd"]["force_rmse"] == pytest.approx(0.2)
    shifts = report["energy_shift_eV_per_atom"]
    assert (10 * shifts["C"] + 6 * shifts["H"]) / 16 == pytest.approx(-30, abs=0.02)
    assert report["energy_key"] == "energy"


def test_predictions_and_plots_are_written(command, folder, random_directory):
    done = command("evaluate", random_directory, "--data", "*.xyz", "--out", "new/out")
    assert "new/out" in done.err
    assert (folder / "new/out/parity.png").read_bytes().startswith(b"\x89PNG")
    written = read(folder / "new/out/predictions.extxyz", ":")
    assert len(written) == 16
    assert written[0].info["source"] == "far.xyz[0]"
    difference = written[8].info["REF_energy"] - written[8].info["ML_energy"]
    assert difference == pytest.approx(-0.16, abs=1e-6)
    assert (
        np.abs(written[8].arrays["REF_forces"] - written[8].arrays["ML_forces"] - 0.2).max() < 1e-6
    )


@pytest.fixture
def two_models(folder, random_directory):
    """A model under two names, in the folder of the commands."""
    (folder / "one").symlink_to(random_directory)
    (folder / "runs").mkdir()
    (folder / "runs" / "one").symlink_to(random_directory)
    return "one", "runs/one"


def test_several_models_share_a_table_and_a_plot(command, folder, two_models):
    done = command("evaluate", *two_models, "--data", "near.xyz", "--plot", "p.png", "--out", "out")
    both = [
        ["all", "structures", "8", name, "10.0", "10.0", "0.200", "0.200"] for name in two_models
    ]
    assert rows(done.out)[1:3] == both
    assert [row[0] for row in rows(done.out)[3:]] == ["even", "even", "odd", "odd"]
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG")
    for name in ("predictions.extxyz", "parity.png"):
        assert sorted(path.parent.name for path in folder.glob(f"out/*/{name}")) == ["one", "one-2"]
    reports = command("evaluate", *two_models, "--data", "near.xyz", "--json").json["models"]
    alone = command("evaluate", two_models[1], "--data", "near.xyz", "--json").json
    assert [each["model"] for each in reports] == list(two_models)
    assert reports[1] == alone


def test_zeros_of_several_models_are_told_apart(command, folder, two_models):
    done = command("evaluate", *two_models, "--data", "far.xyz", "--plot", "p.png")
    labels = [" ".join(row[3:-4]) for row in rows(done.out)[1:5]]
    assert labels == ["one, as it is", "one, shifted", "runs/one, as it is", "runs/one, shifted"]
    assert "differ for one. Shifts" in done.err
    assert (folder / "p.png").exists()


def test_a_dataset_is_evaluated_by_its_name(command, folder, random_directory):
    command("import", "near.xyz", "--name", "near", "--labels", "dft")
    done = command("evaluate", random_directory, "--data", "near@1", "--labels", "dft")
    assert rows(done.out)[1] == ["all", "structures", "8", "10.0", "10.0", "0.200", "0.200"]
    assert "labels:  labels/dft/energies (eV), labels/dft/forces (eV/Å)" in done.err
    found = hub.evaluate(random_directory, "near", device="cpu")
    assert found[0].errors["all structures"].energy_mae == pytest.approx(10, abs=0.01)
    missing = command("evaluate", random_directory, "--data", "near", "--labels", "pbe", code=1)
    assert "no label set 'pbe'" in missing.err


def test_energies_alone_are_enough(command, folder, random_directory):
    structures = read(folder / "near.xyz", ":")
    for atoms in structures:
        atoms.info["dft_energy"] = atoms.get_potential_energy()
        atoms.calc = None
    write(folder / "energies.xyz", structures, format="extxyz")
    done = command("evaluate", random_directory, "--data", "energies.xyz")
    assert rows(done.out)[1][2:] == ["8", "10.0", "10.0", "-", "-"]
    for atoms in structures:
        del atoms.info["dft_energy"]
    write(folder / "nothing.xyz", structures, format="extxyz")
    done = command("evaluate", random_directory, "--data", "nothing.xyz", code=1)
    assert "no energies or forces found in nothing.xyz" in done.err


def test_refusals(command, folder, random_directory):
    command("evaluate", random_directory, code=2)
    command("evaluate", random_directory, "--data", "none.xyz", code=1)
    command("evaluate", "no-such-model", "--data", "near.xyz", code=3)
    command("evaluate", ".", "--data", "near.xyz", code=4)
    options = ("--data", "near.xyz", "--device", "cuda:77")
    done = command("evaluate", random_directory, *options, code=6)
    assert "cuda:77" in done.err


@pytest.mark.slow
def test_a_package_is_exported(command, folder, random_directory):
    options = ("--format", "nequip-package", "--out", "my.nequip.zip")
    done = command("export", random_directory, *options)
    assert done.out == "my.nequip.zip\n"
    assert (folder / "my.nequip.zip").stat().st_size > 100_000
    done = command("export", random_directory, *options, code=1)
    assert "hint: Overwrite it with --force" in done.err
    command("export", random_directory, "--format", "something", code=2)


def test_details_are_printed_when_asked_for_and_always_in_json(command, folder, random_directory):
    plain = command("evaluate", random_directory, "--data", "near.xyz")
    assert "COSINE" not in plain.out
    done = command("evaluate", random_directory, "--data", "near.xyz", "--details")
    assert done.out.startswith(plain.out)
    assert "MEAN COSINE" in done.out
    assert "\nC5H3 " in done.out
    told = command("evaluate", random_directory, "--data", "near.xyz", "--json").json["details"]
    assert told["forces"]["C"]["rmse"] == pytest.approx(0.2)
    assert told["forces"]["H"]["n_atoms"] == 8 * 6
    # Errors of +10 and -10 meV/atom: half of the pairs differ by 20, the others not at all.
    assert told["energy_differences"]["C5H3"]["n_pairs"] == 28
    assert told["energy_differences"]["C5H3"]["rmse"] == pytest.approx(20 * (16 / 28) ** 0.5)
    assert told["stresses"] is None


def test_a_committee_of_the_models_is_judged(command, folder, two_models, random_directory):
    structures = read(folder / "near.xyz", ":")
    write(folder / "data.xyz", structures, format="extxyz")
    done = command(
        "evaluate", *two_models, "--committee", "--data", "data.xyz", "--out", "out", "--details"
    )
    assert "mean of 2" in done.out
    assert "SPREAD OF" in done.out
    assert "COVERAGE OF" in done.out
    written = read(folder / "out" / "committee" / "predictions.extxyz", 0)
    assert written.arrays["ML_forces_std"].shape == (16, 3)
    assert written.info["ML_energy_std"] == 0.0  # the members are one model
    assert (folder / "out" / "committee" / "calibration.png").read_bytes().startswith(b"\x89PNG")
    told = command("evaluate", *two_models, "--committee", "--data", "data.xyz", "--json").json
    spread = told["models"][2]["calibration"]["force components"]
    assert spread["rms_error"] == pytest.approx(0.2)
    assert spread["coverage"][0] == {"expected": 0.5, "observed": 0.0, "scaled": 0.0}
    assert told["models"][0]["calibration"] == {}
    alone = command("evaluate", "one", "--committee", "--data", "data.xyz", code=1)
    assert "at least two models" in alone.err
