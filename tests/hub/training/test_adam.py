"""Our Adam takes the steps of PyTorch's, and each resumes from the other's state."""

from __future__ import annotations

import copy

import pytest
import torch

from hub.training.adam import Adam

SHAPES = ((3, 4), (5,), (2, 2))


def parameters(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.nn.Parameter(torch.randn(shape, dtype=dtype, generator=generator)) for shape in SHAPES
    ]


def take_steps(parameters, optimizer, seed, n_steps=4):
    """Take steps with random gradients; the last parameter has one only in the second step."""
    generator = torch.Generator().manual_seed(seed)
    for step in range(n_steps):
        optimizer.zero_grad()
        for parameter in parameters[: 3 if step == 1 else 2]:
            parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
        optimizer.step()


def same(some, others) -> bool:
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("is_fused", [False, True])
def test_the_steps_are_those_of_torch(dtype, is_fused):
    ours, theirs = parameters(dtype), parameters(dtype)
    one = Adam(ours, 0.01, is_fused=is_fused)
    other = torch.optim.Adam(theirs, lr=0.01, fused=is_fused or None)
    take_steps(ours, one, 1)
    take_steps(theirs, other, 1)
    one.rate = other.param_groups[0]["lr"] = 0.003
    take_steps(ours, one, 2)
    take_steps(theirs, other, 2)
    assert same(ours, theirs)
    made, known = one.state_dict(), other.state_dict()
    assert made["state"].keys() == known["state"].keys() == {0, 1, 2}
    for number, values in known["state"].items():
        assert list(made["state"][number]) == list(values)
        assert same(made["state"][number].values(), values.values())
    (settings,), (expected,) = made["param_groups"], known["param_groups"]
    assert settings == {name: expected[name] for name in settings}


@pytest.mark.parametrize("is_ours", [True, False])
def test_each_resumes_from_the_state_of_the_other(is_ours):
    def new(values, *, is_ours):
        return Adam(values, 1.0) if is_ours else torch.optim.Adam(values, lr=1.0)

    begun = parameters()
    first = new(begun, is_ours=is_ours)
    take_steps(begun, first, 1)
    state = copy.deepcopy(first.state_dict())
    resumed = copy.deepcopy(begun)
    second = new(resumed, is_ours=not is_ours)
    second.load_state_dict(copy.deepcopy(state))
    take_steps(begun, first, 2)
    take_steps(resumed, second, 2)
    assert same(begun, resumed)


def test_a_loaded_state_is_a_copy():
    values = parameters()
    optimizer = Adam(values, 0.01)
    take_steps(values, optimizer, 1)
    state = copy.deepcopy(optimizer.state_dict())
    kept = copy.deepcopy(state)
    optimizer.load_state_dict(state)
    take_steps(values, optimizer, 2)
    assert same(state["state"][0].values(), kept["state"][0].values())


def test_a_step_can_be_skipped_on_the_device():
    values, reference = parameters(), parameters()
    optimizer = Adam(values, 0.01, is_fused=True)
    for value in values:
        value.grad = torch.full_like(value, torch.inf)
    optimizer.step(skip=torch.ones(()))
    assert same(values, reference)
    assert all(float(state["step"]) == 0 for state in optimizer.state.values())


@pytest.mark.parametrize("change", ["groups", "parameters", "number", "shape", "moment"])
def test_the_state_of_other_parameters_is_refused(change):
    values = parameters()
    optimizer = Adam(values, 0.01)
    take_steps(values, optimizer, 1)
    state = copy.deepcopy(optimizer.state_dict())
    match change:
        case "groups":
            state["param_groups"] *= 2
        case "parameters":
            state["param_groups"][0]["params"].append(3)
        case "number":
            state["state"][3] = state["state"][0]
        case "shape":
            state["state"][0]["exp_avg"] = torch.zeros(4, 3)
        case "moment":
            del state["state"][1]["exp_avg_sq"]
    with pytest.raises((ValueError, KeyError)):
        Adam(parameters(), 0.01).load_state_dict(state)
