"""Batches from the disk: each structure once, the same order each time, in any process."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import time

import numpy as np
import pytest
import torch

from hub import pretrain
from hub.datasets import layout, streaming
from hub.datasets.blocks import Block, Labels
from hub.datasets.dataset import Dataset
from hub.datasets.layout import LabelSet
from hub.datasets.streaming import Stream
from hub.datasets.writer import DatasetWriter
from hub.errors import DataError, TrainingError
from hub.structures import StructureSet
from hub.structures.graphs import build_graphs
from hub.structures.neighbours import NeighbourLists
from hub.training import pretrain_data
from hub.training.loader import GraphLoader, StreamLoader
from hub.training.loop import Trainer
from hub.training.methods.full import Full
from hub.training.pretrain import resume_pretraining
from hub.training.pretrain_data import take_census
from hub.training.process_group import ProcessGroup
from hub.training.recipe import PRETRAIN
from hub.training.reporter import Reporter
from registry.errors import IntegrityError
from tests.hub.training.conftest import TINY, argon, tiny_model
from tests.hub.training.trajectories import N_FRAMES, N_RUNS, write_trajectories

COUNT = N_RUNS * N_FRAMES


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A dataset of ten shards of 16 atoms, or four structures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "SHARD_ATOMS", 16)
        patch.setattr(layout, "CHUNK_ATOMS", 8)
        return write_trajectories(tmp_path_factory.mktemp("data") / "argon", spoilt=False)


@pytest.fixture
def stream(place):
    return Stream(Dataset(place), "lj", np.arange(COUNT))


@pytest.fixture(scope="module")
def potential(graphs):
    return tiny_model(graphs)


def energies(loader, epoch=0, size=3, start=0):
    return [
        torch.cat([part.energies for part in parts]).tolist() if parts else []
        for parts in loader.batches(epoch, size, start)
    ]


def test_an_epoch_has_each_structure_once_and_another_order_each_time(stream, potential) -> None:
    loader = StreamLoader(stream, potential, seed=1, workers=0)
    first, again, second = energies(loader), energies(loader), energies(loader, epoch=1)
    labels = stream.take(np.arange(COUNT)).energies
    assert [len(batch) for batch in first] == [3] * 13 + [1]
    assert first == again != second
    for epoch in (first, second):
        assert sorted(np.concatenate(epoch)) == sorted(labels)
    assert first != energies(StreamLoader(stream, potential, seed=2, workers=0))


def test_both_digests_take_one_pass_and_are_those_of_the_same_structures(
    tmp_path, monkeypatch
) -> None:
    structures = StructureSet.from_atoms(argon(6))
    stresses = np.where(np.arange(6)[:, None] < 3, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0], np.nan)
    labels = {"lj": Labels(structures.energies, structures.forces, {"stress": stresses})}
    with DatasetWriter(tmp_path / "data", {"lj": LabelSet("Lennard-Jones")}) as writer:
        writer.append(Block(structures, labels, {}))
        writer.finish()
    stream = Stream(Dataset(tmp_path / "data"), "lj", np.arange(6))
    loaded = stream.take(np.arange(6))
    assert loaded.has_stress.tolist() == [True] * 3 + [False] * 3
    takes = []
    monkeypatch.setattr(stream, "take", lambda places: takes.append(places) or loaded)
    assert stream.digest(stresses=False) == structures.digest() == loaded.digest(stresses=False)
    assert stream.digest() == loaded.digest() != structures.digest()
    assert np.concatenate(takes).tolist() == list(range(6))


def test_windows_are_of_a_few_shards_and_shuffled(stream) -> None:
    windows = stream.windows((0, 0))
    assert len(windows) == 4
    for window in windows:
        assert len(np.unique(stream.shards[window])) <= streaming.WINDOW_SHARDS
        assert (np.diff(window) < 0).any()


def test_batches_are_those_of_graphs_in_memory(stream, potential) -> None:
    """Labels, neighbours and types of what is read are what they are in memory."""
    lists = NeighbourLists(stream.take(np.arange(COUNT)), potential.cutoff)
    in_memory = GraphLoader(build_graphs(lists, potential.elements), potential, 0)
    expected = {}
    for (part,) in in_memory.batches(0, 1):
        expected[float(part.energies)] = part
    for (part,) in StreamLoader(stream, potential, 0, workers=0).batches(0, 1):
        for name, value in vars(expected[float(part.energies)]).items():
            other = getattr(part, name)
            is_tensor = isinstance(value, torch.Tensor)
            same = torch.equal(value, other) if is_tensor else value == other
            assert same or value.isnan().all(), name


def test_it_goes_on_in_the_middle_of_an_epoch(stream, potential) -> None:
    loader = StreamLoader(stream, potential, seed=0, workers=0)
    assert energies(loader, start=9) == energies(loader)[9:]


@pytest.mark.slow
def test_worker_processes_and_shares_change_nothing(stream, potential) -> None:
    alone = energies(StreamLoader(stream, potential, 3, workers=0))
    assert energies(StreamLoader(stream, potential, 3, workers=2)) == alone
    shares = [
        energies(StreamLoader(stream, potential, 3, ProcessGroup(rank, 2), workers=0))
        for rank in range(2)
    ]
    for whole, one, other in zip(alone, *shares, strict=True):
        assert (one, other) == (whole[::2], whole[1::2])


def test_a_stream_that_is_sent_reads_the_same(stream) -> None:
    sent = pickle.loads(pickle.dumps(stream.select([1, 5, 30])))
    assert sent.digest() == stream.select([1, 5, 30]).digest()
    assert sent.digest() == sent.take(np.arange(3)).digest()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_shard_is_named_when_its_turn_comes(place, tmp_path, potential, workers) -> None:
    copy = shutil.copytree(place, tmp_path / "copy")
    (shard,) = copy.rglob("labels/lj/forces/c/7/0")
    shard.write_bytes(shard.read_bytes()[:-20])
    stream = Stream(Dataset(copy), "lj", np.arange(COUNT))
    seen = []
    with pytest.raises(IntegrityError, match=r"labels/lj/forces/c/7/0 .*corrupted"):
        seen.extend(StreamLoader(stream, potential, 0, workers=workers).batches(0, 1))
    assert len(seen) < COUNT
    shard.unlink()
    with pytest.raises(IntegrityError, match="labels/lj/forces/c/7/0 is missing from"):
        list(StreamLoader(stream, potential, 0, workers=workers).batches(0, 1))


def test_a_structure_without_neighbour_list_is_named(place, potential, monkeypatch) -> None:
    stream = Stream(Dataset(place), "lj", np.arange(COUNT))
    take = stream.dataset.take

    def spoilt(*arguments, **options):
        structures = take(*arguments, **options)
        structures.positions[structures.pointers[structures.frame_index.tolist().index(9)]] = np.nan
        return structures

    monkeypatch.setattr(stream.dataset, "take", spoilt)
    monkeypatch.setattr(streaming, "WINDOW_SHARDS", 99)
    with pytest.raises(DataError, match=r"argon\[9\] has coordinates .* not finite"):
        list(StreamLoader(stream, potential, 0, workers=0).batches(0, 4))


@pytest.mark.slow
def test_a_killed_worker_is_an_error_that_says_how_to_go_on(stream, potential) -> None:
    batches = StreamLoader(stream, potential, 0, workers=1).batches(0, 1)
    next(batches)
    (worker,) = torch.multiprocessing.active_children()
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(TrainingError, match=r"a process that reads .* ended") as caught:
        list(batches)
    assert "--resume" in caught.value.hint


@pytest.mark.slow
def test_a_worker_that_dies_during_a_step_is_the_same_error(stream, potential, tmp_path) -> None:
    """Torch says so wherever the program is; here while a step is reported."""
    loader = StreamLoader(stream, potential, 0, workers=1)
    trainer = Trainer(Full(potential), loader, [], PRETRAIN.with_changes(batch_size=1), tmp_path)

    def kill() -> None:
        for worker in torch.multiprocessing.active_children():
            os.kill(worker.pid, signal.SIGKILL)
        time.sleep(2)  # in which the death is noticed

    with pytest.raises(TrainingError, match=r"a process that reads .* ended unexpectedly"):
        trainer.run(on_step=kill)


def test_the_census_is_what_structures_in_memory_say(stream) -> None:
    census, structures = take_census(stream), stream.take(np.arange(COUNT))
    np.testing.assert_array_equal(census.composition, structures.composition)
    np.testing.assert_array_equal(census.energies, structures.energies)
    assert census.force_scale == pytest.approx(np.sqrt(np.mean(structures.forces**2)))
    largest = [np.abs(structures.forces[structures.atoms_of(i)]).max() for i in range(COUNT)]
    np.testing.assert_array_equal(census.largest_forces, largest)
    assert not census.has_stress.any()


class _Killed(Exception):
    pass


class _Killer(Reporter):
    """Stops a training after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self) -> None:
        self.left -= 1
        if not self.left:
            raise _Killed


