"""The defaults that help texts name are those that a model is built with."""

import pytest

from hub.cli.distil import command as distil
from hub.cli.finetune import command as finetune
from hub.cli.pretrain import command as pretrain
from hub.cli.rank import command as rank
from hub.potentials.architectures import architecture_settings, new_config
from hub.studies.rank import student_settings

NAMES = {
    "layers": "num_layers", "features": "num_features", "l_max": "l_max", "cutoff": "r_max",
    "parity": "parity",
}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (finetune, architecture_settings),
        (pretrain, architecture_settings),
        (rank, student_settings),
        (distil, student_settings),
    ],
)
def test_the_help_names_the_default(command, settings):
    config = new_config(settings(), ("C",), "the architecture")
    shown = {each.name: each.show_default for each in command.params if each.name in NAMES}
    assert shown == {
        option: option if getattr(config, name) is True else f"{getattr(config, name):g}"
        for option, name in NAMES.items()
    }
