"""The scales are found that the data were made with; where there are none, that is said."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from hub.alchemy.models import transmute_model
from hub.alchemy.plot import plot_search
from hub.alchemy.search import Request, Search, search_transmutation
from hub.alchemy.transmutation import Transmutation
from hub.errors import AlchemyError
from hub.potentials.probe import predict_probe
from hub.structures import StructureSet
from registry.documents import fit_whole
from tests.hub.potentials.small import random_model

TRUE = Transmutation((("C", "Si"),), 1.5, 0.3)


@pytest.fixture(scope="module")
def model():
    return random_model()


def silicon(count: int) -> list:
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(count):
        atoms = bulk("Si", cubic=True)
        atoms.set_cell(atoms.cell @ (np.eye(3) + 0.04 * rng.normal(size=(3, 3))), scale_atoms=True)
        atoms.positions += 0.12 * rng.normal(size=(8, 3))
        frames.append(atoms)
    return frames


def labelled_by(model, frames) -> StructureSet:
    """Label by a model, with an energy zero of the data's own."""
    probe = predict_probe(model, frames)
    for atoms, energy, forces in zip(frames, probe.energies, probe.forces, strict=True):
        atoms.calc = SinglePointCalculator(atoms, energy=energy - 4.2 * len(atoms), forces=forces)
    return StructureSet.from_atoms(frames)


@pytest.fixture(scope="module")
def data(model):
    return labelled_by(transmute_model(model, TRUE), silicon(12))


def test_the_scales_of_the_data_are_found(model, data, tmp_path):
    """Of both types, carbon is the one that the data were made of."""
    told = []
    search = search_transmutation(
        model, data, Request.parse("auto"), lambda *numbers: told.append(numbers)
    )
    chosen = search.chosen.transmutation
    assert chosen.pairs == (("C", "Si"),)
    assert chosen.scale == pytest.approx(TRUE.scale, rel=0.006)
    assert chosen.energy_scale == pytest.approx(TRUE.energy_scale, rel=0.1)
    assert search.chosen.unexplained < 0.2
    assert search.chosen.agreement > 0.97
    assert search.neighbours < search.chosen.neighbours
    assert told
    assert fit_whole(json.loads(json.dumps(search.to_json())), Search) == search
    plot_search(tmp_path / "search.png", search)
    assert (tmp_path / "search.png").read_bytes().startswith(b"\x89PNG")


def test_at_a_given_scale_the_energy_scale_is_found(model, data):
    search = search_transmutation(model, data, Request.parse("1.5", "C=Si"))
    assert search.chosen.transmutation.energy_scale == pytest.approx(TRUE.energy_scale, rel=1e-4)
    assert search.chosen.unexplained < 1e-3
    assert len(search.trials) == 1


def test_absurd_labels_do_not_change_it(model, data):
    energies, forces = data.energies.copy(), data.forces.copy()
    energies[3] += 500
    forces[data.atoms_of(7)] *= 50
    energies[5] = np.nan
    forces[data.atoms_of(6)] = np.nan
    spoilt = labelled_by(transmute_model(model, TRUE), silicon(12))
    spoilt = type(spoilt)(**{**vars_of(spoilt), "energies": energies, "forces": forces})
    search = search_transmutation(model, spoilt, Request.parse("1.5", "C=Si"))
    assert search.chosen.transmutation.energy_scale == pytest.approx(TRUE.energy_scale, rel=1e-3)


def vars_of(structures):
    return {name: getattr(structures, name) for name in StructureSet.__dataclass_fields__}


def test_both_scales_are_taken_as_given(model, data):
    search = search_transmutation(model, data, Request.parse("1.4,2.0", "C=Si"))
    assert search.chosen.transmutation == Transmutation((("C", "Si"),), 1.4, 2.0)
    assert "unexplained" in search.warnings[0]


def test_forces_that_a_model_knows_nothing_of_are_refused(model, data):
    shuffled = np.random.default_rng(1).permutation(data.forces)
    energies = np.random.default_rng(2).permutation(data.energies)
    strange = type(data)(**{**vars_of(data), "forces": shuffled, "energies": energies})
    with pytest.raises(AlchemyError, match=r"does not describe these structures of Si") as refused:
        search_transmutation(model, strange, Request.parse("auto", "C=Si"))
    assert "--alchemical SCALE,ENERGY_SCALE" in refused.value.hint


def test_more_elements_than_types_need_a_map(model):
    compound = [bulk("SiC", "zincblende", a=4.36, cubic=True) for _ in range(3)]
    compound[0].symbols = ["Si", "C", "Ge", "C"] * 2
    structures = StructureSet.from_atoms(compound)
    with pytest.raises(AlchemyError, match="no ways to assign each element its own type") as no:
        search_transmutation(model, structures, Request.parse("auto"))
    assert "--element-map C=C,C=Ge,C=Si" in no.value.hint


def test_isolated_atoms_tell_nothing(model):
    alone = [Atoms("Si", cell=[10, 10, 10], pbc=True) for _ in range(2)]
    structures = StructureSet.from_atoms(alone)
    with pytest.raises(AlchemyError, match="there are only isolated atoms"):
        search_transmutation(model, structures, Request.parse("auto"))