@pytest.mark.slow
def test_a_streamed_pre_training_goes_on_in_the_middle_of_an_epoch(
    place, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(pretrain_data, "MOST_ATOMS_IN_MEMORY", 0)
    monkeypatch.setattr("hub.training.loop._SAVE_EVERY", 0.0)
    settings = {"model_config": TINY, "epochs": 2, "n_train": 20, "held_out": 4, "batch_size": 4}
    whole, results = pretrain(place, out=tmp_path / "whole", **settings)
    # The rest is done without processes that read; each imports torch, for each epoch.
    monkeypatch.setattr("hub.training.pretrain._workers", lambda _: 0)
    for steps in (3, 4):  # in the first epoch, and in the second
        killed = tmp_path / f"killed-{steps}"
        with pytest.raises(_Killed):
            pretrain(place, out=killed, reporter=_Killer(steps), **settings)
        again = resume_pretraining(killed)
        assert (killed / "model" / "weights.safetensors").read_bytes() == (
            whole / "model" / "weights.safetensors"
        ).read_bytes()
        assert again["errors"] == results["errors"]
    assert "streamed from disk" in " ".join(
        pretrain_data.read_dataset(_job(place), 4.0, Reporter()).notes
    )


@pytest.mark.slow
def test_a_dataset_that_was_replaced_is_refused(place, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(pretrain_data, "MOST_ATOMS_IN_MEMORY", 0)
    monkeypatch.setattr("hub.training.loop._SAVE_EVERY", 0.0)
    data = shutil.copytree(place, tmp_path / "data")
    settings = {"model_config": TINY, "epochs": 2, "n_train": 20, "held_out": 4}
    with pytest.raises(_Killed):
        pretrain(data, out=tmp_path / "run", reporter=_Killer(2), **settings)
    shutil.rmtree(data)
    write_trajectories(data)
    with pytest.raises(TrainingError, match=r"inputs have changed .* started: training data"):
        resume_pretraining(tmp_path / "run")


def _job(place):
    from hub.training.job import PretrainJob

    return PretrainJob(str(place), n=20, held_out=4)
