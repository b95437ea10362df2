"""Links, and files that others made, where a dataset is written, exported or pulled to."""

from pathlib import Path

import pytest

from hub.datasets import exporting
from hub.datasets.exporting import export_structures
from hub.datasets.importing import file_source, import_dataset
from hub.datasets.pulling import pull_dataset
from hub.datasets.selection import SELECTION, Choice
from hub.datasets.writer import DatasetWriter
from hub.errors import DataError
from hub.jobs.pool import LocalPool
from hub.library import catalogue
from hub.synthesis.running import run_recipe
from hub.synthesis.schedule import Recipe
from hub.teachers.relabelling import relabel
from hub.teachers.spec import TeacherSpec
from registry.errors import ExistsError, IntegrityError, StorageError
from registry.removal import MARKER_NAME
from tests.hub.datasets.conftest import LABEL_SETS, random_block, write

COPPER = Path(__file__).parents[2] / "data" / "copper-emt.extxyz"
EMT = TeacherSpec("ase:ase.calculators.emt.EMT")


def write_some(directory: Path, *, resume: bool = False, finish: bool = True) -> None:
    with DatasetWriter(directory, LABEL_SETS, resume=resume) as writer:
        for number in range(4):
            writer.append(random_block([20, 9, 4], number), number)
        if finish:
            writer.finish()


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        "dataset.zarr", "writing", "writing/lock", "writing/settings.json", "writing/000000.npz",
        "dataset.zarr/structures", "dataset.zarr/structures/positions",
    ],
)  # fmt: skip
def test_a_writer_neither_follows_nor_removes_links(tmp_path, treasure, name, resume):
    """Where it removes what its predecessor left, links inside go; what they point to does not."""
    directory = tmp_path / "set"
    write_some(directory, finish=False)
    path = directory / name
    if path.exists():
        path.rename(tmp_path / "aside")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(treasure.folder if "." not in path.name[1:] else treasure.file)
    is_below = name.startswith("dataset.zarr/") and not resume
    if is_below or (name == "writing/000000.npz" and resume):
        write_some(directory, resume=resume)
        return
    with pytest.raises((StorageError, DataError)):
        write_some(directory, resume=resume)
    assert path.is_symlink()


