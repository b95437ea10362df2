"""NequIP packages: they need nothing but NequIP, and predict the same."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from ase.io import read

from hub.errors import ModelError
from hub.potentials.building import build_potential
from hub.potentials.nequip.export import export_package
from hub.pulling import pull
from registry.errors import ExistsError
from tests.hub.potentials.nequip.elsewhere import assert_same, compute_elsewhere, rounded
from tests.hub.potentials.small import hydrocarbon


@pytest.mark.slow
def test_a_package_needs_nothing_but_nequip(random_directory, tmp_path):
    package = tmp_path / "model.nequip.zip"
    export_package(random_directory, package)
    assert [path.name for path in tmp_path.iterdir()] == ["model.nequip.zip"]
    structures = rounded([hydrocarbon(seed) for seed in range(3)], tmp_path)
    types, results = compute_elsewhere(package, structures, tmp_path)
    assert types == ["C", "H"]
    assert_same(results, structures, random_directory, "float64", 1e-11)


@pytest.mark.slow
def test_a_published_checkpoint_in_single_precision(published, shared, tmp_path):
    package = tmp_path / "carbon.nequip.zip"
    directory = pull("c-ace-pretrained")
    export_package(directory, package, dtype=torch.float32)
    structures = read(shared / "data" / "carbon-dft-amorphous-test.extxyz", ":3")
    for atoms in structures:
        atoms.calc = None
    structures = rounded(structures, tmp_path)
    _, results = compute_elsewhere(package, structures, tmp_path)
    assert_same(results, structures, directory, "float32", 1e-5)


@pytest.mark.slow
def test_an_existing_file_is_kept(random_directory, tmp_path):
    package = tmp_path / "model.nequip.zip"
    package.write_bytes(b"precious")
    with pytest.raises(ExistsError, match="already exists"):
        export_package(random_directory, package)
    assert package.read_bytes() == b"precious"
    export_package(random_directory, package, force=True)
    assert package.stat().st_size > 100_000


def test_a_damaged_model_leaves_no_file(random_directory, tmp_path):
    directory = shutil.copytree(random_directory, tmp_path / "model")
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"avg_num_neighbors": 1.0}))
    with pytest.raises(ModelError, match="does not reproduce"):
        export_package(directory, tmp_path / "out" / "model.nequip.zip")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_package_that_computes_something_else_is_not_kept(
    random_directory, tmp_path, monkeypatch
):
    from hub.potentials.nequip import export

    def build_another(config, **settings):
        return build_potential(config.with_changes(avg_num_neighbors=1.0), **settings)

    monkeypatch.setattr(export, "build_potential", build_another)
    with pytest.raises(ModelError, match="does not reproduce"):
        export_package(random_directory, tmp_path / "model.nequip.zip")
    assert list(tmp_path.iterdir()) == []


def test_the_name_must_be_that_of_a_package(random_directory, tmp_path):
    with pytest.raises(ModelError, match="not a valid name of a NequIP package"):
        export_package(random_directory, tmp_path / "model.zip")
