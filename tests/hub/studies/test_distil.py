"""Distillations: the chain, its gate, its folder, and what is left of it after a kill."""

import json

import pytest

import hub
from hub.errors import DataError, JobError, SynthesisError, TeacherError, TrainingError
from hub.jobs.pool import InProcess
from hub.library import open_model
from hub.structures.reading import read_structures
from hub.studies import distil as distilling
from hub.studies import distil_report
from hub.studies.distil_steps import Steps
from registry.cards import split_front_matter
from tests.hub.synthesis.given import POOR, SMALL, TEACHER, write_copper

SHORT = {"chains": 1, "steps": 2}
STEPS = ["rank", "from_scratch", "structures", "pretrained", "student"]


def distilled(files, out, **options):
    data, test = files
    given = {
        "test": test, "teacher": TEACHER, "n_train": 8, "schedule": SHORT, "pretrain_epochs": 1,
        "out": out, "pool": InProcess(), "device": "cpu", **SMALL,
    }  # fmt: skip
    return hub.distil(data, **given | options)


@pytest.mark.slow
def test_the_whole_chain(copper_files, tmp_path, here, quick):
    folder, report = distilled(copper_files, tmp_path / "run")
    assert report["set"] == "test"
    assert report["n_structures"] == 6
    assert list(report["models"]) == [
        "from scratch", "teacher", "student before fine-tuning", "student",
    ]  # fmt: skip
    assert report["gate"]["passed"]
    assert report["models"]["teacher"]["errors"]["all structures"]["force_rmse"] < 1e-4
    assert set(report["seconds"]) == {"rank", "scratch", "structures", "pretrain", "student"}
    assert json.loads((folder / "report.json").read_text()) == report
    train = read_structures(folder / "split" / "train.extxyz").structures
    assert len(train) == 8
    made = json.loads((folder / "structures.json").read_text())
    assert made["given"] == {"structures": 8, "sha256": train.digest()}
    text = (folder / "report.md").read_text()
    assert "| student |" in text
    # The result is a model like any other.
    card = split_front_matter((folder / "model" / "README.md").read_text(), "the card")[0]
    if report["kept"] == "student":
        assert card["distillation"]["teacher"]["name"] == TEACHER
        assert card["distillation"]["licences"]["teacher"] == "as the calculator"
    version = hub.publish(folder, "copper-small", "1.0.0", license="MIT", description="Copper")
    assert version.manifest.metadata["elements"] == ["Cu"]
    assert open_model(folder).path == folder / "model"
    # The learning rate follows the teacher.
    assert json.loads((folder / "student" / "run.json").read_text())["learning_rate"] == 0.002
    assert json.loads((folder / "pretrained" / "run.json").read_text())["data"] == str(
        folder / "structures"
    )


@pytest.mark.slow
def test_a_poor_teacher_is_not_distilled_unless_forced(copper_files, tmp_path, here, quick):
    notes = []

    class Told(distilling.DistilReporter):
        def note(self, text):
            notes.append(text)

    options = {"teacher": POOR, "reporter": Told()}
    folder, report = distilled(copper_files, tmp_path / "refused", **options)
    assert list(report["models"]) == ["from scratch"]
    assert report["kept"] == "from scratch"
    assert not (folder / "chains").exists()
    assert (folder / "model" / "weights.safetensors").exists()
    assert any(note.startswith("nothing is distilled: the forces of") for note in notes)
    folder, report = distilled(copper_files, tmp_path / "forced", force=True, **options)
    assert "student" in report["models"]
    assert json.loads((folder / "student" / "run.json").read_text())["learning_rate"] == 0.01


@pytest.mark.slow
def test_it_is_resumed_after_every_step(copper_files, tmp_path, here, quick, monkeypatch):
    place = tmp_path / "run"

    def begun():
        return distilled(copper_files, place)

    def resumed():
        return hub.distil(out=place, resume=True, pool=InProcess())

    def killed(*_, **__):
        raise KeyboardInterrupt

    steps = [*((Steps, name) for name in STEPS), (distil_report, "parity_plot")]
    for run, step in zip([begun, *[resumed] * 5], steps, strict=True):
        with monkeypatch.context() as patch:
            patch.setattr(*step, killed)
            with pytest.raises(KeyboardInterrupt):
                run()
        with pytest.raises(JobError, match="not empty"):
            begun()
    # The data are in the folder.
    copper_files[0].unlink()
    folder, report = resumed()
    assert folder == place
    assert "student" in report["models"]


def test_wrong_inputs_leave_nothing_behind(copper_files, tmp_path, here):
    place = tmp_path / "run"
    few = write_copper(tmp_path / "few.xyz", 5)
    for options, kind, message in (
        ({"teacher": "nobody"}, TeacherError, "neither a teacher nor a model"),
        ({"teacher": "", "params": "x.txt"}, TeacherError, "belong to a teacher"),
        ({"schedule": {"steps": 0}}, SynthesisError, "steps"),
        ({"layers": 99}, TrainingError, "num_layers"),
        ({"n_train": 500}, DataError, "500 training structures requested"),
    ):
        with pytest.raises(kind) as refused:
            distilled(copper_files, place, **options)
        assert message in f"{refused.value.message} {refused.value.hint}"
        assert not place.exists()
    with pytest.raises(DataError, match="too few"):
        distilled((few, copper_files[1]), place, n_train=None)
    with pytest.raises(TrainingError, match="not the folder of a distillation"):
        hub.distil(out=tmp_path, resume=True)
    assert not place.exists()


def test_a_folder_does_not_say_which_program_to_run(copper_files, tmp_path, here, monkeypatch):
    place = tmp_path / "run"
    factory = tmp_path / "mine.py"
    factory.write_text("from ase.calculators.emt import EMT\n\ndef make():\n    return EMT()\n")
    teacher = f"ase:{factory}:make"

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Steps, "rank", killed)
    with pytest.raises(KeyboardInterrupt):
        distilled(copper_files, place, teacher=teacher)
    with pytest.raises(TrainingError, match="has to be named again") as refused:
        hub.distil(out=place, resume=True, pool=InProcess())
    assert f"--teacher {teacher}" in refused.value.hint
    with pytest.raises(KeyboardInterrupt):
        hub.distil(out=place, resume=True, teacher=teacher, pool=InProcess())
