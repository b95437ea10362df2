"""Rankings: what is compared on which structures, and what follows from it."""

import json
from dataclasses import replace

import numpy as np
import pytest

import hub
from hub.errors import DataError, JobError, TeacherError
from hub.evaluation.metrics import ALL
from hub.jobs.pool import InProcess, Lost
from hub.potentials.architectures import architecture
from hub.structures.reading import read_structures
from hub.structures.splits import split_structures
from hub.structures.structure_set import StructureSet
from hub.studies import measuring, rank_candidates
from hub.studies.candidates import candidates_for
from hub.studies.rank_table import failures, rank_table
from hub.studies.ranking import Row, advise
from hub.training.job import DEFAULT_MODEL
from tests.hub.synthesis.given import POOR, SMALL, TEACHER, copper, write_copper


def errors(energy, force, n=20):
    return {ALL: {"n_structures": n, "energy_rmse": energy, "force_rmse": force}}


SCRATCH = Row("from scratch", "scratch", errors(30.0, 0.4), 0.5, is_trainable=True)


@pytest.mark.parametrize(
    ("rows", "action", "name", "command"),
    [
        ([], "scratch", "", "hub finetune --data a.xyz --from-scratch --layers 2"),
        ([Row("slow", "model", errors(9, 0.5), 50.0)], "scratch", "", "--from-scratch"),
        ([Row("slow", "model", errors(90, 0.3), 50.0)], "distil", "slow", "hub distil"),
        (
            [Row("slow", "model", errors(9, 0.3), 50.0, is_trainable=True)],
            "distil", "slow", "hub distil --data a.xyz --teacher slow",
        ),
        (
            [Row("fast", "model", errors(9, 0.3), 0.6, is_trainable=True)],
            "finetune", "fast", "hub finetune --data a.xyz --model fast",
        ),
        # What cannot be trained here is never recommended for fine-tuning.
        ([Row("fast", "teacher", errors(9, 0.3), 0.1)], "distil", "fast", "--teacher fast"),
        (
            [Row("c", "alchemical", errors(9, 0.3), 0.1, is_trainable=True)],
            "finetune", "c", "--model c --alchemical auto",
        ),
        # A model that loses as it is may win after a short fine-tuning.
        (
            [
                Row("slow", "model", errors(9, 0.5), 50.0, is_trainable=True),
                Row("slow", "finetuned", errors(9, 0.3), 50.0, is_trainable=True),
            ],
            "finetune", "slow", "hub finetune --data a.xyz --model slow",
        ),
        (
            [Row("slow", "finetuned", errors(9, 0.45), 50.0, is_trainable=True)],
            "scratch", "", "--from-scratch",
        ),
        ([Row("gone", "model", failure="not installed")], "scratch", "", "--from-scratch"),
        (
            [Row("shaky", "model", errors(9, 0.3), 1.0, n_failed=9)],
            "scratch", "", "--from-scratch",
        ),
        (
            [Row("good", "model", errors(9, 0.3), 9.0), Row("best", "model", errors(9, 0.2), 9.0)],
            "distil", "best", "--teacher best",
        ),
    ],
)  # fmt: skip
def test_advice(rows, action, name, command):
    found = advise([SCRATCH, *rows], ["--data", "a.xyz"], ["--layers", "2"])
    assert (found.action, found.name) == (action, name)
    assert command in found.commands[0]
    if action == "distil":
        trainable = next(row for row in rows if row.name == name).is_trainable
        assert len(found.commands) == 1 + trainable


