"""The kernels for GPUs, in Triton's interpreter where there is no GPU, against those for CPUs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from hub.potentials.batches import collate
from hub.potentials.kernels import convolution
from hub.potentials.kernels.convolution import convolve
from hub.potentials.kernels.pairs import find_pairs
from hub.potentials.kernels.passes import GRADIENT, SECOND, VALUE, Pass, Wanted
from hub.potentials.nequip.compiled import CompiledNetwork
from hub.potentials.nequip.onehot import OneHotConfig
from hub.potentials.nequip.plan import plan_network
from hub.structures.graphs import build_graph
from tests.hub.potentials.small import hydrocarbon

pytest.importorskip("triton", reason="Triton is not installed")
from hub.potentials.kernels import triton_kernels, triton_source

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SMALL = OneHotConfig(("C", "H"), 2.2, 5.0, "test", num_layers=3, num_features=3, num_bessels=3)
HIGHER = SMALL.with_changes(l_max=2, parity=False, num_features=2)
# Neighbours of each other, an image of an atom itself, an atom without neighbours.
EDGES = torch.tensor([[1, 0, 0, 1, 0, 0, 3, 1], [0, 1, 1, 0, 0, 0, 1, 3]])
SHIFTS = torch.tensor(
    [[0, 0, 0], [0, 0, 0], [0, 1, 0], [0, -1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 0], [0, 0, 0]]
).double()
N_ATOMS = 4


@pytest.fixture
def with_triton(monkeypatch):
    """Compute convolutions by Triton's kernels, on whichever device."""
    monkeypatch.setattr(convolution, "_run", triton_kernels.run)
    if DEVICE.type == "cpu":  # fewer and longer programs, which are interpreted faster
        monkeypatch.setattr(triton_kernels, "_NUMBERS", 16)


class Problem:
    """A convolution of a network's layer, with random numbers."""

    def __init__(self, config, layer: int, dtype=torch.float64, edges=EDGES, shifts=SHIFTS):
        self.product = plan_network(config).layers[layer].product
        self.pairs = find_pairs(edges, shifts)
        generator = torch.Generator().manual_seed(0)

        def numbers(*shape: int) -> torch.Tensor:
            found = torch.randn(*shape, generator=generator, dtype=torch.float64)
            return found.to(dtype).requires_grad_()

        product, count = self.product, len(self.pairs.first)
        self.inputs = [
            numbers(count, product.harmonics),
            numbers(count, product.hidden),
            numbers(product.hidden, product.n_weights),
            *(numbers(N_ATOMS, each.components, each.channels) for each in product.features),
        ]

    def derivatives(self, *, keeps_edges: bool = True, by: slice = slice(None)):
        """Return messages, gradients by the edges, and gradients of a function of all."""
        state = Pass(keeps_edges=keeps_edges)
        harmonics, hidden, matrix, *features = self.inputs
        messages = convolve(self.product, self.pairs, state, features, harmonics, hidden, matrix)
        energy = sum((each.square() + each).sum() for each in messages)
        state.forms_forces = True
        first = torch.autograd.grad(energy, self.inputs[:2], create_graph=True)
        state.forms_forces = False
        loss = energy + sum((each**3).sum() for each in first)
        last = torch.autograd.grad(loss, self.inputs[by], allow_unused=True)
        return [each.detach() for each in (*messages, *first, *last) if each is not None]


def compare(found, expected, tolerance: float) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        scale = max(float(other.abs().max()), 1.0) if other.numel() else 1.0
        torch.testing.assert_close(one.cpu(), other, rtol=0, atol=tolerance * scale)


@pytest.fixture
def check(request):
    """Compare the kernels; those for the CPU first."""

    def run(problem: Problem, tolerance: float = 1e-12, **options) -> None:
        expected = problem.derivatives(**options)
        request.getfixturevalue("with_triton")
        on_device = Problem.__new__(Problem)
        on_device.product, pairs = problem.product, problem.pairs
        on_device.pairs = type(pairs)(
            pairs.first.to(DEVICE),
            pairs.second.to(DEVICE),
            pairs.shifts.to(DEVICE),
            pairs.ways,
            pairs.ranges,
        )
        on_device.inputs = [
            each.detach().to(DEVICE).requires_grad_(each.requires_grad) for each in problem.inputs
        ]
        compare(on_device.derivatives(**options), expected, tolerance)

    return run


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_values_and_two_derivatives_are_those_of_the_cpu(check, layer):
    problem = Problem(SMALL, layer)
    assert problem.pairs.ways == 2
    check(problem)


