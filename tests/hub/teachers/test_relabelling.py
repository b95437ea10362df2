"""Datasets labelled by teachers: what is kept, what fails, what dies, what is gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT as EMTCalculator
from ase.calculators.lj import LennardJones
from ase.io import write

import hub
from hub.datasets.card import Description
from hub.datasets.dataset import Dataset
from hub.datasets.importing import file_source, import_dataset
from hub.datasets.loading import load_dataset
from hub.errors import DataError, JobError, LabelsDisagreeError, TeacherError
from hub.jobs.pool import LocalPool
from hub.library import catalogue
from hub.teachers.relabelling import relabel
from hub.teachers.spec import TeacherSpec
from hub.teachers.verifying import verify_labels
from registry.errors import ExistsError, NotFoundError
from tests.hub.teachers.conftest import MOODY, cluster, moody

ROOT = Path(__file__).parents[3]
COPPER = ROOT / "tests" / "data" / "copper-emt.extxyz"
EMT = TeacherSpec("ase:ase.calculators.emt.EMT")


def unfinished() -> list[Path]:
    return list((catalogue().local.root / "relabelling").glob("*"))


def test_labels_are_added_and_everything_else_is_shared():
    about = Description("Copper cells", "MIT", "@misc{emt}")
    old = import_dataset(file_source(COPPER), "copper", description=about).version
    told = []
    done = relabel(
        "copper",
        EMT,
        "emt",
        pool=LocalPool(1),
        verify=7,
        progress=lambda *numbers: told.append(numbers),
    )
    assert str(done.version.reference) == "local/copper@1.1.0"
    assert told[-1] == (60, 60)
    assert not done.failures
    assert done.verification.n_structures == 7
    assert done.verification.energy < 1e-9
    assert not unfinished()

    # Energies are those of the file but for the isolated atoms, and that is written down.
    label_set = Dataset(done.version.path).label_sets["emt"]
    assert label_set.subtracted_energies == {"Cu": pytest.approx(3.51)}
    assert label_set.reference_energies == {"Cu": 0.0}
    assert (label_set.teacher, label_set.date[:2]) == (EMT.family, "20")
    new, before = load_dataset("copper", labels="emt"), load_dataset("copper", labels="reference")
    zero = new.n_atoms * label_set.subtracted_energies["Cu"]
    np.testing.assert_allclose(new.energies + zero, before.energies, atol=1e-6)
    np.testing.assert_allclose(new.forces, before.forces, atol=1e-6)
    assert done.verification.stress < 1e-12
    for index in (0, len(new) - 1):
        atoms = new.to_atoms(index)
        stress = atoms.get_stress(voigt=False)
        atoms.calc = EMTCalculator()
        np.testing.assert_allclose(stress, atoms.get_stress(voigt=False), atol=1e-9)
        np.testing.assert_array_equal(stress, new.stresses[index])

    manifest = done.version.manifest
    (parent,) = manifest.parents
    assert (parent.name, parent.version, parent.relation) == ("copper", "1.0.0", "relabelled")
    assert (manifest.licence, manifest.metadata["description"]) == ("MIT", "Copper cells")
    assert "@misc{emt}" in (done.version.path / "README.md").read_text()
    files = {entry.path: entry.sha256 for entry in manifest.files}
    changed = {e.path for e in old.manifest.files if files[e.path] != e.sha256}
    assert changed == {"README.md", "dataset.zarr/zarr.json"}
    added = set(files) - {entry.path for entry in old.manifest.files}
    assert all(path.startswith("dataset.zarr/labels/emt/") for path in added)


@pytest.mark.slow
def test_what_fails_is_named_and_masked(make_dataset):
    make_dataset(range(2, 12), dtype="float32")
    told = []
    teacher = moody(fails=[4], blank=[7], kills=[9])
    done = relabel("clusters", teacher, "lj", pool=LocalPool(2), report=told.append)
    assert sorted(done.failures) == [2, 5, 7]
    assert "no convergence" in done.failures[2]
    assert "not finite" in done.failures[5]
    assert done.failures[7] == "the process died (signal SIGKILL): something terrible"
    assert len(told) == 4
    assert (
        told[0] == "the labels have no stresses: no structure is periodic in all three directions"
    )
    assert any(text.startswith("local/clusters@1.0.0[2] has no labels: ") for text in told)
    labelled = load_dataset("clusters", labels="lj")
    assert np.isnan(labelled.energies).nonzero()[0].tolist() == [2, 5, 7]
    masked = np.isnan(labelled.forces).any(axis=1)
    assert set(labelled.structure_of_atom[masked].tolist()) == {2, 5, 7}
    for index in (0, 3, 9):
        atoms = cluster(index + 2)
        atoms.calc = LennardJones()
        own = labelled.atoms_of(index)
        assert labelled.energies[index] == pytest.approx(atoms.get_potential_energy(), rel=1e-5)
        np.testing.assert_allclose(labelled.forces[own], atoms.get_forces(), rtol=1e-4, atol=1e-4)
    assert done.facts["label_sets"]["lj"]["structures"] == 7
    # The masked ones are not among those that are computed again.
    checked = verify_labels("clusters", teacher, "lj", 100, pool=LocalPool(1))
    assert checked.n_structures == 7


def stresses(dataset, labels):
    """Return which structures of the newest version have stresses, or None if it keeps none."""
    loaded = load_dataset(dataset, labels=labels)
    return np.isfinite(loaded.stresses).all(axis=(1, 2)) if "stress" in loaded.properties else None


def test_only_what_repeats_in_three_directions_has_a_stress(tmp_path):
    crystal = bulk("Cu", cubic=True)
    slab = crystal.copy()
    slab.pbc = [True, True, False]
    write(tmp_path / "a.extxyz", [crystal, slab, Atoms("Cu2", [[0, 0, 0], [0, 0, 2]])])
    import_dataset(file_source(tmp_path / "a.extxyz"), "mixed")
    told = []
    relabel("mixed", EMT, "emt", pool=LocalPool(1), report=told.append, verify=3)
    assert stresses("mixed", "emt").tolist() == [True, False, False]
    assert not told
    relabel("mixed", moody(keeps_stress=False), "lj", pool=LocalPool(1), report=told.append)
    assert stresses("mixed", "lj") is None
    assert told == [f"the labels have no stresses: teacher {MOODY} does not compute them"]


@pytest.mark.slow
def test_labels_that_an_earlier_release_began_go_on_without_stresses(tmp_path):
    write(tmp_path / "a.extxyz", [bulk("Cu", cubic=True).repeat((n, 1, 1)) for n in (1, 2, 3)])
    import_dataset(file_source(tmp_path / "a.extxyz"), "crystals")
    with pytest.raises(LabelsDisagreeError):
        relabel("crystals", moody(drift=0.1), "lj", pool=LocalPool(1), verify=3)
    (place,) = unfinished()
    settings = json.loads((place / "settings.json").read_text())
    assert settings.pop("properties") == ["stress"]
    (place / "settings.json").write_text(json.dumps(settings))
    for number, path in enumerate(sorted(place.glob("*.npz"))):
        with np.load(path) as content:
            arrays = {name: content[name] for name in content.files if name != "0:stress"}
        np.savez(path, **arrays)
        if number:
            path.unlink()
    told = []
    teacher, here = moody(drift=0.1), LocalPool(1)
    relabel("crystals", teacher, "lj", pool=here, resume=True, report=told.append)
    reason = "they were not computed by the earlier release that started this run"
    assert told == [f"the labels have no stresses: {reason}"]
    assert stresses("crystals", "lj") is None
    assert len(load_dataset("crystals", labels="lj")) == 3


def test_a_death_by_accident_costs_nothing(make_dataset, tmp_path):
    make_dataset(range(2, 12))
    teacher = moody(kills_once=str(tmp_path / "died"))
    done = relabel("clusters", teacher, "lj", pool=LocalPool(1))
    assert (tmp_path / "died").exists()
    assert not done.failures


@pytest.mark.slow
def test_nothing_is_published_if_nothing_can_be_labelled(make_dataset):
    make_dataset([3, 3, 3])
    with pytest.raises(TeacherError, match=r"none of the 3 structures .*\[0\]: .*no convergence"):
        relabel("clusters", moody(fails=[3]), "lj", pool=LocalPool(1))
    assert not unfinished()
    with pytest.raises(TeacherError, match="no isolated-atom energy for any element"):
        relabel("clusters", moody(fails=[1]), "lj", pool=LocalPool(1))
    with pytest.raises(TeacherError, match="cannot be opened: the process died"):
        relabel("clusters", moody(kills=[1]), "lj", pool=LocalPool(1))
    with pytest.raises(NotFoundError):
        hub.pull("clusters@1.1.0")


def test_an_element_whose_isolated_atom_fails_is_masked(tmp_path):
    write(tmp_path / "a.xyz", [cluster(3, "Cu"), cluster(2, "Fe"), cluster(4, "Cu")])
    import_dataset(file_source(tmp_path / "a.xyz"), "mixed")
    done = relabel("mixed", EMT, "emt", pool=LocalPool(1))
    assert list(done.failures) == [1]
    assert np.isnan(load_dataset("mixed", labels="emt").energies).tolist() == [False, True, False]


def test_labels_that_drift_are_not_published(make_dataset):
    make_dataset(range(2, 8))
    with pytest.raises(LabelsDisagreeError, match="of 6 structures differ"):
        relabel("clusters", moody(drift=0.1), "lj", pool=LocalPool(1), verify=100)
    with pytest.raises(NotFoundError):
        hub.pull("clusters@1.1.0")
    assert unfinished()


@pytest.mark.slow
def test_labels_are_compared_with_the_right_teacher(make_dataset):
    make_dataset(range(2, 8))
    relabel("clusters", moody(epsilon=0.5), "lj", pool=LocalPool(1))
    with pytest.raises(LabelsDisagreeError, match=r"6 of 6 .*eV/atom, forces by"):
        verify_labels("clusters", moody(epsilon=0.6), "lj", pool=LocalPool(1))
    with pytest.raises(LabelsDisagreeError, match=r"1 of 6 .*no convergence"):
        verify_labels("clusters", moody(epsilon=0.5, fails=[4]), "lj", pool=LocalPool(1))


@pytest.mark.slow
def test_names_that_are_taken(make_dataset):
    make_dataset([2, 3])
    relabel("clusters", moody(), "lj", pool=LocalPool(1))
    with pytest.raises(DataError, match="already has a label set 'lj'"):
        relabel("clusters", moody(), "lj")
    with pytest.raises(ExistsError, match=r"clusters@1.1.0 already exists"):
        relabel("clusters@1.0.0", moody(), "lj")
    with pytest.raises(DataError, match="is not a valid name of a label set"):
        relabel("clusters", moody(), "l/j")
    other = relabel("clusters", moody(), "lj2", name="others", pool=LocalPool(1))
    assert str(other.version.reference) == "local/others@1.0.0"
    assert list(Dataset(other.version.path).label_sets) == ["lj", "lj2"]


# Relabels as the command does; takes a number of jobs and options.
CHILD = """
import json, sys
from hub.teachers.relabelling import relabel
from hub.jobs.pool import LocalPool
from tests.hub.teachers.conftest import moody

