"""The lines to copy fit what a model can do."""

from __future__ import annotations

import pytest

from hub.site.building import build_site


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("c-nep-pretrained", {"pull", "finetune", "python", "ase", "lammps"}),
        ("sevennet-0", {"pull", "finetune", "python", "ase"}),
        ("chgnet-0.3.0", {"pull", "label", "python", "ase"}),
        ("c-pbe-examples", {"pull", "finetune", "python", "ase", "export"}),
    ],
)
def test_only_what_a_version_can_do_is_shown(site, name, keys) -> None:
    page = site / "versions" / "builtin" / name / "1.0.0.html"
    text = page.read_text(encoding="utf-8")
    every = {"pull", "finetune", "label", "python", "ase", "lammps", "export"}
    assert {key for key in every if f'id="tab-{key}"' in text} == keys


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The catalogue of what is built in."""
    out = tmp_path_factory.mktemp("site") / "out"
    build_site(out, registries=["builtin"], structures=1)
    return out
