"""Convolutions computed by kernels are what they are by definition, derivatives included."""

from __future__ import annotations

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hub.potentials.kernels.convolution import convolve
from hub.potentials.kernels.pairs import find_pairs
from hub.potentials.kernels.passes import Pass
from tests.hub.potentials.kernels.reference import (
    Problem,
    as_tensors,
    derivatives,
    edge_lists,
    energy_of,
    product_of,
    products,
)

SMALL = product_of({(0, 1): 3, (1, -1): 5}, 1, 3)
# Two atoms that are neighbours of each other, images of both, an atom without neighbours.
EDGES, SHIFTS = as_tensors(
    [
        (1, 0, (0, 0, 0)), (0, 1, (0, 0, 0)), (0, 1, (0, 1, 0)), (1, 0, (0, -1, 0)),
        (0, 0, (1, 0, 0)), (0, 0, (-1, 0, 0)), (1, 1, (0, 0, 1)), (1, 1, (0, 0, -1)),
    ]
)  # fmt: skip


def worst(found, expected) -> float:
    """Return the largest difference in units of the largest number of its tensor."""
    assert len(found) == len(expected)
    errors = [0.0]
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        if one.numel():
            scale = max(float(other.detach().abs().max()), 1.0)
            errors.append(float((one - other).detach().abs().max()) / scale)
    return max(errors)


def small(dtype=torch.float64, **settings) -> Problem:
    return Problem.random(SMALL, EDGES, SHIFTS, 3, dtype, **settings)


# Not made smaller where they fail: each smaller one would have to be compiled.
@settings(max_examples=8, phases=[Phase.explicit, Phase.generate])
@given(product=products(), edges=edge_lists(4), may_join=st.booleans(), seed=st.integers(0, 99))
def test_values_and_two_derivatives_are_those_of_the_definition(product, edges, may_join, seed):
    problem = Problem.random(product, *edges, 4, may_join=may_join, seed=seed)
    found = derivatives(problem.compiled(), problem.inputs)
    expected = derivatives(problem.reference(), problem.inputs)
    assert worst(found, expected) < 1e-11


def test_degree_3_with_both_parities():
    kinds = {(n, p): 1 + n for n in range(4) for p in (1, -1)}
    problem = Problem.random(product_of(kinds, 3, 2), EDGES, SHIFTS, 3)
    assert worst(problem.compiled(), problem.reference()) < 1e-12
    gradients = [
        torch.autograd.grad(sum(each.square().sum() for each in messages), problem.inputs)
        for messages in (problem.compiled(), problem.reference())
    ]
    assert worst(*gradients) < 1e-12


@pytest.mark.parametrize("edges", [[], [(2, 0, (0, 0, 0))], [(1, 1, (0, 1, 0))]])
def test_hardly_any_neighbours(edges):
    problem = Problem.random(SMALL, *as_tensors(edges), 3)
    assert problem.pairs.ways == (1 if edges else 2)
    found = derivatives(problem.compiled(), problem.inputs)
    assert worst(found, derivatives(problem.reference(), problem.inputs)) < 1e-12
    alone = sorted({0, 1, 2} - {each[0] for each in edges})
    assert all((each[alone] == 0).all() for each in found[:2])


def test_single_precision():
    problem = small(torch.float32)
    found = derivatives(problem.compiled(), problem.inputs)
    assert {each.dtype for each in found} == {torch.float32}
    assert worst(found, derivatives(problem.reference(), problem.inputs)) < 2e-5


@pytest.mark.parametrize("may_join", [True, False])
def test_finite_differences_agree(may_join):
    product = product_of({(0, 1): 1, (1, -1): 2}, 1, 2)
    problem = Problem.random(product, EDGES, SHIFTS, 2, may_join=may_join)
    assert problem.pairs.ways == (2 if may_join else 1)

    def messages(*inputs):
        harmonics, hidden, matrix, *features = inputs
        state = Pass(keeps_edges=True)
        return convolve(product, problem.pairs, state, features, harmonics, hidden, matrix)

    def by_edges_and_features(harmonics, hidden, *features):
        """Leave out the matrix: gradients by it cannot be differentiated again."""
        return messages(harmonics, hidden, problem.matrix.detach(), *features)

    assert torch.autograd.gradcheck(messages, problem.inputs)
    others = [problem.harmonics, problem.hidden, *problem.features]
    assert torch.autograd.gradgradcheck(by_edges_and_features, others)


def test_inputs_may_be_parts_of_other_tensors():
    """Also in the second derivatives, which are formed of what the first call keeps."""
    problem = small()
    expected = derivatives(problem.reference(), problem.inputs)

    def strided(tensor):
        wider = torch.stack([tensor.detach(), torch.full_like(tensor, 7)], dim=-1)
        return wider.requires_grad_()

    wide = [strided(each) for each in problem.inputs]
    parts = [each[..., 0] for each in wide]
    assert not any(each.is_contiguous() for each in parts)
    state = Pass(keeps_edges=True)
    messages = convolve(SMALL, problem.pairs, state, parts[3:], *parts[:3])
    energy = energy_of(messages)
    first = torch.autograd.grad(energy, wide[:2], create_graph=True)
    loss = energy + sum((each**2).sum() for each in first)
    found = [each[..., 0] for each in torch.autograd.grad(loss, wide)]
    assert worst(found, expected[4:]) < 1e-12