relabel(
    "clusters", moody(**json.loads(sys.argv[2])), "lj",
    pool=LocalPool(int(sys.argv[1])), resume=True,
    progress=lambda done, total: print(done, flush=True),
)
"""


def child(jobs: int, options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(jobs), options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_what_was_killed_is_gone_on_with_and_nothing_is_done_twice(make_dataset, tmp_path, sign):
    sizes = list(range(2, 62))
    make_dataset(sizes)
    log = tmp_path / "log"
    options = f'{{"log": "{log}", "seconds": 0.02}}'
    killed = child(2, options)
    for line in killed.stdout:
        if int(line) >= 10:
            break
    killed.send_signal(sign)
    killed.communicate()  # to the end of the workers, too
    assert killed.returncode in (-signal.SIGKILL, -signal.SIGINT, 1)
    (place,) = unfinished()
    kept = {
        number for path in place.glob("*.npz") for number in range(*map(int, path.stem.split("-")))
    }
    assert 10 <= len(kept) < 60
    with pytest.raises(ExistsError, match="unfinished work"):
        relabel("clusters", moody(log=str(log), seconds=0.02), "lj")
    with pytest.raises(JobError, match="started with a different options"):
        relabel("clusters", moody(), "lj", pool=LocalPool(1), resume=True)
    before = log.read_text().split()
    done = relabel(
        "clusters", moody(log=str(log), seconds=0.02), "lj", pool=LocalPool(2), resume=True
    )
    after = [int(size) - 2 for size in log.read_text().split()[len(before) :]]
    assert sorted(after) == sorted(set(range(60)) - kept)
    assert len(before) + len(after) <= 1 + 60 + 2 * 30  # the isolated atom, all, and two tasks
    assert done.facts["label_sets"]["lj"]["structures"] == 60
    assert not unfinished()


@pytest.mark.slow
def test_two_do_not_make_one_version(make_dataset, tmp_path):
    make_dataset([2, 3, 4])
    other = child(1, '{"seconds": 0.5}')
    while not unfinished():
        assert other.poll() is None, other.stderr.read()
        time.sleep(0.05)
    with pytest.raises(ExistsError, match="another process"):
        relabel("clusters", moody(), "lj", resume=True)
    assert other.wait() == 0, other.stderr.read()
    assert Dataset(hub.pull("clusters")).label_sets["lj"].teacher == MOODY
