"""CHGNet and TensorNet compute what their own programs compute; other files are refused."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule

from hub.errors import ModelError
from hub.potentials import load_model
from hub.potentials.ase_calculator import ModelCalculator
from hub.potentials.card_facts import ModelFacts
from registry.cards import builtin_cards
from registry.documents import fit
from tests.hub.potentials.sevennet.test_conversion import sheared

NAMES = ("chgnet-0.3.0", "chgnet-r2scan", "tensornet-matpes-pbe")
CARDS = builtin_cards()


def ethanol():
    atoms = molecule("CH3CH2OH")
    atoms.center(vacuum=8)
    atoms.pbc = True
    return atoms


STRUCTURES = [
    sheared(bulk("Mo", cubic=True).repeat((2, 1, 1)), 1),
    sheared(bulk("NaCl", "rocksalt", a=5.6, cubic=True), 2),
    bulk("Cu"),  # one atom, which is its own neighbour
    ethanol(),
]


def source(name, shared):
    card = CARDS[name]
    if name.startswith("chgnet"):
        pytest.importorskip("chgnet", reason="needs mlip-hub[chgnet]")
        return card.source.find(name)
    pytest.importorskip("matgl", reason="needs mlip-hub[matgl]")
    return shared / "upstream" / card.source.mirror_path


def converted(name, path):
    if name.startswith("chgnet"):
        from hub.potentials.chgnet.importing import convert
    else:
        from hub.potentials.tensornet.importing import convert
    return convert(path, fit(CARDS[name].front_matter["model"], ModelFacts)).eval()


def own_calculator(name, path):
    if name.startswith("chgnet"):
        from chgnet.model import CHGNet
        from chgnet.model.dynamics import CHGNetCalculator

        model = CHGNet.load(model_name=name.removeprefix("chgnet-"), use_device="cpu")
        return CHGNetCalculator(model, use_device="cpu")
    import matgl
    from matgl.ext.ase import PESCalculator

    return PESCalculator(matgl.load_model(path.parent), stress_unit="eV/A3")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_predictions_are_those_of_its_own_calculator(name, shared):
    path = source(name, shared)
    mine, own = ModelCalculator(converted(name, path)), own_calculator(name, path)
    for structure in STRUCTURES:
        one, other = structure.copy(), structure.copy()
        one.calc, other.calc = mine, own
        energy = other.get_potential_energy()
        assert one.get_potential_energy() == pytest.approx(energy, abs=5e-6 * len(one)), one
        assert np.allclose(one.get_forces(), other.get_forces(), rtol=0, atol=2e-4), one
        assert np.allclose(one.get_stress(), other.get_stress(), rtol=0, atol=2e-6), one


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_pulled_checked_and_read_again(name, shared, mirror):
    path = source(name, shared)
    loaded = load_model(name)
    stated = CARDS[name].front_matter["model"]
    assert loaded.elements == tuple(stated["elements"])
    assert loaded.cutoff == stated["cutoff"]
    assert stated["architecture"]["name"] == loaded.config.architecture
    count = sum(value.numel() for value in loaded.parameters())
    assert stated["parameters"]["converted"] == count
    expected = converted(name, path).weights()
    assert all(torch.equal(value, expected[key]) for key, value in loaded.weights().items())
    assert not any(value.requires_grad for value in loaded.parameters())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", ["truncated", "other", "code"])
def test_other_files_are_refused_and_not_executed(name, damage, shared, tmp_path):
    path = tmp_path / source(name, shared).name
    if damage == "truncated":
        path.write_bytes(source(name, shared).read_bytes()[:-1000])
    elif damage == "other":
        torch.save({"model": {"model_args": {}, "state_dict": {}}}, path)
    else:
        torch.save(Executed(tmp_path / "executed"), path)
    with pytest.raises(ModelError, match="that this release supports"):
        converted(name, path)
    assert not (tmp_path / "executed").exists()


class Executed:
    """Creates a file if it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_angles_are_all_pairs_of_short_edges_of_an_atom():
    pytest.importorskip("chgnet", reason="needs mlip-hub[chgnet]")
    from hub.potentials.chgnet.potential import find_angles

    rng = np.random.default_rng(0)
    for pairs in (0, 1, 7, 20):
        ends = torch.tensor(rng.integers(0, 4, (2, pairs)))
        short = torch.tensor(rng.random(pairs) < 0.6)
        centres = torch.cat([ends[0], ends[1]])
        one, other = find_angles(centres, short)
        expected = {
            (a, b)
            for a, b in itertools.permutations(range(2 * pairs), 2)
            if short[a % pairs] and short[b % pairs] and centres[a] == centres[b]
        }
        found = list(zip(one.tolist(), other.tolist(), strict=True))
        assert len(found) == len(set(found))
        assert set(found) == expected


@pytest.mark.parametrize("name", ["chgnet", "tensornet"])
def test_neither_torch_nor_its_package_is_needed_to_know_it(name):
    code = (
        f"import sys, hub.potentials.{name}; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'chgnet', 'matgl', 'pymatgen')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
