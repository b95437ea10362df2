"""The recipes of published datasets, run on small archives of the same shape from a server."""

import hashlib
import io
import zipfile

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from hub.cli.main import main
from hub.datasets.card import Description
from hub.datasets.dataset import Dataset
from hub.datasets.importing import file_source, import_dataset
from hub.errors import DataError
from hub.importers.join import JoinError
from hub.importers.published import import_published
from registry.builtin import Builtin
from registry.cards import builtin_cards, join_front_matter
from registry.catalogue import Catalogue
from registry.errors import IntegrityError
from registry.local import LocalStore
from registry.references import Reference
from tests.registry.server import Server

N_ATOMS = 48
PER_FILE = 13
TEACHERS = {"ace": 0.95, "gap20": 0.9, "edip": 0.8, "lcbop": 0.75}


def git_blob(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def npz(frames, forces, energies):
    objects = np.empty(len(frames), object)
    for index, rows in enumerate(forces):
        objects[index] = rows
    file = io.BytesIO()
    np.savez_compressed(file, energy=np.array(energies), force=objects)
    return file.getvalue()


def other_potential(known, likeness, rng):
    noise = rng.normal(scale=np.sqrt(np.mean(known**2)), size=known.shape)
    return 1.7 * (likeness * known + np.sqrt(1 - likeness**2) * noise)


def carbon(rng, **info):
    cell = 8.0 + 0.1 * rng.random()
    atoms = Atoms(
        "C" * N_ATOMS, positions=rng.uniform(0, cell, (N_ATOMS, 3)), cell=[cell] * 3, pbc=True
    )
    atoms.info.update(info)
    return atoms


def label_files(kind, frames, forces, rng):
    """Label files of PER_FILE structures by path in the repository."""
    files = {}
    for teacher, likeness in TEACHERS.items():
        rows = [other_potential(known, likeness, rng) for known in forces]
        for number, start in enumerate(range(0, len(frames), PER_FILE)):
            own = slice(start, start + PER_FILE)
            files[f"data/labels/{kind}/{teacher}-{number}.npz"] = npz(
                frames[own], rows[own], 100.0 * start + np.arange(len(frames[own]))
            )
    return files


@pytest.fixture(scope="module")
def synth():
    """An archive like carbon-data-v1.0.zip with its label files: 14 trajectories of 16 frames."""
    rng = np.random.default_rng(1)
    archive = io.BytesIO()
    by_path = {}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for run in range(14):
            frames = []
            for time in range(4, 20):
                atoms = carbon(rng, anneal_T=1000 + 100 * run, run_id=run, time=time)
                atoms.info["density"] = 1.0 + 0.2 * run
                atoms.arrays["gap17_energy"] = rng.normal(-157, 0.2, N_ATOMS)
                atoms.arrays["gap17_forces"] = rng.normal(scale=1.5, size=(N_ATOMS, 3))
                frames.append(atoms)
            text = io.StringIO()
            write(text, frames, format="extxyz")
            # Written in another order than that of their names.
            path = f"carbon-data/results/density-{13 - run}/run_{run}.extxyz"
            zipped.writestr(path, text.getvalue())
            by_path[path] = frames
        zipped.writestr("carbon-data/README.md", "no structures")
    # The order of the labels: paths by their parts, as glob results sort.
    order = sorted(by_path, key=lambda path: path.split("/"))
    frames = [atoms for path in order for atoms in by_path[path]]
    covered = [atoms for atoms in frames if atoms.info["time"] >= 10]
    forces = [atoms.arrays["gap17_forces"] for atoms in covered]
    labels = label_files("C-SYNTH-23M:reasonable", covered, forces, rng)
    return frames, {"jla-gardner/carbon-data-v1.0.zip": archive.getvalue(), **labels}


@pytest.fixture
def published(tmp_path):
    """Serve files under the recipe of a real card; give the catalogue that imports them."""
    with Server(tmp_path / "published") as server:

        def serve(name, files, change=lambda front_matter: None):
            for path, content in files.items():
                file = server.root / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            card = builtin_cards()[name]
            pins = [
                {"path": path, "git_blob": git_blob(content)}
                if path.endswith(".npz")
                else {"path": path, "sha256": hashlib.sha256(content).hexdigest()[:12]}
                for path, content in files.items()
            ]
            place = {"repository": "a/b", "commit": "c", "url": server.url, "files": pins}
            front_matter = {**card.front_matter, "sources": [place]}
            change(front_matter)
            folder = tmp_path / "cards" / "datasets"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.md").write_text(join_front_matter(front_matter, "# a card\n"))
            importers = {"published-dataset": import_published}
            builtin = Builtin(builtin_cards(folder.parent), importers.get)
            return Catalogue(LocalStore(tmp_path / "cache"), [], builtin)

        serve.server = server
        yield serve


def pull(catalogue, name):
    return catalogue.pull(Reference.parse(name))


def test_c_synth_23m(synth, published):
    frames, files = synth
    version = pull(published("c-synth-23m", files), "c-synth-23m")
    dataset = Dataset(version.path)
    assert set(dataset.label_sets) == {"gap17", "ace", "gap20u", "edip", "lcbop"}
    assert (len(dataset), dataset.n_atoms) == (14 * 16, 14 * 16 * N_ATOMS)

    gap17 = dataset.load("gap17")
    assert np.allclose(gap17.energies, [a.arrays["gap17_energy"].sum() for a in frames], atol=1e-4)
    assert np.allclose(gap17.positions, np.concatenate([a.positions for a in frames]), atol=1e-7)
    time, density = dataset.column("time"), dataset.column("density")
    assert time.tolist() == [atoms.info["time"] for atoms in frames]
    assert np.array_equal(dataset.column("reasonable"), time >= 10)
    assert np.array_equal(dataset.column("sp2"), (time >= 10) & (density >= 2.0) & (density < 2.5))
    assert np.array_equal(dataset.column("sp3"), (time >= 10) & (density > 3.0) & (density <= 3.5))
    assert dataset.column("sp2").any()
    assert dataset.column("sp3").any()

    ace = dataset.load("ace", labelled_only=True)
    assert len(ace) == (time >= 10).sum() == 14 * 10
    # Label files hold their number in the energies: 10 comes after 9.
    expected = [100.0 * (i // PER_FILE * PER_FILE) + i % PER_FILE for i in range(len(ace))]
    assert ace.energies.tolist() == expected
    assert dataset.label_sets["gap17"].reference_energies == {"C": -148.314002}
    joins = version.manifest.metadata["joins"]
    assert len(joins["lcbop"]) == 11
    assert all(proof["wrong"] == 0 for files in joins.values() for proof in files.values())
    assert version.manifest.licence == "MIT"
    assert version.manifest.metadata["dataset"]["label_sets"]["ace"]["structures"] == 140


@pytest.mark.parametrize("which", ["jla-gardner/carbon-data-v1.0.zip", "ace-3.npz"])
def test_a_wrong_hash_is_refused(synth, published, which):
    _, files = synth
    catalogue = published("c-synth-23m", files)
    (path,) = [path for path in files if path.endswith(which)]
    (published.server.root / path).write_bytes(files[path] + b"x")
    with pytest.raises(IntegrityError, match="is not the published"):
        pull(catalogue, "c-synth-23m")


def swapped(files, one, other):
    names = {path.rpartition("/")[2]: path for path in files}
    return {**files, names[one]: files[names[other]], names[other]: files[names[one]]}


def test_label_files_in_another_order_are_refused(synth, published):
    _, files = synth
    catalogue = published("c-synth-23m", swapped(files, "edip-1.npz", "edip-2.npz"))
    with pytest.raises(JoinError, match=r"edip-1\.npz: the labels do not belong"):
        pull(catalogue, "c-synth-23m")


def test_other_frames_left_out_are_refused(synth, published):
    _, files = synth

    def change(front_matter):
        subsets = {**front_matter["dataset"]["subsets"], "reasonable": "time >= 11"}
        front_matter["dataset"] = {**front_matter["dataset"], "subsets": subsets}

    with pytest.raises(JoinError):
        pull(published("c-synth-23m", files, change), "c-synth-23m")


@pytest.mark.parametrize(
    ("missing", "message"),
    [("ace-7.npz", "ace-8.*do not belong"), ("ace-10.npz", r"more structures than labels \(130\)")],
)
def test_a_missing_label_file_is_refused(synth, published, missing, message):
    _, files = synth
    left = {path: content for path, content in files.items() if not path.endswith(missing)}
    with pytest.raises(JoinError, match=message):
        pull(published("c-synth-23m", left), "c-synth-23m")


def test_labels_left_over_are_refused(synth, published):
    _, files = synth
    last = next(content for path, content in files.items() if path.endswith("ace-0.npz"))
    more = {**files, "data/labels/C-SYNTH-23M:reasonable/ace-11.npz": last}
    with pytest.raises(JoinError, match="unused label"):
        pull(published("c-synth-23m", more), "c-synth-23m")


def test_a_broken_archive_and_one_without_labels(synth, published):
    _, files = synth
    archive = "jla-gardner/carbon-data-v1.0.zip"
    with pytest.raises(DataError, match="not a complete zip"):
        pull(published("c-synth-23m", {**files, archive: b"PK not a zip"}), "c-synth-23m")
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as zipped:
        text = io.StringIO()
        write(text, carbon(np.random.default_rng(0), time=1, density=1.0), format="extxyz")
        zipped.writestr("a.extxyz", text.getvalue())
    with pytest.raises(DataError, match="no entry gap17_energy"):
        pull(published("c-synth-23m", {**files, archive: empty.getvalue()}), "c-synth-23m")


def dft(rng, kind, n_atoms=N_ATOMS):
    atoms = carbon(rng, config_type=kind)[:n_atoms]
    atoms.info["energy"] = -158.0 * n_atoms
    atoms.arrays["force"] = rng.normal(size=(n_atoms, 3))
    return atoms


def test_c_gap_17_leaves_the_dimers_unlabelled(published):
    rng = np.random.default_rng(2)
    frames = [dft(rng, "bulk_amo") for _ in range(26)]
    for place in (25, 14, 3):
        frames.insert(place, dft(rng, "dimer", 2))
    text = io.StringIO()
    write(text, frames, format="extxyz")
    used = [atoms for atoms in frames if len(atoms) > 2]
    labels = label_files("C-GAP-17", used, [atoms.arrays["force"] for atoms in used], rng)
    gap17 = {path.replace("/ace-", "/gap17-"): v for path, v in labels.items() if "/ace-" in path}
    files = {"database/C-GAP-17/C-GAP-17.extxyz": text.getvalue().encode(), **labels, **gap17}
    version = pull(published("c-gap-17", files), "c-gap-17")
    assert version.manifest.licence == "CC-BY-NC-SA-4.0"
    dataset = Dataset(version.path)
    assert np.isnan(dataset.load("ace").energies).sum() == 3
    dft_labels = dataset.load("dft")
    assert np.array_equal(dft_labels.config_types == "dimer", ~dataset.column("used"))
    assert np.allclose(dft_labels.energies, [-158.0 * len(atoms) for atoms in frames])
    assert np.allclose(
        dft_labels.forces, np.concatenate([a.arrays["force"] for a in frames]), atol=1e-7
    )


def test_si_gap_18_marks_isolated_atoms(published):
    rng = np.random.default_rng(3)
    frames = [dft(rng, "amorph") for _ in range(5)]
    lonely = Atoms("Si", cell=[20] * 3, pbc=True, info={"config_type": "isolated_atom"})
    lonely.info["energy"] = -158.54496821
    frames.append(lonely)
    for atoms in frames:
        atoms.symbols = "Si" * len(atoms)
        atoms.info["dft_energy"] = atoms.info.pop("energy")
        if "force" in atoms.arrays:
            atoms.arrays["dft_force"] = atoms.arrays.pop("force")
    text, archive = io.StringIO(), io.BytesIO()
    write(text, frames[:5], format="extxyz")
    write(text, lonely, format="extxyz")
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("framework-fc252cb/models/GAP/gp_iter6_sparse9k.xml.xyz", text.getvalue())
        zipped.writestr("framework-fc252cb/models/Other/gp_iter6_sparse9k.xml.xyz", "broken")
    files = {"libAtoms/silicon-testing-framework-v1.0.zip": archive.getvalue()}
    dataset = Dataset(pull(published("si-gap-18", files), "si-gap-18").path)
    assert dataset.column("isolated_atom").tolist() == [False] * 5 + [True]
    assert dataset.column("used").tolist() == [True] * 5 + [False]
    assert dataset.elements == ("Si",)
    assert dataset.label_sets["dft"].reference_energies == {"Si": -158.54496821}
    assert np.isnan(dataset.load("dft").forces[-1]).all()


def test_c_gap_20u(published):
    rng = np.random.default_rng(4)
    frames = [dft(rng, "Liquid") for _ in range(4)]
    text = io.StringIO()
    write(text, frames, format="extxyz")
    files = {"database/C-GAP-20U/C-GAP-20U.xyz": text.getvalue().encode()}
    loaded = Dataset(pull(published("c-gap-20u", files), "c-gap-20u").path).load()
    assert np.allclose(loaded.energies, -158.0 * N_ATOMS)
    assert loaded.config_types.tolist() == ["Liquid"] * 4


def test_a_non_commercial_licence_is_said_on_pull(tmp_path, capsys):
    write(tmp_path / "some.extxyz", [dft(np.random.default_rng(5), "amorph")])
    terms = Description(licence="CC-BY-NC-SA-4.0")
    import_dataset(file_source(tmp_path / "some.extxyz"), "terms", description=terms)
    with pytest.raises(SystemExit):
        main(["pull", "terms"])
    assert "licence CC-BY-NC-SA-4.0: not for commercial use" in capsys.readouterr().err


def test_many_published_files_are_shown_in_short(capsys):
    with pytest.raises(SystemExit):
        main(["show", "c-synth-23m"])
    shown = capsys.readouterr().out
    assert "sha256:b43fc702ef6d" in shown
    assert "and 42 more files" in shown
