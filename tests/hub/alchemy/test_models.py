"""A model carried to other elements computes E'(x') = eps E(x'/s), and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hub.alchemy.models import transmute_model
from hub.alchemy.transmutation import Transmutation
from hub.errors import AlchemyError, ModelError
from hub.potentials.batches import collate
from hub.potentials.directory import read_model, write_model
from hub.structures.graphs import build_graph
from tests.hub.potentials.small import SMALL, hydrocarbon, random_model

TO_SILICON = Transmutation((("C", "Si"), ("H", "Cl")), 1.52, 0.25)


def predict(model, atoms):
    output = model(collate([build_graph(atoms, model.elements, model.cutoff)]))
    return [x.detach().numpy() for x in (output.energies, output.forces, output.stresses)]


def scaled(atoms, scale, new):
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell * scale, scale_atoms=True)
    atoms.symbols = [new[symbol] for symbol in atoms.symbols]
    return atoms


@pytest.mark.parametrize(
    "transmutation",
    [
        TO_SILICON,
        Transmutation((("H", "C"), ("C", "H")), 0.7, 3.0),
        Transmutation((("C", "Ge"), ("H", "Si")), 1.0, 1.0),
    ],
)
def test_energies_forces_and_stresses_are_those_of_the_scaled_structure(transmutation):
    model = random_model()
    model.set_energy_scales(1.7)
    made = transmute_model(model, transmutation)
    assert made.cutoff == SMALL.r_max * transmutation.scale
    assert made.config.avg_num_neighbors == SMALL.avg_num_neighbors
    atoms = hydrocarbon()
    expected = predict(model, atoms)
    image = scaled(atoms, transmutation.scale, transmutation.new_of(["C", "H"]))
    found = predict(made, image)
    s, eps = transmutation.scale, transmutation.energy_scale
    for one, other, factor in zip(found, expected, (eps, eps / s, eps / s**3), strict=True):
        assert np.abs(other).max() > 1e-3
        np.testing.assert_allclose(one, factor * other, rtol=1e-10, atol=1e-12)


def test_the_old_model_stays_as_it_was():
    model = random_model()
    before = {name: value.clone() for name, value in model.weights().items()}
    transmute_model(model, TO_SILICON)
    assert all(torch.equal(value, before[name]) for name, value in model.weights().items())


def test_one_type_becomes_several_elements_and_others_are_left_out():
    model = random_model()
    carbide = Transmutation((("C", "Si"), ("C", "C"), ("C", "Ge")), 1.2, 0.5)
    made = transmute_model(model, carbide)
    assert made.elements == ("Si", "C", "Ge")
    atoms = hydrocarbon()
    atoms.symbols = "C16"
    mixed = scaled(atoms, 1.2, {"C": "C"})
    mixed.symbols = ["Si", "C", "Ge", "Si"] * 4
    expected, found = predict(model, atoms), predict(made, mixed)
    np.testing.assert_allclose(found[0], 0.5 * expected[0], rtol=1e-10)
    np.testing.assert_allclose(found[1], 0.5 / 1.2 * expected[1], atol=1e-12)


def test_two_types_cannot_become_one_element():
    with pytest.raises(AlchemyError, match="Si is mapped to more than one element"):
        transmute_model(random_model(), Transmutation((("C", "Si"), ("H", "Si")), 1.5))


def test_written_and_read_it_is_the_same(tmp_path):
    made = transmute_model(random_model(), TO_SILICON)
    write_model(tmp_path, made)
    again = read_model(tmp_path, dtype=torch.float32)
    assert again.config == made.config
    atoms = scaled(hydrocarbon(), 1.52, TO_SILICON.new_of(["C", "H"]))
    np.testing.assert_allclose(predict(again, atoms)[1], predict(made, atoms)[1], atol=1e-4)


def test_single_precision_stays_single():
    made = transmute_model(random_model(dtype=torch.float32), TO_SILICON)
    assert made.dtype == torch.float32


def test_back_again_is_the_same_function():
    model, atoms = random_model(), hydrocarbon()
    back = transmute_model(transmute_model(model, TO_SILICON), TO_SILICON.inverse())
    assert back.elements == SMALL.type_names
    assert back.cutoff == pytest.approx(SMALL.r_max, rel=1e-14)
    for one, other in zip(predict(back, atoms), predict(model, atoms), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_a_model_that_computes_in_another_way_is_refused():
    """As a release of NequIP would whose lengths enter elsewhere too."""
    model = random_model()
    model.energy_network.get_submodule("factor").factor *= 1.01
    with pytest.raises(ModelError, match="does not match the scaled original: errors of"):
        transmute_model(model, TO_SILICON)
