"""Which gradients a compiled network forms, and who may ask for them, when and where."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from io import BytesIO

import pytest
import torch

from hub.errors import DataError, IncompatibleModelError
from tests.hub.potentials.nequip.configurations import batch, built, compiled

LOSSES = {
    "energies": lambda output: output.energies.square().sum(),
    "forces": lambda output: output.forces.square().sum(),
    "stresses": lambda output: 1e3 * output.stresses[[0, 3]].square().sum(),
    "features": lambda output: output.features.square().sum(),
}


@pytest.fixture(scope="module")
def given():
    return batch(built("stock").config)


@pytest.fixture
def model():
    return compiled("stock").train()


def gradients(model):
    return {
        name: value.grad.clone()
        for name, value in model.energy_network.named_parameters()
        if value.grad is not None
    }


def backward(model, loss):
    """Return the gradients of a loss by all parameters that it depends on."""
    model.zero_grad()
    loss.backward()
    return gradients(model)


def require_equal(found, expected, tolerance=1e-10):
    assert set(found) == set(expected)
    scale = max(float(each.abs().max()) for each in expected.values())
    assert scale > 1e-6
    for name, value in expected.items():
        assert float((found[name] - value).abs().max()) < tolerance * scale, name


def without_zeros(gradients):
    return {name: value for name, value in gradients.items() if value.abs().max() > 0}


@pytest.mark.parametrize("name", LOSSES)
def test_one_term_alone(name, model, given):
    stock = built("stock").train()
    expected = without_zeros(backward(stock, LOSSES[name](stock(given))))
    found = without_zeros(backward(model, LOSSES[name](model(given))))
    require_equal(found, expected)


@pytest.mark.parametrize("is_training", [True, False])
def test_forces_are_the_gradient_of_the_energy(is_training, model, given):
    model.train(is_training)
    positions, cells = given.positions.clone(), given.cells.clone()
    strain = torch.zeros(5, 3, 3, dtype=torch.float64)
    for each in (0, 3):
        strain[each, 0, 1] = strain[each, 1, 0] = 1e-5
    ends = []
    for sign in (1, -1):
        stretch = torch.eye(3, dtype=torch.float64) + sign * strain
        moved = (positions[:, None] @ stretch[given.structure]).squeeze(1)
        ends.append(model(replace(given, positions=moved, cells=cells @ stretch)).energies)
    numerical = (ends[0] - ends[1]).detach() / 2e-5 / torch.linalg.det(cells).abs()
    expected = 2 * model(given).stresses[:, 0, 1].detach()
    assert expected[0].abs() > 1e-4
    assert torch.allclose(expected[[0, 3]], numerical[[0, 3]], rtol=1e-5, atol=1e-9)


def test_positions_and_cells_may_require_gradients(model, given):
    positions = given.positions.clone().requires_grad_()
    cells = given.cells.clone().requires_grad_()
    output = model(replace(given, positions=positions, cells=cells))
    found = torch.autograd.grad(output.energies.sum(), positions, retain_graph=True)[0]
    assert torch.allclose(-found, output.forces, atol=1e-12)
    stock = built("stock").train()
    other = stock(replace(given, positions=positions, cells=cells))
    pairs = []
    for one in (output, other):
        loss = LOSSES["forces"](one) + LOSSES["energies"](one) + LOSSES["stresses"](one)
        pairs.append(torch.autograd.grad(loss, positions)[0])
    assert pairs[1].abs().max() > 0.1
    assert torch.allclose(*pairs, rtol=1e-9, atol=1e-9)


def test_gradients_by_cells(model, given):
    """Of the energy, and of forces: checked by finite differences, as NequIP strains the cell."""
    cells = given.cells.clone().requires_grad_()
    output = model(replace(given, cells=cells))
    loss = output.energies.sum() + output.forces.square().sum()
    (found,) = torch.autograd.grad(loss, cells)
    ends = []
    for sign in (1, -1):
        moved = given.cells.clone()
        moved[0, 1, 2] += sign * 1e-5
        output = model(replace(given, cells=moved))
        ends.append(float((output.energies.sum() + output.forces.square().sum()).detach()))
    assert float(found[0, 1, 2]) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


def test_second_derivatives_by_positions(model, given):
    """A row of the Hessian; a third derivative is refused, not wrong."""
    positions = given.positions.clone().requires_grad_()
    output = model(replace(given, positions=positions))
    (row,) = torch.autograd.grad(output.forces[0, 0], positions, create_graph=True)
    ends = []
    for sign in (1, -1):
        moved = given.positions.clone()
        moved[1, 2] += sign * 1e-5
        ends.append(float(model(replace(given, positions=moved)).forces[0, 0].detach()))
    assert float(row[1, 2].detach()) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        row.sum().backward()


def test_gradients_in_between_change_nothing(model, given):
    """A user's own gradients, hooks that look at what passes, and other batches."""
    expected = backward(model, LOSSES["forces"](model(given)) + LOSSES["energies"](model(given)))
    seen = []
    parameters = dict(model.energy_network.named_parameters())
    handles = [each.register_hook(seen.append) for each in parameters.values()]
    positions = given.positions.clone().requires_grad_()
    output = model(replace(given, positions=positions))
    output.forces.register_hook(seen.append)
    output.energies.register_hook(seen.append)
    (pull,) = torch.autograd.grad(output.energies.sum(), positions, create_graph=True)
    weights = list(parameters.values())
    torch.autograd.grad(pull.square().sum(), weights, retain_graph=True, allow_unused=True)
    model.eval()(given)
    model.train()
    seen.clear()
    found = backward(model, LOSSES["forces"](output) + LOSSES["energies"](output))
    for handle in handles:
        handle.remove()
    assert len(seen) >= len(found)
    require_equal(found, expected)