@pytest.mark.slow
def test_models_are_ranked_on_training_and_validation_structures(
    copper_files, here, few_steps, tmp_path
):
    data, test = copper_files
    out = tmp_path / "ranking"
    told = []
    ranking = hub.rank(
        data, test=test, model=[POOR, TEACHER], n_train=8, out=out, alchemical=False,
        pool=InProcess(), report=told.append, **SMALL,
    )  # fmt: skip
    structures = read_structures(data).structures
    split = split_structures(structures, 8, test=read_structures(test).structures)
    assert ranking.n_structures == len(split.train) + len(split.validation) == 18
    names = [row.name for row in ranking.rows]
    assert names[0] == TEACHER
    assert set(names) == {TEACHER, POOR, "from scratch"}
    best = ranking.rows[0]
    # It computed the labels: only the shift is fitted.
    assert best.errors[ALL]["force_rmse"] < 1e-4
    assert best.errors[ALL]["energy_rmse"] < 1
    assert set(best.errors) == {ALL, "crystal", "strained"}
    assert best.ms_per_atom > 0
    assert ranking.advice.action == "distil"
    assert ranking.advice.name == TEACHER
    saved = json.loads((out / "ranking.json").read_text())
    assert [row["name"] for row in saved["rows"]] == names
    assert {"ranking.md", "ranking.png", "scratch.json"} <= {path.name for path in out.iterdir()}
    assert "## strained" in (out / "ranking.md").read_text()
    # Each fold was predicted by a training that did not see it.
    held_out = [read_structures(out / "scratch" / f"fold-{n}.extxyz").structures for n in range(3)]
    counts = [int((each.split_labels == "validation").sum()) for each in held_out]
    assert counts == [6, 6, 6]


def test_a_slow_model_is_also_a_teacher_once_it_is_fine_tuned():
    row = Row("slow", "finetuned", errors(9, 0.3), 50.0, is_trainable=True)
    found = advise([SCRATCH, row], ["--data", "a.xyz"], [])
    assert found.commands[1:] == ("hub distil --data a.xyz --teacher slow --finetune-teacher",)
    assert len(advise([SCRATCH, replace(row, ms_per_atom=0.6)], [], []).commands) == 1


@pytest.mark.slow
def test_the_best_trainable_model_is_fine_tuned_if_nothing_beats_scratch(
    copper_files, here, tmp_path, quick, monkeypatch
):
    data, _ = copper_files
    start = tmp_path / "start"
    hub.finetune(data, from_scratch=True, n_train=8, out=start, allow=["units"], **SMALL)
    options = {
        "n_train": 8, "alchemical": False, "pool": InProcess(), "allow": ["units"], **SMALL
    }  # fmt: skip
    monkeypatch.setattr(rank_candidates, "beats", lambda row, _: row.name == TEACHER)
    ranking = hub.rank(data, model=[str(start), POOR], out=tmp_path / "ranking", **options)
    kinds = {row.kind: row for row in ranking.rows}
    tuned = kinds["finetuned"]
    assert tuned.name == str(start)
    assert tuned.is_trainable
    assert tuned.force_rmse != kinds["model"].force_rmse
    assert (tmp_path / "ranking" / "finetuned.json").exists()
    assert f"{start} | fine-tuned shortly, cross" in (tmp_path / "ranking/ranking.md").read_text()
    # A teacher that beats scratch decides without it.
    ranking = hub.rank(data, model=[str(start), TEACHER], **options)
    assert "finetuned" not in {row.kind for row in ranking.rows}
    assert ranking.advice.name == TEACHER


@pytest.mark.slow
def test_what_fails_is_a_row_with_its_reason(copper_files, here, few_steps, tmp_path, monkeypatch):
    data, _ = copper_files
    really = measuring.label_sets

    def label_sets(spec, parts):
        if spec.family == POOR:
            raise TeacherError("no licence file")
        return really(spec, parts)

    monkeypatch.setattr(measuring, "label_sets", label_sets)
    options = {
        "model": [POOR, TEACHER], "n_train": 8, "out": tmp_path / "ranking", "alchemical": False,
        "pool": InProcess(), **SMALL,
    }  # fmt: skip
    ranking = hub.rank(data, **options)
    failed = ranking.rows[-1]
    assert (failed.name, failed.failure) == (POOR, "no licence file")
    header, rows = rank_table(ranking.rows)
    assert len({len(row) for row in (header, *rows)}) == 1
    assert rows[-1][:3] == [POOR, "failed", "-"]
    assert failures(ranking.rows) == [f"{POOR} failed: no licence file"]
    table = (tmp_path / "ranking" / "ranking.md").read_text()
    assert f"\n\n{POOR} failed: no licence file.\n\n" in table
    # It is tried again, and what is finished is not.
    monkeypatch.setattr(measuring, "label_sets", really)
    monkeypatch.setattr(rank_candidates, "cross_validate", None)
    again = hub.rank(data, resume=True, **options)
    assert not [row for row in again.rows if row.failure]
    with pytest.raises(JobError, match=r"different .*seed"):
        hub.rank(data, resume=True, **options | {"seed": 1})


