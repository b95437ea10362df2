"""Configurations of SevenNet: read without sevenn, and refused where no model can have them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hub.errors import ModelError, TrainingError
from hub.potentials.architectures import new_config, read_config
from hub.potentials.sevennet import SevenNet
from tests.hub.potentials.sevennet.test_potential import SMALL

CONTENT = json.loads(SMALL.to_json())


def test_neither_torch_nor_sevenn_is_needed_to_know_it():
    code = (
        "import sys, hub.potentials.sevennet; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'sevenn', 'e3nn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_written_and_read_it_is_the_same(tmp_path):
    (tmp_path / "config.json").write_text(SMALL.to_json())
    assert read_config(tmp_path) == SMALL


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"num_layers": 0}, "num_layers"),
        ({"num_layers": 1000}, "num_layers"),
        ({"num_layers": True}, "num_layers"),
        ({"channels": []}, "channels"),
        ({"channels": [0]}, "channels"),
        ({"channels": [1, 8]}, "channels"),
        ({"channels": [8, 4096]}, "channels"),
        ({"channels": [1] * 8}, "channels"),
        ({"channels": "128x0e"}, "channels"),
        ({"num_bessels": 10**9}, "num_bessels"),
        ({"polynomial_cutoff_p": 0}, "polynomial_cutoff_p"),
        ({"xplor_start": 3.5}, "xplor_start"),
        ({"xplor_start": -1.0}, "xplor_start"),
        ({"radial_mlp_depth": 0}, "radial_mlp_depth"),
        ({"radial_mlp_width": 1 << 20}, "radial_mlp_width"),
        ({"r_max": 1e300}, "r_max"),
        ({"avg_num_neighbors": 0}, "avg_num_neighbors"),
        ({"type_names": ["Na", "Na"]}, "type_names"),
        ({"type_names": ["Na", "X"]}, "type_names"),
        ({"num_layers": 12, "channels": [1024] * 7}, "weights"),
        ({"use_flash_tp": True}, "use_flash_tp"),
    ],
)
def test_what_no_model_can_have_is_refused(tmp_path, changes, field):
    (tmp_path / "config.json").write_text(json.dumps(CONTENT | changes))
    with pytest.raises(ModelError, match="is corrupted") as failure:
        read_config(tmp_path)
    assert field in failure.value.message


@pytest.mark.parametrize("field", sorted(set(CONTENT) - {"architecture", "format"}))
def test_every_field_is_needed(tmp_path, field):
    (tmp_path / "config.json").write_text(
        json.dumps({name: value for name, value in CONTENT.items() if name != field})
    )
    with pytest.raises(ModelError, match=f"missing required field `{field}`"):
        read_config(tmp_path)


def test_people_choose_settings():
    chosen = {"architecture": "sevennet", "channels": [16, 8, 4], "r_max": 5.0, "xplor_start": 4.5}
    config = new_config(chosen, ("Mo", "C"), "m.json")
    assert (config.channels, config.r_max, config.xplor_start) == ((16, 8, 4), 5.0, 4.5)
    assert set(SevenNet.settings) <= set(CONTENT)
    with pytest.raises(TrainingError, match="unknown setting 'avg_num_neighbors'"):
        new_config({**chosen, "avg_num_neighbors": 3.0}, ("Mo",), "m.json")
    with pytest.raises(TrainingError, match="xplor_start"):
        new_config({**chosen, "r_max": 4.0}, ("Mo",), "m.json")