def test_a_users_own_gradients_are_those_of_the_network(model, given):
    """Without the network's forces: the gradient of the energies that its caller forms."""
    positions = given.positions.clone().requires_grad_()
    output = model(replace(given, positions=positions))
    (pull,) = torch.autograd.grad(output.energies.sum(), positions, create_graph=True)
    found = without_zeros(backward(model, pull.square().sum()))
    expected = without_zeros(backward(model, LOSSES["forces"](model(given))))
    require_equal(found, expected)


def test_two_forward_passes_before_one_backward_pass(model, given):
    other = batch(model.config, seed=5)
    single = [backward(model, LOSSES["forces"](model(each))) for each in (given, other)]
    expected = {name: single[0][name] + single[1][name] for name in single[0]}
    both = [model(given), model(other)]
    require_equal(backward(model, sum(LOSSES["forces"](each) for each in both)), expected)
    model.zero_grad()
    for each in (given, other):
        LOSSES["forces"](model(each)).backward()
    require_equal(gradients(model), expected)


def test_frozen_parameters_have_no_gradients(model, given):
    expected = backward(model, LOSSES["forces"](model(given)))
    model.zero_grad()
    frozen = [name for name in expected if "layer1_" in name or name.startswith("type_embed")]
    for name, parameter in model.energy_network.named_parameters():
        parameter.requires_grad_(name not in frozen)
    found = backward(model, LOSSES["forces"](model(given)))
    require_equal(found, {name: each for name, each in expected.items() if name not in frozen})
    for parameter in model.parameters():
        parameter.requires_grad_(requires_grad=False)
    forces = [model.train(mode)(given).forces.detach() for mode in (True, False)]
    assert torch.allclose(*forces, atol=1e-14)


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients_predictions_are_constants(mode, is_training, model, given):
    expected = model.eval()(given)
    model.train(is_training)
    with mode():
        made_inside = replace(given, positions=given.positions + 0.0, types=given.types + 0)
        outputs = [model(given), model(made_inside)]
    for output in outputs:
        for name in ("energies", "forces", "stresses", "atomic_energies", "features"):
            value = getattr(output, name)
            assert not value.requires_grad
            other = getattr(expected, name).detach()
            assert torch.allclose(value, other, rtol=1e-12, atol=1e-14, equal_nan=True)


@pytest.mark.parametrize(
    "copy",
    [
        deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: torch.load(saved(model), weights_only=False),
    ],
    ids=["deepcopy", "pickle", "save"],
)
def test_copies_are_independent(copy, model, given):
    expected = model(given).energies.detach()
    twin = copy(model)
    assert twin.training
    assert torch.equal(twin(given).energies.detach(), expected)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(1.5)
    assert not torch.equal(twin(given).energies.detach(), expected)
    assert torch.equal(model(given).energies.detach(), expected)


def saved(model) -> BytesIO:
    file = BytesIO()
    torch.save(model, file)
    file.seek(0)
    return file


def test_python_threads_share_a_model(model, given):
    def train(_):
        output = model(given)
        loss = LOSSES["forces"](output) + LOSSES["energies"](output)
        trained = list(model.energy_network.parameters())
        return torch.autograd.grad(loss, trained, allow_unused=True)

    expected = train(0)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(train, range(12)):
            for one, other in zip(found, expected, strict=True):
                assert one is other is None or torch.equal(one, other)


def _forces(model, given, sender=None):
    forces = model.eval()(given).forces.detach().numpy()
    if sender is not None:
        sender.send(forces)
    return forces


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_forked_processes_compute_the_same(model, given, monkeypatch):
    """The parent's kernels and its threads were used before."""
    monkeypatch.setattr("hub.potentials.kernels.parallel._FEWEST_PAIRS", 10)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        expected = _forces(model, given)
        torch.set_num_threads(1)
        assert expected == pytest.approx(_forces(model, given), abs=1e-12)
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        # torch's own threads do not survive a fork, so that the child computes with one.
        process = context.Process(target=_forces, args=(model, given, sender))
        process.start()
        assert receiver.poll(60)
        assert receiver.recv() == pytest.approx(expected, abs=1e-12)
        process.join(timeout=60)
        assert process.exitcode == 0
    finally:
        torch.set_num_threads(threads)


def test_spawned_processes_compute_the_same(model, given):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply_async(_forces, (model, given)).get(timeout=120)
    assert found == pytest.approx(_forces(model, given), abs=1e-12)


@pytest.mark.parametrize("device", ["meta", "cuda"])
def test_a_model_moved_elsewhere_is_refused(device, model, given):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    with pytest.raises(IncompatibleModelError, match=device) as raised:
        model.to(device)(given)
    assert f"device='{device}'" in raised.value.hint


def test_a_batch_elsewhere_is_refused(model, given):
    with pytest.raises(IncompatibleModelError, match="meta"):
        model(given.to("meta"))


@pytest.mark.parametrize("precision", [torch.float32, torch.float16])
def test_a_model_of_another_precision_is_refused(precision, model, given):
    with pytest.raises(IncompatibleModelError, match=f"converted to {precision}"):
        model.to(precision)(given)
    with pytest.raises(IncompatibleModelError, match="converted to"):
        compiled("stock", torch.float32).double()(given)


@pytest.mark.parametrize(
    ("name", "value"), [("edges", -1), ("edges", 999), ("types", -1), ("types", 2)]
)
def test_indices_of_nothing_are_refused(name, value, model, given):
    wrong = getattr(given, name).clone()
    wrong.view(-1)[3] = value
    with pytest.raises(DataError, match=f"found {value}"):
        model(replace(given, **{name: wrong}))
