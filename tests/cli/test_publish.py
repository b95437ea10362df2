"""From one machine to another with a published checkpoint, by the command line."""

from __future__ import annotations

import json
import shutil
from functools import partial

from ase.io import read


def test_another_machine_gets_identical_predictions(command, mirror, shared, tmp_path):
    mine, yours = (partial(command, HUB_HOME=tmp_path / name) for name in ("mine", "yours"))
    mine("pull", "c-ace-pretrained-100", "--to", "model")
    card = tmp_path / "model" / "README.md"
    card.write_text(card.read_text().replace("license: other\n", ""))
    refused = mine("publish", "model", "--name", "carbon", "--version", "1.0.0", code=1)
    assert "README.md lacks license\n" in refused.err
    assert "--license" in refused.err
    options = ("--name", "carbon", "--version", "1.0.0", "--to", "./lab", "--license", "MIT")
    done = mine("publish", "model", *options)
    assert done.out == "lab/carbon@1.0.0\n"
    assert "hub registry add lab ./lab" in done.err
    again = mine("publish", "model", *options, code=1)
    assert "already exists" in again.err

    yours("registry", "add", "lab", "lab")
    shown = yours("show", "carbon", "--json").json
    assert shown["licence"] == "MIT"
    assert shown["digest"] in done.err
    data = shared / "data" / "carbon-dft-amorphous-test.extxyz"
    (tmp_path / "few.xyz").write_text("".join(data.open().readlines()[:58]))
    predictions = []
    for hub, model, out in ((mine, "model", "mine-out"), (yours, "carbon", "yours-out")):
        hub("evaluate", model, "--data", "few.xyz", "--out", out)
        predictions.append((tmp_path / out / "predictions.extxyz").read_bytes())
    assert predictions[0] == predictions[1]
    assert len(read(tmp_path / "mine-out" / "predictions.extxyz", ":")) == 2


def test_json_and_refusals(command, random_directory, tmp_path):
    shutil.copytree(random_directory, tmp_path / "model")
    options = ("--name", "mine", "--version", "1.0.0", "--license", "MIT", "--description", "Mine")
    refused = command("publish", "model", *options, code=1)
    assert "card model/README.md not found" in refused.err
    (tmp_path / "model" / "README.md").write_text("---\nkind: model\n---\n\n# Mine\n")
    report = command("publish", "model", *options, "--json").json
    assert report["reference"] == "local/mine@1.0.0"
    assert len(report["digest"]) == 64
    assert "Mine" in json.dumps(command("list", "--json").json)
    command("publish", "nowhere", *options, code=3)
    command("publish", "model", "--name", "Mine!", "--version", "1.0.0", code=2)
    config = tmp_path / "model" / "config.json"
    config.write_text(
        config.read_text().replace('"avg_num_neighbors": 9.0', '"avg_num_neighbors": 8')
    )
    spoilt = command("publish", "model", *options[:2], "--version", "2.0.0", code=1)
    assert "lacks" in spoilt.err
    options = (*options[:2], "--version", "2.0.0", *options[4:])
    spoilt = command("publish", "model", *options, code=4)
    assert "does not reproduce its stored predictions" in spoilt.err
