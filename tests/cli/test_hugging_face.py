"""From one machine to another by way of the Hugging Face Hub, by the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import partial

import pytest
import yaml
from ase.io import read

from tests.cli.process import environment, finish
from tests.hugging_face.faults import Fault


@pytest.fixture
def machines(command, tmp_path, hugging_face):
    return tuple(
        partial(command, HUB_HOME=tmp_path / name, XDG_STATE_HOME=tmp_path / f"{name}-state")
        for name in ("mine", "yours")
    )


@pytest.fixture
def model(random_directory, tmp_path):
    """A model directory with a card that states errors."""
    directory = shutil.copytree(random_directory, tmp_path / "model")
    front_matter = {
        "kind": "model",
        "description": "Hydrocarbons",
        "license": "MIT",
        "tags": ["nequip", "C"],
        "base_model": "somebody",
        "training": {"parent": None, "data": {"files": ["dft.xyz"], "dataset": "hf://datasets/lab/set@1.0.0"}},
        "measured_errors": {
            "set": "test",
            "after": {
                "all structures": {"energy_rmse": 12.5, "force_mae": 0.25, "stress_mae": None}
            },
        },
    }  # fmt: skip
    text = yaml.safe_dump(front_matter)
    (directory / "README.md").write_text(f"---\n{text}---\n\n# Mine\n")
    return directory


def card_of(hugging_face, name, kind="model"):
    """Return the YAML of a card as the Hub's own client reads it."""
    from huggingface_hub import ModelCard

    text = hugging_face.repository(name, kind).head.files["README.md"].data.decode()
    return ModelCard(text).data if kind == "model" else yaml.safe_load(text.split("---")[1])


def test_a_stranger_uses_a_published_model(machines, model, hugging_face, tmp_path):
    mine, yours = machines
    done = mine("publish", "model", "--to", "hf://lab/hydrocarbon", "--private")
    assert done.out == "hf://lab/hydrocarbon@1.0.0\n"
    assert "hub pull hf://lab/hydrocarbon@1.0.0" in done.err
    assert hugging_face.repository("lab/hydrocarbon").private
    again = mine("publish", "model", "--to", "hf://lab/hydrocarbon", code=1)
    assert "already exists" in again.err

    card = card_of(hugging_face, "lab/hydrocarbon")
    assert (card.library_name, card.license) == ("mlip-hub", "mit")
    assert card.base_model is None  # somebody is no repository of the Hub
    assert card.datasets == ["lab/set"]
    assert card.tags[0] == "mlip-hub"
    assert {each.metric_name: each.metric_value for each in card.eval_results} == {
        "Energy RMSE (meV/atom)": 12.5,
        "Force MAE (eV/Å)": 0.25,
    }

    pulled = yours("pull", "hf://lab/hydrocarbon", "--json").json
    assert pulled["digest"] in done.err
    shown = yours("show", "hf://lab/hydrocarbon", "--json").json
    assert shown["licence"] == "MIT"
    (tmp_path / "one.xyz").write_text(
        '2\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3:forces:R:3 energy=1.0\n'
        "C 0 0 0 0 0 0\nH 0 0 1.1 0 0 0\n"
    )
    for hub, name, out in ((mine, "model", "a"), (yours, "hf://lab/hydrocarbon", "b")):
        hub("evaluate", name, "--data", "one.xyz", "--out", out)
    one, other = ((tmp_path / out / "predictions.extxyz").read_bytes() for out in ("a", "b"))
    assert one == other
    assert "hydrocarbon" in yours("list").out
    assert "intact" in yours("verify").out


def test_what_is_made_of_it_names_it_as_its_base(machines, model, hugging_face):
    mine, yours = machines
    mine("publish", "model", "--to", "hf://lab/parent")
    digest = yours("pull", "hf://lab/parent", "--json").json["digest"]
    text = (model / "README.md").read_text()
    parent = {"name": "parent", "version": "1.0.0", "digest": digest, "relation": "fine-tuned"}
    (model / "README.md").write_text(text.replace("parent: null", f"parent: {json.dumps(parent)}"))
    yours("publish", "model", "--to", "hf://other/child", "--version", "2.0.0")
    card = card_of(hugging_face, "other/child")
    assert card.base_model == ["lab/parent"]
    assert list(hugging_face.repository("other/child").tags) == ["v2.0.0"]


def test_registries_on_the_hub(machines, model, hugging_face):
    mine, yours = machines
    mine("publish", "model", "--to", "hf://lab/hydrocarbon")
    hugging_face.add("lab/bert", {"model.safetensors": b"x"})
    assert "with 1 names" in yours("registry", "add", "lab", "hf://lab").err
    rows = yours("list", "--remote", "--json").out
    assert '"hydrocarbon"' in rows
    assert "bert" not in rows
    yours("pull", "lab/hydrocarbon")
    assert "cannot be repaired" in yours("registry", "repair", "lab", code=1).err
    yours("registry", "copy", "hydrocarbon", "--from", "lab", "--to", "./group")
    yours("registry", "copy", "hydrocarbon", "--from", "./group", "--to", "hf://elsewhere")
    theirs = hugging_face.repository("elsewhere/hydrocarbon").head.files["mlip-hub.json"].data
    assert theirs == hugging_face.repository("lab/hydrocarbon").head.files["mlip-hub.json"].data
    assert "only repositories" in mine("publish", "model", "--name", "x", "--private", code=1).err
    assert (
        "the name is x" in mine("publish", "model", "--name", "x", "--to", "hf://lab/y", code=2).err
    )
    assert "a name to publish under" in mine("publish", "model", "--to", "hf://lab", code=2).err


