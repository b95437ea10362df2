"""From one machine to another with a published checkpoint, by the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ase.io import read

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow  # each command loads torch and NequIP


def hub(*arguments, home, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli.main", *map(str, arguments)],
        cwd=home.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HUB_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_another_machine_gets_identical_predictions(mirror, shared, tmp_path):
    mine, yours = tmp_path / "mine", tmp_path / "yours"
    hub("pull", "c-ace-pretrained-100", "--to", "model", home=mine)
    card = tmp_path / "model" / "README.md"
    card.write_text(card.read_text().replace("license: other\n", ""))
    refused = hub("publish", "model", "--name", "carbon", "--version", "1.0.0", home=mine, code=1)
    assert "README.md lacks license\n" in refused.stderr
    assert "--license" in refused.stderr
    options = ("--name", "carbon", "--version", "1.0.0", "--to", "./lab", "--license", "MIT")
    done = hub("publish", "model", *options, home=mine)
    assert done.stdout == "lab/carbon@1.0.0\n"
    assert "hub registry add lab ./lab" in done.stderr
    again = hub("publish", "model", *options, home=mine, code=1)
    assert "exists already" in again.stderr

    hub("registry", "add", "lab", "lab", home=yours)
    shown = json.loads(hub("show", "carbon", "--json", home=yours).stdout)
    assert shown["licence"] == "MIT"
    assert shown["digest"] in done.stderr
    data = shared / "data" / "carbon-dft-amorphous-test.extxyz"
    (tmp_path / "few.xyz").write_text("".join(data.open().readlines()[:58]))
    predictions = []
    for home, model in ((mine, "model"), (yours, "carbon")):
        out = tmp_path / f"{home.name}-out"
        hub("evaluate", model, "--data", "few.xyz", "--out", out.name, home=home)
        predictions.append((out / "predictions.extxyz").read_bytes())
    assert predictions[0] == predictions[1]
    assert len(read(tmp_path / "mine-out" / "predictions.extxyz", ":")) == 2


def test_json_and_refusals(random_directory, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(random_directory, tmp_path / "model")
    options = ("--name", "mine", "--version", "1.0.0", "--license", "MIT", "--description", "Mine")
    refused = hub("publish", "model", *options, home=home, code=1)
    assert "there is no card model/README.md" in refused.stderr
    (tmp_path / "model" / "README.md").write_text("---\nkind: model\n---\n\n# Mine\n")
    report = json.loads(hub("publish", "model", *options, "--json", home=home).stdout)
    assert report["reference"] == "local/mine@1.0.0"
    assert len(report["digest"]) == 64
    listed = json.loads(hub("list", "--json", home=home).stdout)
    assert "Mine" in json.dumps(listed)
    hub("publish", "nowhere", *options, home=home, code=3)
    hub("publish", "model", "--name", "Mine!", "--version", "1.0.0", home=home, code=2)
    config = tmp_path / "model" / "config.json"
    config.write_text(
        config.read_text().replace('"avg_num_neighbors": 9.0', '"avg_num_neighbors": 8')
    )
    spoilt = hub("publish", "model", *options[:2], "--version", "2.0.0", home=home, code=1)
    assert "lacks" in spoilt.stderr
    options = (*options[:2], "--version", "2.0.0", *options[4:])
    spoilt = hub("publish", "model", *options, home=home, code=4)
    assert "does not reproduce its stored predictions" in spoilt.stderr
