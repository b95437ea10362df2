"""Two processes that share each batch train as one does."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest
import torch

from hub.errors import TrainingError
from hub.structures import StructureSet
from hub.structures.graphs import build_graphs
from hub.structures.neighbours import NeighbourLists
from hub.training.loader import GraphLoader
from hub.training.loop import Trainer
from hub.training.methods.full import Full
from hub.training.process_group import ALONE, ProcessGroup, process_group
from hub.training.recipe import PRETRAIN
from hub.training.state import load_state
from tests.hub.training.conftest import argon, tiny_model

if TYPE_CHECKING:
    from pathlib import Path

    from hub.training.state import EpochMetrics

# Seven structures: the last batch of an epoch has one, and nothing for the second process.
RECIPE = PRETRAIN.with_changes(batch_size=3, max_epochs=4)
LEFT_ALONE = 7
COLUMNS = ("loss", "energy_rmse", "force_rmse", "learning_rate")


def train(folder: Path, die_after: int | None = None) -> Trainer:
    """Train from the start or from a state; the second process may be killed after an epoch."""
    graphs = build_graphs(NeighbourLists(StructureSet.from_atoms(argon(10)), 4.0), ["Ar"])
    graphs[2].forces[1] = torch.nan
    graphs[4].energy.fill_(torch.nan)
    with process_group() as group:

        def on_epoch(metrics: EpochMetrics) -> None:
            if metrics.epoch == die_after and not group.is_first:
                os.kill(os.getpid(), signal.SIGKILL)

        potential = tiny_model(graphs)
        loader = GraphLoader(graphs[:7], potential, 0, group)
        trainer = Trainer(Full(potential), loader, graphs[7:], RECIPE, folder, group)
        trainer.run(on_epoch)
    return trainer


def member(rank: int, port: int, folder: Path, die_after: int | None) -> None:
    """Be one of two processes, as ``torchrun`` starts them."""
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    try:
        trainer = train(folder, die_after)
    except TrainingError as error:
        alone = error.message.startswith("another process of the training ended unexpectedly: ")
        sys.exit(LEFT_ALONE if alone else 1)
    (folder / f"{rank}.json").write_text(json.dumps(trainer.progress.history))


def run_two(folder: Path, die_after: int | None = None) -> list[int | None]:
    """Run both and return their exit codes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hub.training.loop", __name__])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    both = [context.Process(target=member, args=(rank, port, folder, die_after)) for rank in (0, 1)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
        process.kill()  # which does nothing to one that has ended
    return [process.exitcode for process in both]


def assert_same(rows: list[dict[str, float]], expected: list[dict[str, float]]) -> None:
    assert [row["epoch"] for row in rows] == [row["epoch"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        for name in COLUMNS:
            assert row[name] == pytest.approx(other[name], rel=2e-4), (row, other)


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Trainer:
    """Return the trainer of one process that has finished."""
    trainer = train(tmp_path_factory.mktemp("alone"))
    assert trainer.group is ALONE
    return trainer


@pytest.mark.slow
def test_two_processes_train_as_one(alone, tmp_path) -> None:
    assert run_two(tmp_path) == [0, 0]
    # As texts: without stresses there is a NaN, which equals nothing.
    said, said_by_other = ((tmp_path / f"{rank}.json").read_text() for rank in (0, 1))
    assert said == said_by_other
    first = json.loads(said)
    assert_same(first, alone.progress.history)
    ours, theirs = load_state(tmp_path)["best"], alone.potential.weights()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-3, atol=1e-4)


def test_one_of_two_is_killed_and_both_go_on(alone, tmp_path) -> None:
    codes = run_two(tmp_path, die_after=2)
    assert codes[1] == -signal.SIGKILL
    assert codes[0] == LEFT_ALONE  # it has noticed, rather than wait for ever
    assert load_state(tmp_path)["progress"]["epoch"] == 2
    assert run_two(tmp_path) == [0, 0]
    assert_same(json.loads((tmp_path / "0.json").read_text()), alone.progress.history)


def test_shares_are_all_of_it() -> None:
    items = list(range(7))
    shares = [ProcessGroup(rank, 3).share(items) for rank in range(3)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert ALONE.share(items) == items