@pytest.mark.slow
def test_a_dataset_as_versions_and_as_parquet(machines, hugging_face, tmp_path):
    mine, yours = machines
    mine("publish", "c-pbe-examples", "--to", "hf://datasets/lab/cells")
    card = card_of(hugging_face, "lab/cells", "dataset")
    assert (card["license"], card["viewer"]) == ("cc0-1.0", False)
    yours("export", "hf://datasets/lab/cells", "--format", "extxyz", "--out", "cells.xyz")
    mine("export", "c-pbe-examples", "--format", "extxyz", "--out", "same.xyz")
    assert (tmp_path / "cells.xyz").read_bytes() == (tmp_path / "same.xyz").read_bytes()
    assert "101 of" in yours("check", "hf://datasets/lab/cells").out

    export = ("export", "c-pbe-examples", "--format", "datasets", "--to")
    done = mine(*export, "hf://datasets/lab/parquet")
    assert done.out == f"{hugging_face.url}/datasets/lab/parquet\n"
    mine(*export, "hf://datasets/lab/parquet")  # the same again
    assert len(hugging_face.repository("lab/parquet", "dataset").commits) == 2
    other = (*export, "hf://datasets/lab/parquet", "--sample", "7")
    assert "--force" in mine(*other, code=1).err
    assert "contains a version of mlip-hub" in mine(*export, "hf://datasets/lab/cells", code=1).err
    assert "not the address of a dataset" in mine(*export, "hf://lab/parquet", code=2).err

    back = ("import", "--reader", "datasets", "--name", "back", "--labels", "pbe")
    yours(*back, "hf://datasets/lab/parquet")
    yours("export", "back", "--format", "extxyz", "--out", "back.xyz")
    for one, two in zip(read("back.xyz", ":"), read("same.xyz", ":"), strict=True):
        assert one == two
        assert one.get_potential_energy() == two.get_potential_energy()
        assert (one.get_forces() == two.get_forces()).all()
    assert "hub pull" in yours(*back, "hf://datasets/lab/cells", code=1).err

    mine(*other, "--force")
    hugging_face.faults.append(Fault(r"GET /[0-9a-f]{64}", flip=2000, times=1))
    made = yours(*back, "--version", "1.0.1", "hf://datasets/lab/parquet", "--json").json
    assert made["structures"] == 7
    assert not hugging_face.leaks


LOAD = """
import sys
from datasets import load_dataset
whole = load_dataset(sys.argv[1], split="train")
rows = list(load_dataset(sys.argv[1], split="train", streaming=True))
assert rows == list(whole), "streaming gives other rows"
print(len(rows), sum(row["energy"] for row in rows), len(rows[5]["positions"]))
"""


@pytest.mark.slow
def test_the_hub_s_own_library_loads_it(machines, hugging_face, tmp_path):
    mine, _ = machines
    mine("export", "c-pbe-examples", "--format", "datasets", "--to", "hf://datasets/lab/parquet")
    # A process of its own: the library remembers the Hub that it was imported with.
    done = subprocess.run(
        [*_python(), "-c", LOAD, "lab/parquet"],
        env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    mine("export", "c-pbe-examples", "--format", "extxyz", "--out", "same.xyz")
    expected = read(tmp_path / "same.xyz", ":")
    number, energy, atoms = done.stdout.split()
    assert int(number) == len(expected)
    assert float(energy) == pytest.approx(sum(each.get_potential_energy() for each in expected))
    assert int(atoms) == len(expected[5])


def _python():
    from tests.cli.process import HUB

    return HUB[:1]


@pytest.mark.slow
def test_in_a_process_of_its_own(model, hugging_face, tmp_path):
    """The environment alone points the client to the Hub; tokens appear nowhere."""
    environ = environment(HUB_HOME=tmp_path / "own", XDG_STATE_HOME=tmp_path / "own-state")
    done = finish("publish", "model", "--to", "hf://lab/own", folder=tmp_path, env=environ)
    assert done.returncode == 0, done.stderr
    pulled = finish("pull", "hf://lab/own@1", "--out", "copy", folder=tmp_path, env=environ)
    assert pulled.returncode == 0, pulled.stderr
    secret = {**environ, "HF_TOKEN": "hf_secret"}
    wrong = finish("publish", "model", "--to", "hf://lab/new", folder=tmp_path, env=secret)
    assert wrong.returncode == 1
    assert "refuses access" in wrong.stderr
    for text in (done.stdout, done.stderr, wrong.stderr):
        assert "hf_writer" not in text
        assert "hf_secret" not in text
    for folder in ("own", "own-state", "copy"):
        for path in (tmp_path / folder).rglob("*"):
            assert not path.is_file() or b"hf_writer" not in path.read_bytes()


def test_the_clients_are_imported_where_they_are_used(tmp_path):
    code = (
        "import sys; from hub.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "late = {'huggingface_hub', 'license_expression', 'httpx2', 'obstore'}\n"
        "assert not late & set(sys.modules)"
    )
    commands = ["--help"], ["list"], ["registry", "list"], ["publish", "--help"]
    for arguments in (*commands, ["pull", "c-nep-pretrained"]):
        done = subprocess.run(
            [*_python(), "-c", code, *arguments],
            env=environment(HUB_HOME=tmp_path / "home", HUB_REGISTRIES="lab=hf://lab,group=s3://b"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
