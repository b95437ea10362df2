"""Links, and files that others made, under every name that a command deletes or replaces."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from hub.errors import DataError
from hub.pictures import picture
from hub.training import finetune as finetuning
from registry.errors import StorageError
from registry.removal import MARKER_NAME, is_marked

if TYPE_CHECKING:
    from pathlib import Path

UNFINISHED = f"{'c' * 32}.tmp"
# What a training of several seeds writes last, and so writes again when it is resumed.
LATE = ("results.json", "model", "parity.png", "test-predictions.extxyz")
NAMES = (
    "recipe.json", "run.json", "inputs.json", "metrics.csv", "training-state.pt", "alchemical.json",
    "alchemical.png", ".lock", MARKER_NAME, "seed-0", *LATE,
)  # fmt: skip


@pytest.fixture
def run(tmp_path, trained) -> Path:
    """A run folder whose training was killed at its very end."""
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    (folder / "results.json").unlink()
    return folder


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("to_folder", [True, False])
def test_a_link_in_a_run_folder_is_refused_by_name(hub, run, treasure, name, to_folder) -> None:
    aside = run.parent / "aside"
    if (run / name).exists():
        (run / name).rename(aside)
    target = aside if name in ("run.json", "recipe.json") and not to_folder else None
    target = target or (treasure.folder if to_folder else treasure.file)
    (run / name).symlink_to(target)
    before = sorted(path.name for path in run.iterdir())
    done = hub("finetune", "--out", "run", "--resume")
    assert done.code == 1, done.err
    assert name in done.err
    assert "Traceback" not in done.err
    assert (run / name).readlink() == target
    assert sorted(path.name for path in run.iterdir()) == before


@pytest.mark.parametrize("inside", ["notes.txt", "probe.json"])
def test_a_model_folder_that_is_not_ours_stays(hub, run, treasure, inside) -> None:
    remove(run / "model" / inside)
    if inside == "notes.txt":
        (run / "model" / inside).write_text("mine")
    else:
        (run / "model" / inside).symlink_to(treasure.file)
    done = hub("finetune", "--out", "run", "--resume")
    assert done.code == 1
    assert f"run/model/{inside} was not made by mlip-hub" in done.err
    assert "Move it elsewhere" in done.err
    assert (run / "model" / inside).exists()
    remove(run / "model" / inside)
    assert hub("finetune", "--out", "run", "--resume").code == 0


def test_what_is_the_users_own_stays_in_a_run_folder(hub, run, treasure) -> None:
    """An old run folder, too: it gets its marker when it is gone on with."""
    (run / MARKER_NAME).unlink()
    kept = {
        name: (run / name)
        for name in ("notes.tmp", "model.part", "seed-one", f"x{UNFINISHED}", "old.tmp")
    }
    for path in kept.values():
        path.mkdir()
        (path / UNFINISHED).write_text("mine")
    links = [run / "link", run / f"{'d' * 32}.tmp"]
    for link in links:
        link.symlink_to(treasure.folder)
    (run / UNFINISHED).mkdir()
    (run / UNFINISHED / "weights.safetensors").write_text("half")
    (run / f"{'e' * 32}.tmp").write_text("half")
    done = hub("finetune", "--out", "run", "--resume")
    assert done.code == 0, done.err
    assert is_marked(run)
    assert all((path / UNFINISHED).read_text() == "mine" for path in kept.values())
    assert all(link.readlink() == treasure.folder for link in links)
    assert not (run / UNFINISHED).exists()
    assert not (run / f"{'e' * 32}.tmp").exists()


@pytest.mark.parametrize("resume", [True, False])
def test_a_link_to_a_folder_is_no_run_folder(hub, finetune, crystals, tmp_path, run, resume):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(run if resume else tmp_path / "empty")
    before = sorted(path.name for path in run.iterdir())
    if resume:
        done = hub("finetune", "--out", "link", "--resume")
    else:
        done = finetune("--data", crystals, "--out", "link")
    assert done.code == 1
    assert "link is a link" in done.err
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in run.iterdir()) == before
    assert list((tmp_path / "empty").iterdir()) == []


STARTS = {
    "finetune": ["--from-scratch", "--data=missing.xyz"],
    "pretrain": ["missing", "--labels=lj"],
    "learning-curve": ["--data=missing.xyz", "--start=scratch"],
    "stability": ["missing", "--element=Cu"],
}


@pytest.mark.parametrize("command", STARTS)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_failing_start_leaves_an_empty_folder_as_it_was(hub, tmp_path, command, is_there):
    out = tmp_path / "out"
    if is_there:
        out.mkdir()
    inode = out.stat().st_ino if is_there else None
    done = hub(command, *STARTS[command], "--out", "out")
    assert done.code != 0
    assert out.exists() == is_there, done.err
    if is_there:
        assert out.stat().st_ino == inode
        assert list(out.iterdir()) == []


@pytest.mark.parametrize("is_there", [True, False])
def test_a_failing_start_leaves_what_others_put_there(
    finetune, tmp_path, crystals, monkeypatch, treasure, is_there
) -> None:
    out = tmp_path / "out"
    if is_there:
        out.mkdir()

    def fail(*_: object) -> None:
        (out / "notes.txt").write_text("mine")
        (out / "metrics.csv").symlink_to(treasure.file)
        (out / "parity.png").mkdir()
        (out / "seed-0").mkdir()
        (out / "seed-0" / "model").symlink_to(treasure.folder)
        raise DataError("no")

    monkeypatch.setattr(finetuning, "read_data", fail)
    done = finetune("--data", crystals, "--out", "out")
    assert done.code == 1
    assert sorted(path.name for path in out.iterdir()) == [
        "metrics.csv", "notes.txt", "parity.png", "seed-0",
    ]  # fmt: skip
    assert (out / "seed-0" / "model").readlink() == treasure.folder


def test_a_killed_beginning_is_begun_again(finetune, tmp_path, crystals) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in (MARKER_NAME, ".lock", "recipe.json", UNFINISHED):
        (out / name).write_text("")
    done = finetune("--data", crystals, "--out", "out")
    assert done.code == 0, done.err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "recipe.json").write_text("of a cake")
    refused = finetune("--data", crystals, "--out", "mine")
    assert "mine is not empty" in refused.err
    assert (tmp_path / "mine" / "recipe.json").read_text() == "of a cake"


def test_several_seeds_do_not_write_through_links(finetune, hub, crystals, tmp_path, treasure):
    assert finetune("--data", crystals, "--seeds", 2, "--out", "run").code == 0
    run = tmp_path / "run"
    for name in LATE:
        (run / "results.json").unlink(missing_ok=True)
        (run / name).rename(tmp_path / "aside") if (run / name).exists() else None
        (run / name).symlink_to(treasure.folder if name == "model" else treasure.file)
        done = hub("finetune", "--out", "run", "--resume")
        assert done.code == 1
        assert f"run/{name} is a link" in done.err
        (run / name).unlink()
        remove(tmp_path / "aside")
    (run / "seed-1").rename(tmp_path / "aside")
    (run / "seed-1").symlink_to(tmp_path / "aside")
    refused = hub("finetune", "--out", "run", "--resume")
    assert (refused.code, "run/seed-1 is a link" in refused.err) == (1, True)
    (run / "seed-1").unlink()
    (tmp_path / "aside").rename(run / "seed-1")
    assert hub("finetune", "--out", "run", "--resume").code == 0


@pytest.mark.parametrize("command", ["learning-curve", "stability"])
@pytest.mark.parametrize("resume", [True, False])
def test_a_folder_of_the_users_own_is_not_written_to(
    hub, tmp_path, crystals, random_directory, treasure, command, resume
) -> None:
    options = {
        "learning-curve": ["--data", crystals, "--start=scratch", "--sizes=2", "--seeds=1"],
        "stability": [random_directory, "--element=Ar"],
    }[command]
    (tmp_path / "mine").mkdir()
    for name in ("test.extxyz", "0-random.csv", "learning_curve.md", "stability.md"):
        (tmp_path / "mine" / name).write_text("mine")
    (tmp_path / "link").symlink_to(treasure.folder)
    for out in ("mine", "link"):
        done = hub(command, *options, "--out", out, *["--resume"] * resume)
        assert done.code == 1, done.err
        assert f"{out} is " in done.err
    assert {path.read_text() for path in (tmp_path / "mine").iterdir()} == {"mine"}


def test_a_learning_curve_does_not_go_through_links(hub, tmp_path, many_crystals, treasure):
    start = tmp_path / "curve" / "scratch"
    start.mkdir(parents=True)
    (tmp_path / "curve" / MARKER_NAME).write_text("")
    (start / "6-structures").symlink_to(treasure.folder)
    done = hub(
        "learning-curve", "--data", many_crystals, "--start=scratch", "--sizes=6", "--seeds=1",
        "--out=curve", "--resume",
    )  # fmt: skip
    assert done.code == 1
    assert "6-structures is a link" in done.err


@pytest.mark.parametrize("name", ["parity.png", "predictions.extxyz"])
def test_an_evaluation_replaces_its_like_and_nothing_else(
    hub, tmp_path, crystals, trained, treasure, name
) -> None:
    command = ("evaluate", trained, "--data", crystals, "--out")
    (tmp_path / "mine").mkdir()
    for each in (name, "notes.txt"):
        (tmp_path / "mine" / each).write_text("mine")
    done = hub(*command, "mine")
    assert (done.code, f"mine/{name} already exists" in done.err) == (1, True)
    assert {path.read_text() for path in (tmp_path / "mine").iterdir()} == {"mine"}
    assert hub(*command, "new").code == 0
    (tmp_path / "new" / "notes.txt").write_text("mine")
    assert hub(*command, "new").code == 0
    (tmp_path / "new" / name).unlink()
    (tmp_path / "new" / name).symlink_to(treasure.file)
    done = hub(*command, "new")
    assert (done.code, f"new/{name} is a link" in done.err) == (1, True)


def test_a_plot_replaces_a_file_that_was_named_but_no_link(tmp_path, treasure) -> None:
    plot, link = tmp_path / "plot.png", tmp_path / "link.png"
    plot.write_text("old")
    with picture(plot, (1, 1)):
        pass
    assert plot.read_bytes().startswith(b"\x89PNG")
    link.symlink_to(treasure.file)
    with pytest.raises(StorageError, match="is a link"), picture(link, (1, 1)):
        pytest.fail("it should be said before anything is drawn")
