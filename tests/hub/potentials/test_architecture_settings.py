"""The settings of an architecture that people write."""

from __future__ import annotations

import json
import re
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import TrainingError
from hub.potentials.architectures import new_config, read_architecture
from hub.potentials.building import build_potential
from hub.potentials.nequip.onehot import OneHotConfig

FROM_DATA = {"type_names", "avg_num_neighbors", "energy_reference", "architecture", "units"}
WRITTEN = {
    "r_max": 3.5, "num_layers": 2, "num_features": 2, "l_max": 0, "parity": False,
    "num_bessels": 3, "polynomial_cutoff_p": 5, "radial_mlp_depth": 2, "radial_mlp_width": 3,
    "readout_width": 4,
}  # fmt: skip


def test_all_settings_are_known_and_build_a_model(tmp_path) -> None:
    assert {item.name for item in fields(OneHotConfig)} == {*WRITTEN, *FROM_DATA, "format"}
    path = tmp_path / "model.json"
    path.write_text(json.dumps(WRITTEN))
    config = OneHotConfig(
        ("C",), avg_num_neighbors=9.0, energy_reference="", **read_architecture(path)
    )
    fewest = n_weights(config)
    published = OneHotConfig(("C",), 4.0, 9.0, "")
    assert fewest < n_weights(published)


def n_weights(config):
    potential = build_potential(config)
    return sum(value.numel() for value in potential.parameters())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "Expected `object`"),
        ({"layers": 3}, "unknown setting 'layers'"),
        ({"type_names": ["C"]}, "unknown setting 'type_names'"),
        ({"num_layers": 0}, "'num_layers': expected `int` >= 1"),
        ({"num_layers": True}, "'num_layers': expected `int`, got `bool`"),
        ({"num_layers": 1000}, "'num_layers': expected `int` <= 12"),
        ({"radial_mlp_depth": 10_000_000}, "'radial_mlp_depth': expected `int` <= 10"),
        ({"num_features": 1024, "num_layers": 12, "l_max": 6}, "about 176,160,768"),
        ({"num_features": 8.0}, "'num_features': expected `int`, got `float`"),
        ({"parity": 1}, "'parity': expected `bool`, got `int`"),
        ({"r_max": "4"}, "'r_max': expected `float`, got `str`"),
        ({"r_max": 1000}, r"'r_max': expected `float` <= 20\.0"),
        ({"r_max": 0}, r"'r_max': expected `float` >= 0\.1"),
        ({"r_max": float("nan")}, "nan is not a finite number"),
        ({"r_max": float("inf")}, "inf is not a finite number"),
    ],
)
def test_others_are_refused(content, message) -> None:
    with pytest.raises(TrainingError, match=message) as refusal:
        new_config(content, ("C",), "m.json")
    assert refusal.value.message.startswith("m.json ")
    assert refusal.value.hint


def test_numbers_are_of_their_kind() -> None:
    config = new_config({"r_max": 4, "num_layers": 3}, ("C",), "m.json")
    assert [type(config.r_max), type(config.num_layers)] == [float, int]


@given(st.binary() | st.text().map(lambda text: text.encode()))
def test_rubbish_is_refused(tmp_path_factory, rubbish) -> None:
    path = tmp_path_factory.mktemp("rubbish") / "m.json"
    path.write_bytes(rubbish)
    with pytest.raises(TrainingError, match=re.escape(str(path))):
        read_architecture(path)
