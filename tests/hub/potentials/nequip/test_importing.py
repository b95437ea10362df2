"""NequIP packages: imported exactly, and refused where that cannot be."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest
import torch

from hub.errors import IncompatibleModelError, ModelError
from hub.potentials.directory import read_model
from hub.potentials.nequip.export import export_package
from hub.potentials.nequip.importing import import_package
from hub.potentials.nequip.package import read_package
from hub.potentials.nequip.rebuilding import rebuild
from tests.hub.potentials.nequip.packages import (
    NOTHING,
    PLAIN,
    VARIANTS,
    ZBL,
    largest_differences,
    stock_network,
    stock_package,
    write_package,
)
from tests.variants import few_fast


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return stock_package(tmp_path_factory.mktemp("plain") / "plain.nequip.zip")


@pytest.mark.parametrize("variant", few_fast(VARIANTS, 3))
def test_a_model_is_rebuilt_to_the_last_bit(variant, tmp_path):
    package = stock_package(tmp_path / "model.nequip.zip", **VARIANTS[variant])
    potential = rebuild(read_package(package).model, "nothing")
    assert str(potential.dtype).endswith(VARIANTS[variant].get("model_dtype", "float32"))
    assert largest_differences(package, potential) == NOTHING


def test_the_numbers_that_it_was_built_with_are_found(tmp_path):
    chosen = VARIANTS["trainable scales, cutoffs and neighbours by type, ZBL"]
    config = rebuild(
        read_package(stock_package(tmp_path / "model.nequip.zip", **chosen)).model, "isolated atoms"
    ).config
    assert config.type_names == ("C", "H")
    assert config.r_max == 4.0
    assert config.cutoffs == ((3.7, 3.7), (4.0, 2.1))
    assert config.neighbors_per_type == (10.0, 7.1)
    assert (config.num_layers, config.num_features, config.l_max) == (2, (6, 4), 1)
    assert config.zbl_polynomial_cutoff_p == 5
    assert config.energy_scales_trainable
    assert not config.energy_shifts_trainable
    assert config.energy_reference == "isolated atoms"


@pytest.mark.slow
def test_an_imported_model_is_read_verified_and_written_again(plain, tmp_path):
    directory, package = tmp_path / "model", tmp_path / "again.nequip.zip"
    directory.mkdir()
    config = import_package(plain, directory)
    assert config.avg_num_neighbors == PLAIN["avg_num_neighbors"]
    assert sorted(path.name for path in directory.iterdir()) == [
        "config.json", "probe.json", "weights.safetensors",
    ]  # fmt: skip
    potential = read_model(directory, dtype=torch.float32, accelerated=False)
    assert potential.config == config
    assert largest_differences(plain, potential) == NOTHING
    export_package(directory, package, dtype=torch.float32)
    assert largest_differences(package, potential) == NOTHING
    again = rebuild(read_package(package).model, config.energy_reference)
    assert again.config == config
    assert all(
        torch.equal(each, again.weights()[name]) for name, each in potential.weights().items()
    )


@pytest.mark.slow
def test_our_own_exports_come_back(random_directory, tmp_path):
    package, directory = tmp_path / "ours.nequip.zip", tmp_path / "model"
    export_package(random_directory, package)
    directory.mkdir()
    config = import_package(package, directory)
    before = read_model(random_directory, accelerated=False)
    assert config == before.config
    assert config.architecture == "nequip-onehot"
    assert largest_differences(package, read_model(directory, accelerated=False)) == NOTHING
    after = read_model(directory).weights()
    assert all(torch.equal(each, after[name]) for name, each in before.weights().items())


@pytest.mark.slow
def test_a_published_checkpoint_comes_back(mirror, tmp_path):
    from hub.pulling import pull

    package, directory = tmp_path / "ours.nequip.zip", tmp_path / "model"
    published = pull("c-ace-pretrained")
    export_package(published, package, dtype=torch.float32)
    directory.mkdir()
    assert import_package(package, directory) == read_model(published).config


@pytest.mark.slow
def test_code_that_agrees_is_allowed(plain, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    import_package(plain, directory, allow_code=True)
    assert read_model(directory)


def changed_code(package, target, name, old, new):
    """Copy a package with other text in one of its files."""
    with zipfile.ZipFile(package) as source, zipfile.ZipFile(target, "w") as copy:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.endswith(name):
                assert old in content
                content = content.replace(old, new)
            copy.writestr(entry.filename, content)
    return target


@pytest.mark.slow
def test_code_that_computes_something_else_is_refused(plain, tmp_path):
    other = changed_code(
        plain, tmp_path / "other.nequip.zip", "nequip/nn/norm.py",
        b"norm_factor * features", b"norm_factor * features * 1.01",
    )  # fmt: skip
    directory = tmp_path / "model"
    directory.mkdir()
    with pytest.raises(ModelError, match=r"differ from those of NequIP's own modules.*eV/atom"):
        import_package(other, directory, allow_code=True)
    import_package(other, directory)  # its parts are NequIP's


@pytest.mark.slow
def test_code_that_fails_or_hangs_is_refused(plain, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    bad = changed_code(
        plain, tmp_path / "bad.nequip.zip", "nequip/nn/norm.py",
        b"import torch", b"raise OSError('no luck')",
    )  # fmt: skip
    with pytest.raises(ModelError, match="failed: OSError: no luck"):
        import_package(bad, directory, allow_code=True)
    with pytest.raises(ModelError, match=r"did not finish within 0\.1 s"):
        import_package(plain, directory, allow_code=True, timeout=0.1)


class Planted:
    """What executes a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_what_is_planted_is_not_executed(tmp_path):
    mark = tmp_path / "executed"
    network = stock_network()
    network.model.func.extra = Planted(f"touch {mark}")
    package = write_package(tmp_path / "model.nequip.zip", {"sole_model": network})
    with pytest.raises(IncompatibleModelError, match="extra differs"):
        import_package(package, tmp_path)
    network.model.func.type_embed._modules["embed_module"] = Planted(f"touch {mark}")
    package = write_package(tmp_path / "other.nequip.zip", {"sole_model": network})
    with pytest.raises((IncompatibleModelError, ModelError)):
        import_package(package, tmp_path)
    assert not mark.exists()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".zip", ".zip"]