def test_a_folder_in_the_place_of_a_dataset_stays(tmp_path):
    (tmp_path / "dataset.zarr").mkdir()
    (tmp_path / "dataset.zarr" / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"dataset\.zarr was not made by mlip-hub"):
        write_some(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["dataset.zarr", "notes.txt"]


def test_what_an_older_release_left_is_gone_on_with(tmp_path):
    write_some(tmp_path, finish=False)
    (tmp_path / "writing" / MARKER_NAME).unlink()
    write_some(tmp_path, resume=True)
    assert not (tmp_path / "writing").exists()


def test_files_of_others_are_no_segments(tmp_path):
    write_some(tmp_path, finish=False)
    (tmp_path / "writing" / "mine.npz").write_text("mine")
    with DatasetWriter(tmp_path, LABEL_SETS):
        assert (tmp_path / "writing" / "mine.npz").read_text() == "mine"


def test_an_import_does_not_work_in_a_link(treasure):
    parts = catalogue().local.files.parts
    parts.mkdir(parents=True)
    link = parts / "import-copper-1.0.0"
    link.symlink_to(treasure.folder)
    with pytest.raises(StorageError, match="is a link"):
        import_dataset(file_source(COPPER), "copper")
    link.unlink()
    link.mkdir()
    (link / "content").symlink_to(treasure.folder)
    with pytest.raises(StorageError, match="contains content"):
        import_dataset(file_source(COPPER), "copper")
    assert (link / "content").readlink() == treasure.folder
    (link / "content").unlink()
    import_dataset(file_source(COPPER), "copper")
    assert list(parts.iterdir()) == []


@pytest.mark.parametrize("what", ["a link", "a folder of somebody else"])
def test_labels_are_not_computed_into_what_is_not_ours(what, treasure, tmp_path):
    import_dataset(file_source(COPPER), "copper")
    place = catalogue().local.root / "relabelling" / "copper@1.1.0"
    place.parent.mkdir()
    if what == "a link":
        place.symlink_to(treasure.folder)
    else:
        place.mkdir()
        (place / "settings.json").write_text("mine")
        (place / "notes.txt").write_text("mine")
    for resume in (True, False):
        with pytest.raises(StorageError, match=r"copper@1\.1\.0"):
            relabel("copper", EMT, "emt", pool=LocalPool(1), resume=resume)
    assert place.is_symlink() or {path.read_text() for path in place.iterdir()} == {"mine"}


@pytest.mark.slow
def test_labels_are_not_put_where_a_link_is(treasure):
    import_dataset(file_source(COPPER), "copper")
    place = catalogue().local.root / "relabelling" / "copper@1.1.0"
    place.mkdir(parents=True)
    (place / MARKER_NAME).touch()
    (place / "content").symlink_to(treasure.folder)
    with pytest.raises(StorageError, match="content is a link"):
        relabel("copper", EMT, "emt", pool=LocalPool(1))
    assert (place / "content").readlink() == treasure.folder


@pytest.mark.parametrize("what", ["a link", "a folder of somebody else"])
def test_trajectories_are_not_run_into_what_is_not_ours(what, treasure):
    place = catalogue().local.root / "synthesis" / "copper-1.0.0"
    place.parent.mkdir(parents=True)
    if what == "a link":
        place.symlink_to(treasure.folder)
    else:
        place.mkdir()
        (place / "notes.txt").write_text("mine")
    recipe = Recipe("Cu", EMT, trajectories=1, density=(8.0, 9.0))
    for resume in (True, False):
        with pytest.raises(StorageError, match=r"copper-1\.0\.0"):
            run_recipe(recipe, "copper", pool=LocalPool(1), resume=resume)
    assert place.is_symlink() or [path.name for path in place.iterdir()] == ["notes.txt"]


@pytest.fixture
def export(monkeypatch):
    """Return a function that exports without the library that makes such folders."""

    def folder(_, target: Path) -> None:
        target.mkdir()
        (target / "state.json").write_text("new")

    def file(_, target: Path) -> None:
        target.write_text("new")

    monkeypatch.setattr(exporting, "WRITERS", {"datasets": folder, "extxyz": file})
    return lambda target, to, **options: export_structures([], target, to, **options)


@pytest.mark.parametrize("to", ["datasets", "extxyz"])
@pytest.mark.parametrize("force", [True, False])
def test_an_export_replaces_no_link(export, tmp_path, treasure, to, force):
    for name, target in {"a": treasure.folder, "b": treasure.file, "c": tmp_path / "no"}.items():
        (tmp_path / name).symlink_to(target)
        with pytest.raises(
            StorageError if force else ExistsError, match=f"{name} (is a link|already exi)"
        ):
            export(tmp_path / name, to, force=force)
        assert (tmp_path / name).readlink() == target


def test_an_export_replaces_a_former_one_and_nothing_else(export, tmp_path, treasure):
    target = tmp_path / "export"
    export(target, "datasets")
    with pytest.raises(ExistsError, match="already"):
        export(target, "datasets")
    (target / "data-00000-of-00001.arrow").write_text("old")
    export(target, "datasets", force=True)
    assert [path.name for path in target.iterdir()] == ["state.json"]
    (target / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"export/notes\.txt was not made by mlip-hub"):
        export(target, "datasets", force=True)
    with pytest.raises(StorageError, match="export is a link or not a regular file"):
        export(target, "extxyz", force=True)
    assert sorted(path.name for path in target.iterdir()) == ["notes.txt", "state.json"]
    export(tmp_path / "file", "extxyz")
    with pytest.raises(StorageError, match="file is a link or not a folder"):
        export(tmp_path / "file", "datasets", force=True)
    export(tmp_path / "file", "extxyz", force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["export", "file", "treasure"]


def test_a_choice_is_recorded_over_no_other_file(tmp_path, treasure):
    import_dataset(file_source(COPPER), "copper")
    choice, to = Choice(sample=5), tmp_path / "to"
    pull_dataset("copper", choice=choice, out=to)
    pull_dataset("copper", choice=choice, out=to)
    (to / SELECTION).write_text("mine")
    with pytest.raises(IntegrityError, match="corrupted"):
        pull_dataset("copper", choice=choice, out=to)
    assert (to / SELECTION).read_text() == "mine"
    (to / SELECTION).unlink()
    (to / SELECTION).symlink_to(treasure.folder)
    with pytest.raises(StorageError, match="is a link"):
        pull_dataset("copper", choice=choice, out=to)


def test_a_whole_dataset_stays(tmp_path):
    write(tmp_path, [random_block([4, 5])])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ExistsError, match="already"):
        write_some(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
