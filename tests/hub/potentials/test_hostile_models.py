"""Whatever stands in a model's files, they load to what was written or are refused, and soon."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.errors import HubError, ModelError, TrainingError
from hub.potentials.architectures import new_config, read_architecture, read_config
from hub.potentials.directory import read_model
from hub.potentials.nequip.onehot import OneHot
from hub.potentials.probe import predict_probe, probe_structures, read_probe, write_probe
from tests.hub.potentials.small import SMALL, random_model
from tests.mutations import mutated, mutated_json, outcome

SOON = settings(
    deadline=timedelta(seconds=10), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CONFIG = json.loads(SMALL.to_json())
CHOSEN = {name: CONFIG[name] for name in OneHot.settings}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("model")


@pytest.fixture(scope="module")
def probe(folder):
    model = random_model()
    write_probe(folder / "probe.json", predict_probe(model, probe_structures(("C", "H"))))
    return json.loads((folder / "probe.json").read_bytes())


@SOON
@given(data=mutated_json(CONFIG))
def test_any_configuration_is_read_or_refused(folder, data):
    (folder / "config.json").write_bytes(data)
    config = outcome(lambda: read_config(folder), HubError, folder / "config.json")
    assert config is None or json.loads(config.to_json()) == json.loads(data)


@SOON
@given(content=mutated(CHOSEN), data=mutated_json(CHOSEN))
def test_any_architecture_is_taken_or_refused(folder, content, data):
    (folder / "m.json").write_bytes(data)
    config = outcome(lambda: new_config(content, ("C",), "m.json"), TrainingError, "m.json")
    assert config is None or vars(config).items() >= content.items()
    chosen = outcome(lambda: read_architecture(folder / "m.json"), TrainingError, "m.json")
    assert chosen is None or set(chosen) <= {"architecture", *OneHot.settings}


@SOON
@given(data=st.data())
def test_any_probe_is_read_or_refused(folder, probe, data):
    path, again = folder / "probe.json", folder / "again.json"
    path.write_bytes(data.draw(mutated_json(probe)))
    found = outcome(lambda: read_probe(path), HubError, path)
    if found is not None:
        write_probe(again, found)
        assert json.loads(again.read_bytes()) == json.loads(path.read_bytes())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"num_layers": 1000}, "'num_layers': expected `int` <= 12"),
        ({"radial_mlp_depth": 10_000_000}, "'radial_mlp_depth': expected `int` <= 10"),
        ({"r_max": 1000}, "'r_max': expected `float` <= 20"),
        ({"num_features": 100_000}, "'num_features': expected `int` <= 1024"),
        ({"l_max": 50}, "'l_max': expected `int` <= 6"),
        ({"num_features": 1024, "num_layers": 12, "l_max": 6}, "too many weights"),
        ({"avg_num_neighbors": 0}, "'avg_num_neighbors': expected `float` > 0"),
        ({"avg_num_neighbors": float("nan")}, "NaN is not a finite number"),
        ({"units": CONFIG["units"] | {"energy": "kcal/mol"}}, "'units.energy': invalid enum value"),
        ({"units": {}}, "'units': object missing required field"),
        ({"type_names": ["C", "Xx"]}, "'type_names[1]': invalid enum value 'Xx'"),
        ({"type_names": ["C", "C"]}, "duplicate element"),
        ({"type_names": []}, "'type_names'"),
        ({"parity": 1}, "'parity': expected `bool`"),
        ({"num_layer": 3}, "unknown field `num_layer`"),
    ],
)
def test_what_no_model_can_have_is_named(random_directory, tmp_path, change, what):
    directory = shutil.copytree(random_directory, tmp_path / "model")
    (directory / "config.json").write_text(json.dumps(CONFIG | change))
    with pytest.raises(ModelError) as refusal:
        read_model(directory)
    assert "config.json is corrupted" in refusal.value.message
    assert what in refusal.value.message


def test_a_missing_field_takes_no_default(tmp_path):
    content = {key: value for key, value in CONFIG.items() if key != "polynomial_cutoff_p"}
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match="missing required field `polynomial_cutoff_p`"):
        read_config(tmp_path)


def test_a_probe_in_other_units_is_refused(folder, probe):
    probe = probe | {"units": {"energy": "kcal/mol", "forces": "eV/Å"}}
    (folder / "probe.json").write_text(json.dumps(probe))
    with pytest.raises(ModelError, match=r"'units\.energy': invalid enum value 'kcal/mol'"):
        read_probe(folder / "probe.json")