def renamed(package, target, old, new):
    """Copy a package whose pickles name another class, of as many letters."""
    return changed_code(package, target, "eager_model.pkl", old, new)


def test_models_of_other_architectures_are_refused_by_name(plain, tmp_path):
    allegro = renamed(
        plain, tmp_path / "allegro.nequip.zip",
        b"nequip.nn.convnetlayer\nConvNetLayer", b"allegro.nn.allegrolayer\nAllegroLayer",
    )  # fmt: skip
    with pytest.raises(IncompatibleModelError, match=r"an Allegro model \(allegro.nn.allegrolayer"):
        import_package(allegro, tmp_path)
    strange = renamed(
        plain, tmp_path / "strange.nequip.zip",
        b"nequip.nn.convnetlayer\nConvNetLayer", b"somebody.layers\nTheirLayer",
    )  # fmt: skip
    with pytest.raises(IncompatibleModelError, match=r"layer0_convnet is a somebody.layers"):
        import_package(strange, tmp_path)


LENNARD_JONES = {
    "_target_": "nequip.nn.pair_potential.LennardJones", "lj_sigma": 1.0, "lj_epsilon": 1.0
}  # fmt: skip
CHARGE = [{"field": "charge", "num_features": 2, "min": 0, "max": 1}]
REFUSED = {
    "pair potential": ({"pair_potential": LENNARD_JONES}, "LennardJones"),
    "units": ({"pair_potential": {**ZBL, "units": "real"}}, "does not use eV"),
    "charges": ({"categorical_graph_field_embed": CHARGE}, "additional inputs"),
    "types": ({"type_names": ["C", "Hw"]}, "'Hw', which is not a chemical element"),
    "width": ({"radial_mlp_width": 1100}, "cannot be imported: 'radial_mlp_width'.*1024"),
    "cutoff": ({"r_max": 25.0}, "cannot be imported: 'r_max'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_imported_is_refused(case, tmp_path):
    changes, message = REFUSED[case]
    if case == "charges":
        from nequip.data import register_fields

        register_fields(graph_fields=["charge"])
    package = stock_package(tmp_path / "model.nequip.zip", **changes)
    with pytest.raises((IncompatibleModelError, ModelError), match=message) as refusal:
        import_package(package, tmp_path)
    assert str(package) in refusal.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["model.nequip.zip"]


def test_several_models_and_newer_formats_are_refused(tmp_path):
    network = stock_network()
    two = write_package(tmp_path / "two.nequip.zip", {"one": network, "other": network})
    with pytest.raises(IncompatibleModelError, match="found one, other"):
        import_package(two, tmp_path)
    newer = write_package(
        tmp_path / "newer.nequip.zip", {"sole_model": network}, package_version_id=3
    )
    with pytest.raises(IncompatibleModelError, match="format 3"):
        import_package(newer, tmp_path)


def test_parts_that_are_not_what_the_builder_makes_are_refused(tmp_path):
    network = stock_network()
    norm = network.model.func.layer1_convnet.conv.avg_num_neighbors_norm
    norm.norm_const *= 1.1
    package = write_package(tmp_path / "model.nequip.zip", {"sole_model": network})
    with pytest.raises(IncompatibleModelError, match=r"layer1_convnet\S+norm_const differs"):
        import_package(package, tmp_path)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    network = stock_network()
    with torch.no_grad():
        network.model.func.layer1_convnet.conv.sc.weight[3] = np.nan
    package = write_package(tmp_path / "model.nequip.zip", {"sole_model": network})
    with pytest.raises(ModelError, match=r"not finite: layer1_convnet.conv.sc.weight"):
        import_package(package, tmp_path)