def test_columns_and_rows_that_overlap():
    problem = small()
    count = len(problem.pairs.first)
    joined = torch.randn(count, 8, dtype=torch.float64, requires_grad=True)
    same = torch.randn(1, 3, dtype=torch.float64, requires_grad=True)
    for leaf, hidden in ((joined, joined[:, 2:5]), (same, same.expand(count, 3))):
        problem.hidden = hidden
        inputs = [problem.harmonics, hidden]
        loss = []
        for messages in (problem.compiled(), problem.reference()):
            gradients = torch.autograd.grad(energy_of(messages), inputs, create_graph=True)
            total = sum(each.square().sum() for each in gradients)
            loss.append(torch.autograd.grad(total, leaf))
        assert worst(*loss) < 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_denormal_numbers(dtype):
    """Hidden numbers near the cutoff are products of small ones."""
    problem = small(dtype)
    tiny = torch.finfo(dtype).tiny
    with torch.no_grad():
        problem.hidden.mul_(0.03 * tiny)
    found, expected = problem.compiled(), problem.reference()
    assert all(0 < each[:2].abs().max() < tiny for each in expected)
    # Denormal numbers may be rounded to zero or to another one, not to anything large.
    steps = 100 * tiny * torch.finfo(dtype).eps
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).detach().abs().max()) <= steps
    gradients = [
        torch.autograd.grad(sum(each.sum() for each in messages), problem.inputs)
        for messages in (found, expected)
    ]
    assert worst(*gradients) < 1e-5


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("place", range(5))
def test_numbers_that_are_not_finite_stay_so(bad, place):
    problem = small()
    with torch.no_grad():
        # An input of the pair of atoms 0 and 1, or of atom 1, or a weight.
        flat = problem.inputs[place].view(-1)
        flat[-1 if place == 2 else len(flat) // 3] = bad
    messages = problem.compiled()
    expected = problem.reference()
    gradients = [
        torch.autograd.grad(sum(each.sum() for each in some), problem.inputs)
        for some in (messages, expected)
    ]
    hit = 0
    for one, other in zip((*messages, *gradients[0]), (*expected, *gradients[1]), strict=True):
        wrong = ~other.isfinite()
        hit += int(wrong.sum())
        assert not one[wrong].isfinite().any()
    assert hit


def test_gradients_that_are_not_asked_for_are_none():
    problem = small()
    state = Pass()
    messages = problem.compiled(state)
    energy = sum(each.square().sum() for each in messages)
    state.forms_forces = True
    by_edges = torch.autograd.grad(energy, problem.inputs[:2], create_graph=True)
    state.forms_forces = False
    loss = energy + sum(each.square().sum() for each in by_edges)
    found = torch.autograd.grad(loss, problem.inputs, allow_unused=True)
    assert found[0] is None
    energy = sum(each.square().sum() for each in problem.reference())
    by_edges = torch.autograd.grad(energy, problem.inputs[:2], create_graph=True)
    loss = energy + sum(each.square().sum() for each in by_edges)
    assert worst(found[1:], torch.autograd.grad(loss, problem.inputs)[1:]) < 1e-12


def test_third_derivatives_are_refused():
    problem = small()
    energy = sum(each.square().sum() for each in problem.compiled())
    (first,) = torch.autograd.grad(energy, problem.hidden, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), problem.hidden, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        second.square().sum().backward()


def test_derivatives_of_derivatives_by_weights_are_refused():
    problem = small()
    energy = sum(each.square().sum() for each in problem.compiled())
    (first,) = torch.autograd.grad(energy, problem.matrix, create_graph=True)
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        first.square().sum().backward()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("features", lambda blocks: [blocks[0][:1], *blocks[1:]]),
        ("features", lambda blocks: [blocks[0], blocks[1][:, :2]]),
        ("harmonics", lambda tensor: tensor[1:]),
        ("hidden", lambda tensor: tensor[:, 1:]),
        ("matrix", lambda tensor: tensor[:, 1:]),
        ("matrix", lambda tensor: tensor.float()),
        ("hidden", lambda tensor: tensor.to("meta")),
        ("features", lambda blocks: [each.to("meta") for each in blocks]),
    ],
)
def test_inputs_that_do_not_fit_are_refused(name, change):
    """The kernels would read beyond them, or take their bytes for other numbers."""
    problem = small()
    setattr(problem, name, change(getattr(problem, name)))
    with pytest.raises(ValueError, match=r"was given|were given|takes one"):
        problem.compiled()


def test_other_precisions_are_refused():
    problem = small(torch.float16)
    with pytest.raises(ValueError, match="float16"):
        problem.compiled()


@pytest.mark.parametrize("edges", [[(0, 3, (0, 0, 0))], [(-1, 0, (0, 0, 0))]])
def test_atoms_that_do_not_exist_are_refused(edges):
    problem = Problem.random(SMALL, *as_tensors(edges), 3)
    with pytest.raises(ValueError, match="atoms"):
        problem.compiled()


def test_threads_share_the_pairs(monkeypatch):
    """Each thread has sums of its own; the same number of threads gives the same result."""
    monkeypatch.setattr("hub.potentials.kernels.parallel._FEWEST_PAIRS", 3)
    generator = torch.Generator().manual_seed(0)
    edges = torch.randint(5, (2, 40), generator=generator)
    shifts = torch.randint(1, 4, (40, 3), generator=generator).double()
    threads = torch.get_num_threads()
    results = {}
    try:
        for count in (1, 2, 3, 3):
            torch.set_num_threads(count)
            problem = Problem.random(SMALL, edges, shifts, 5)
            assert len(find_pairs(edges, shifts).ranges) == count
            found = derivatives(problem.compiled(), problem.inputs)
            if count in results:
                again = zip(found, results[count], strict=True)
                assert all(torch.equal(one, other) for one, other in again)
            results[count] = found
    finally:
        torch.set_num_threads(threads)
    assert worst(results[2], results[1]) < 1e-13
    assert worst(results[3], results[1]) < 1e-13