@pytest.mark.slow
def test_degree_2(check):
    check(Problem(HIGHER, 1))


def test_single_precision(check):
    check(Problem(SMALL, 1, torch.float32), 1e-5)


def test_edges_without_a_reverse(check):
    problem = Problem(SMALL, 1, edges=EDGES[:, :-1], shifts=SHIFTS[:-1])
    assert problem.pairs.ways == 1
    check(problem)


def test_no_neighbours(check):
    check(Problem(SMALL, 1, edges=EDGES[:, :0], shifts=SHIFTS[:0]))


def test_gradients_that_are_not_wanted(check):
    """As in a training step: by the matrix and the features, not by the edges."""
    check(Problem(SMALL, 1), keeps_edges=False, by=slice(1, None))


def test_frozen_matrix_and_features(check):
    problem = Problem(SMALL, 1)
    for each in problem.inputs[2:]:
        each.requires_grad_(False)
    check(problem, by=slice(0, 2))


def test_pairs_whose_weights_do_not_fit_into_memory(check, monkeypatch):
    problem = Problem(SMALL, 1)
    assert len(problem.pairs.first) == 4
    monkeypatch.setattr(triton_kernels, "_MOST_BYTES", 3 * 8 * problem.product.n_weights)
    check(problem)


def test_parts_cover_each_path_once():
    product = plan_network(HIGHER.with_changes(l_max=3, parity=True)).layers[1].product
    parts = triton_source._parts(product)
    assert len(parts) > 10
    assert sorted(number for part in parts for number, _ in part) == list(range(len(product.paths)))
    for mode in (VALUE, GRADIENT, SECOND):
        kernels = triton_source.triton_kernels(product, mode, Wanted())
        assert len({each.name for each in kernels}) == len(parts)


@pytest.mark.slow
def test_a_network_computes_the_same(with_triton, monkeypatch):
    def step(device):
        network = CompiledNetwork(SMALL, torch.float64)
        generator = torch.Generator().manual_seed(0)
        for value in network.parameters():
            value.data = torch.randn(value.shape, generator=generator, dtype=value.dtype)
        network = network.to(device).train()
        atoms = hydrocarbon()
        batch = collate([build_graph(atoms, SMALL.type_names, SMALL.r_max)]).to(device)
        output = network(batch)
        loss = output.energies.sum() + output.forces.square().sum() + output.stresses.sum()
        loss.backward()
        return [
            *(getattr(output, name).detach().cpu() for name in ("energies", "forces", "stresses")),
            *(value.grad.cpu() for value in network.parameters() if value.grad is not None),
        ]

    found = step(DEVICE)
    monkeypatch.undo()
    compare(found, step(torch.device("cpu")), 1e-10)


_COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from hub.potentials.kernels.passes import Wanted
from hub.potentials.kernels.triton_kernels import function_of, n_lanes
from hub.potentials.kernels.triton_source import triton_kernels
from hub.potentials.nequip.onehot import OneHotConfig
from hub.potentials.nequip.plan import plan_network

product = plan_network(OneHotConfig(("C",), 4.0, 31.0, "test")).layers[1].product
for mode, scalar in (("value", "fp64"), ("second", "fp32")):
    made, *_ = triton_kernels(product, mode, Wanted())
    pointers = {name: f"*{scalar}" for name in made.pointers}
    signature = {"n_pairs": "i32", "ways": "i32", **pointers, "centres": "*i64",
                 "neighbours": "*i64", "PAIRS": "constexpr", "LANES": "constexpr"}
    signature = {name: signature[name] for name in (
        "n_pairs", "ways", *made.pointers, "PAIRS", "LANES")}
    constants = {"PAIRS": 4, "LANES": n_lanes(product)}
    source = ASTSource(triton.jit(function_of(made)), signature, constants)
    code = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4})
    assert "atom.global.gpu.relaxed.add" in code.asm["ptx"] or "red.global" in code.asm["ptx"]
    print(len(code.asm["cubin"]))
"""


@pytest.mark.slow
def test_triton_compiles_them_for_a_gpu(tmp_path):
    """Without a GPU: the assembler comes with Triton."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    command = [sys.executable, "-c", _COMPILE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(int(size) > 1000 for size in done.stdout.split())