def test_a_process_that_dies_is_a_row_too(copper_files, monkeypatch, tmp_path):
    class Dying(InProcess):
        def wait(self):
            super().wait()
            return None, Lost("the process died (signal SIGKILL)")

    monkeypatch.setattr(measuring, "LocalPool", lambda *_: Dying())
    structures = read_structures(copper_files[0]).structures
    with pytest.raises(TeacherError, match="SIGKILL"):
        measuring.measure(rank_candidates.candidate(TEACHER).spec, structures)


def test_energies_are_shifted_to_other_structures_than_those_that_are_judged(here):
    structures = StructureSet.from_atoms(copper(6))
    spec = rank_candidates.candidate(TEACHER).spec
    first, rest = structures.select([0]), structures.select(np.arange(1, 6))
    moved = replace(first, energies=first.energies + 3.0)
    own = measuring.measure(spec, moved)
    others = measuring.measure(spec, moved, rest)
    unshifted = measuring.measure(spec, moved, shifted=False)
    assert own.errors[ALL]["energy_rmse"] == pytest.approx(0, abs=1e-3)
    assert others.errors[ALL]["energy_rmse"] == pytest.approx(750, abs=1)
    assert unshifted.errors[ALL]["energy_rmse"] == pytest.approx(750, abs=1)


def test_models_that_cannot_be_trained_are_compared_if_their_package_is_installed(monkeypatch):
    pytest.importorskip("chgnet", reason="needs mlip-hub[chgnet]")
    assert "chgnet-0.3.0" in [each.name for each in candidates_for(["Mo"])]
    monkeypatch.setattr(architecture("chgnet"), "modules", ("a_package_that_is_not_here",))
    others = [each.name for each in candidates_for(["Mo"])]
    assert "chgnet-0.3.0" not in others
    assert "sevennet-0" in others


@pytest.mark.parametrize(
    ("elements", "donor"),
    [(("Si",), "c-nep-pretrained"), (("C",), ""), (("Cu", "Zn"), "")],
)
def test_without_network_a_model_that_comes_along_is_transferred(elements, donor):
    assert rank_candidates._donor(elements) == donor


def test_the_model_to_transfer_is_that_of_fine_tuning(published):
    assert rank_candidates._donor(("Si",)) == DEFAULT_MODEL


def test_wrong_inputs(copper_files, here, tmp_path):
    data, _ = copper_files
    few = write_copper(tmp_path / "few.xyz", 5)
    with pytest.raises(DataError, match="too few to compare models"):
        hub.rank(few, model=[TEACHER], pool=InProcess(), **SMALL)
    with pytest.raises(TeacherError, match="'nobody' is neither a teacher nor a model"):
        hub.rank(data, model=["nobody"], pool=InProcess(), **SMALL)
    with pytest.raises(JobError, match="no folder to resume"):
        hub.rank(data, resume=True)


@pytest.mark.slow
def test_the_command_line(command, copper_files, here, few_steps, tmp_path):
    done = command(
        "rank", "--data", "copper.xyz", "--model", TEACHER, "--n-train", 8, "--no-alchemical",
        "--layers", 1, "--features", 2, "--cutoff", 3.5, "--jobs", 1,
    )  # fmt: skip
    assert "recommended: " in done.out
    assert "hub distil --data copper.xyz --n-train 8 --teacher" in done.out
