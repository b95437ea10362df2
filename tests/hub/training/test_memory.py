"""A structure too large for the memory: named, and what was trained before it is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hub.errors import IncompatibleModelError
from hub.potentials.batches import collate, enough_memory, predict
from hub.structures import StructureSet
from hub.structures.graphs import build_graphs
from hub.structures.neighbours import NeighbourLists
from hub.training.loader import GraphLoader
from hub.training.loop import Trainer
from hub.training.methods.full import Full
from hub.training.recipe import PAPER
from hub.training.state import load_state
from hub.training.steps import loss_of
from tests.hub.training.conftest import argon, tiny_model

SMALL, REPEAT = 4, 12  # small structures, and how often the large one repeats along each vector
RECIPE = PAPER.with_changes(batch_size=1, max_epochs=1)


def graphs_with_a_large_one():
    frames = argon(SMALL + 1)
    frames[SMALL] = frames[SMALL].repeat(REPEAT)
    structures = StructureSet.from_atoms(frames, "argon.xyz")
    return build_graphs(NeighbourLists(structures, 4.0), ["Ar"])


def trainer(graphs, folder, seed=0):
    potential = tiny_model(graphs[:SMALL])
    return Trainer(
        Full(potential), GraphLoader(graphs, potential, seed), graphs[:2], RECIPE, folder
    )


def seed_that_ends_with_the_large_one(graphs):
    """Return a seed whose first epoch has the large structure last."""
    for seed in range(100):
        loader = GraphLoader(graphs, tiny_model(graphs[:SMALL]), seed)
        if [part.names for (part,) in loader.batches(0, 1)][-1] == (graphs[SMALL].name,):
            return seed
    raise AssertionError


def train_in_little_memory(folder):
    """Train with 30 MB more than the graphs, of which a step of the large one takes several."""
    import resource

    torch.set_num_threads(1)
    graphs = graphs_with_a_large_one()
    found = trainer(graphs, folder, seed_that_ends_with_the_large_one(graphs))
    predict(found.potential, graphs[:2])  # and all that is loaded or compiled once is
    batch = collate(graphs[:2])
    loss_of(found.potential.train()(batch), batch, energy_weight=1.0).backward()
    found.stepper.method.zero_grad()
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 30_000_000, resource.RLIM_INFINITY))
    found.run()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is of Linux")
def test_memory_that_runs_out_is_an_error_of_ours_and_the_training_goes_on(tmp_path) -> None:
    script = (
        "import pathlib\n"
        "from registry.errors import RegistryError\n"
        "from tests.hub.training.test_memory import train_in_little_memory\n"
        "try:\n"
        f"    train_in_little_memory(pathlib.Path({str(tmp_path)!r}))\n"
        "except RegistryError as problem:\n"
        "    print(problem.message)\n"
        "    print(problem.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    graphs = graphs_with_a_large_one()
    edges = graphs[SMALL].edges.shape[1]
    message, hint = done.stdout.splitlines()
    assert message == (
        f"argon.xyz[{SMALL}] is too large for the memory (cpu): {4 * REPEAT**3} atoms and {edges} "
        "neighbours within the cutoff"
    )
    assert "--resume" in hint
    assert "without this structure" in hint
    assert load_state(tmp_path)["progress"]["step"] == SMALL
    seed = seed_that_ends_with_the_large_one(graphs)
    resumed, whole = trainer(graphs, tmp_path, seed), trainer(graphs, tmp_path / "whole", seed)
    (tmp_path / "whole").mkdir()
    for each in (resumed, whole):
        each.run()
    ours, theirs = resumed.potential.weights(), whole.potential.weights()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    "problem",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: not enough memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"),
    ],
)
def test_of_a_batch_the_largest_structure_is_named(graphs, monkeypatch, problem) -> None:
    """Whatever Python and torch say, in training and where a model only predicts."""
    potential = tiny_model(graphs)

    def fail(batch):
        raise problem

    monkeypatch.setattr(potential, "forward", fail)
    edges = [graph.edges.shape[1] for graph in graphs]
    expected = (
        rf"<memory>\[{edges.index(max(edges))}\].*\(cpu\): 4 atoms and {max(edges)} .* with 7 "
    )
    with pytest.raises(IncompatibleModelError, match=expected) as refusal:
        predict(potential, graphs)
    assert "float32" in refusal.value.hint


def test_a_smaller_batch_is_advised_where_there_are_several(graphs, tmp_path, monkeypatch) -> None:
    potential = tiny_model(graphs)
    recipe = PAPER.with_changes(batch_size=2, max_epochs=1)
    found = Trainer(
        Full(potential), GraphLoader(graphs, potential, 0), graphs[:2], recipe, tmp_path
    )

    def fail(batch):
        raise MemoryError

    monkeypatch.setattr(potential, "forward", fail)
    with pytest.raises(IncompatibleModelError) as refusal:
        found.run()
    assert "smaller --batch-size" in refusal.value.hint
    assert load_state(tmp_path)["progress"]["step"] == 0


def test_other_errors_are_what_they_were(graphs) -> None:
    with pytest.raises(RuntimeError, match="shapes"), enough_memory(collate(graphs), ""):
        raise RuntimeError("the shapes do not fit")
