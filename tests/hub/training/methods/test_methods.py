"""What each method of fine-tuning changes, and what it leaves as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hub.errors import TrainingError
from hub.potentials.batches import collate
from hub.potentials.building import build_accelerated, build_potential
from hub.potentials.nequip.onehot import OneHotConfig
from hub.potentials.sevennet import SevenNetConfig
from hub.training.adam import Adam
from hub.training.loader import GraphLoader
from hub.training.loop import Trainer
from hub.training.methods.choosing import SETTINGS, Method, parse_rates
from hub.training.methods.full import Full, group_names
from hub.training.methods.lora import LowRank
from hub.training.methods.replay import ReplayLoader
from hub.training.steps import loss_of
from tests.hub.training.conftest import RECIPE, TINY, history, tiny_model


@pytest.fixture
def train(graphs, tmp_path):
    """Return a function that makes a trainer of a method; each call is a new process's."""

    def make(method, rates=None, folder=tmp_path, recipe=RECIPE):
        potential = tiny_model(graphs)
        built = Method.parse(method).build(potential, rates or {}, seed=1)
        loader = GraphLoader(graphs[:6], potential, 0)
        return Trainer(built, loader, graphs[6:], recipe, folder)

    return make


def changed_groups(before, after) -> set[str]:
    """Return the parameter groups in which any number differs."""
    return {
        name
        for name, group in before.parameter_groups().items()
        for one, other in zip(group, after[name], strict=True)
        if not torch.equal(one, other)
    }


@pytest.mark.parametrize(
    ("method", "trained"),
    [
        ("full", {"embedding", "interaction-0", "interaction-1", "readout"}),
        ("readout", {"readout"}),
        ("freeze", {"interaction-1", "readout"}),
        ("freeze:embedding", {"interaction-0", "interaction-1", "readout"}),
        ("freeze:interaction-1", {"readout"}),
    ],
)
def test_only_some_groups_are_trained(train, graphs, method, trained) -> None:
    start = tiny_model(graphs)
    trainer = train(method)
    groups = dict(trainer.potential.parameter_groups())
    every = {
        name: [dict(trainer.potential.named_parameters())[each] for each in names]
        for name, names in _names(start).items()
    }
    trainer.run()
    # The embedding of a single element is normalised away.
    assert changed_groups(start, every) | {"embedding"} == trained | {"embedding"}
    assert set(groups) == trained
    assert ("embedding" in trained) or not changed_groups(start, every) & {"embedding"}


def _names(potential):
    names = {id(value): name for name, value in potential.named_parameters()}
    groups = potential.parameter_groups()
    return {group: [names[id(each)] for each in some] for group, some in groups.items()}


def test_the_last_group_cannot_be_frozen(graphs) -> None:
    with pytest.raises(TrainingError, match="up to 'readout'") as caught:
        Method.parse("freeze:readout").build(tiny_model(graphs), {}, 0)
    assert "embedding, interaction-0, interaction-1" in caught.value.hint


@pytest.mark.parametrize("name", SETTINGS)
def test_every_method_lowers_the_loss_and_resumes_to_the_bit(train, tmp_path, name) -> None:
    recipe = RECIPE.with_changes(max_epochs=6)
    whole = train(name, folder=_new(tmp_path / "whole"), recipe=recipe)
    whole.run()
    losses = [row["loss"] for row in history(whole)]
    assert losses[-1] < losses[0]
    folder = _new(tmp_path / "parts")

    class Killed(Exception):
        """A kill after the third epoch."""

    def kill(metrics) -> None:
        if metrics.epoch == 3:
            raise Killed

    with pytest.raises(Killed):
        train(name, folder=folder, recipe=recipe).run(on_epoch=kill)
    resumed = train(name, folder=folder, recipe=recipe)
    assert resumed.progress.epoch == 3
    resumed.run()
    assert history(resumed) == history(whole)
    for one, other in zip(
        whole.potential.weights().values(), resumed.potential.weights().values(), strict=True
    ):
        assert torch.equal(one, other)


def _new(folder):
    folder.mkdir()
    return folder


def test_a_state_of_another_method_is_refused(train) -> None:
    train("lora").run()
    with pytest.raises(TrainingError, match="not a state of this training"):
        train("full")


def test_lora_changes_each_matrix_by_its_rank(train, graphs) -> None:
    every = [shapes for _, shapes in tiny_model(graphs).matrices()]
    trainer = train("lora:1")
    trainer.run()
    largest = []
    for change, shapes in zip(trainer.stepper.method.changes, every, strict=True):
        change.set_weight()
        difference = (change.weight - change.start).detach().view(-1)
        for part, (rows, columns) in zip(difference.split(change.sizes), shapes, strict=True):
            singular = torch.linalg.svdvals(part.view(rows, columns).double())
            assert (singular[1:] < 1e-6).all()  # rounding of weights of about 1
            largest.append(float(singular[0]))
    assert sum(each > 1e-4 for each in largest) > len(largest) / 2


@pytest.mark.parametrize("rank", [1, 3])
def test_gradients_of_lora_are_finite_differences(graphs, rank) -> None:
    config = OneHotConfig(("Ar",), 4.0, 12.0, "test", **TINY)
    potential = build_accelerated(config, dtype=torch.float64, seed=0).train()
    method = LowRank(potential, {}, rank, seed=0)
    rng = np.random.default_rng(0)
    with torch.no_grad():  # the second factors are zero at the start
        for each in method.parameters:
            each.add_(0.1 * torch.from_numpy(rng.normal(size=each.shape)))
    method.set_weights()
    batch = collate(graphs[:3])

    def loss() -> torch.Tensor:
        return loss_of(potential(batch), batch, 4.0)

    method.zero_grad()
    loss().backward()
    method.complete_gradients()
    compared = 0
    for parameter in method.parameters[:: max(1, len(method.parameters) // 8)]:
        place = tuple(rng.integers(size) for size in parameter.shape)
        found = parameter.grad[place].item()
        values = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                parameter[place] += step
            method.set_weights()
            values.append(loss().item())
            with torch.no_grad():
                parameter[place] -= step
        expected = (values[0] - values[1]) / 2e-5
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-9)
        compared += abs(found) > 1e-9
    assert compared > 3


@pytest.mark.parametrize(
    "config",
    [
        OneHotConfig(("Ar", "Cu"), 4.0, 12.0, "test", **TINY),
        SevenNetConfig(("Ar", "Cu"), 4.0, 12.0, "test", num_layers=2, channels=(4, 2)),
    ],
)
def test_matrices_are_the_same_in_the_libraries_networks(config) -> None:
    if isinstance(config, SevenNetConfig):
        pytest.importorskip("sevenn", reason="needs mlip-hub[sevennet]")
    found = []
    for build in (build_potential, build_accelerated):
        potential = build(config, dtype=torch.float64)
        names = {id(value): name for name, value in potential.tensors().items()}
        matrices = {names[id(weight)]: shapes for weight, shapes in potential.matrices()}
        numbers = {names[id(weight)]: weight.numel() for weight, _ in potential.matrices()}
        for name, shapes in matrices.items():
            assert sum(rows * columns for rows, columns in shapes) == numbers[name]
        found.append(matrices)
    compiled = found[1]
    assert compiled == found[0]
    assert sum(map(len, compiled.values())) > 10


def test_l2_sp_adds_the_gradient_of_the_distance(graphs) -> None:
    potential = tiny_model(graphs)
    method = Method.parse("l2-sp:0.5").build(potential, {}, 0)
    starts = [each.detach().clone() for each in method.parameters]
    with torch.no_grad():
        for each in method.parameters:
            each.add_(0.25)
    method.parameters[0].grad = torch.ones_like(method.parameters[0])
    method.complete_gradients()
    torch.testing.assert_close(method.parameters[0].grad, torch.full_like(starts[0], 1.25))
    for each in method.parameters[1:]:
        torch.testing.assert_close(each.grad, torch.full_like(each, 0.25))


def test_a_strong_pull_keeps_the_weights(train, graphs, tmp_path) -> None:
    start = tiny_model(graphs).weights()
    recipe = RECIPE.with_changes(keep="last", patience=0, max_epochs=8)
    distances = []
    for name in ("full", "l2-sp:100"):
        trainer = train(name, folder=_new(tmp_path / name[:4]), recipe=recipe)
        trainer.run()
        after = trainer.potential.weights()
        distances.append(sum(float((after[each] - start[each]).square().sum()) for each in start))
    assert 0 < distances[1] < 0.3 * distances[0]


def test_factors_of_the_learning_rate(graphs) -> None:
    potential, other = tiny_model(graphs), tiny_model(graphs)
    method = Full(potential, {"interaction": 0.0, "readout": 2.0})
    names = group_names(potential)
    assert names == ["embedding", "interaction-0", "interaction-1", "readout"]
    groups, plain = potential.parameter_groups(), other.parameter_groups()
    for each in (*method.parameters, *other.parameters()):
        each.grad = torch.ones_like(each)
    before = tiny_model(graphs).parameter_groups()
    Adam(method.parameters, 0.01, method.factors).step()
    Adam(plain["readout"], 0.02).step()
    for name in ("interaction-0", "interaction-1"):
        assert all(map(torch.equal, groups[name], before[name]))
    assert all(map(torch.equal, groups["readout"], plain["readout"]))
    assert not any(map(torch.equal, groups["readout"], before["readout"]))
    with pytest.raises(TrainingError, match="unknown parameter group 'head'") as caught:
        Full(potential, {"head": 1.0})
    assert "interaction-0" in caught.value.hint


@pytest.mark.parametrize("ratio", [1, 2, 3])
def test_replayed_structures_are_in_every_step_and_all_get_their_turn(graphs, ratio) -> None:
    potential = tiny_model(graphs)
    own, replayed = (GraphLoader(some, potential, 0) for some in (graphs[:5], graphs[5:]))
    loader = ReplayLoader(own, replayed, 3, ratio)
    epochs = [[_names_in(parts) for parts in loader.batches(epoch, 2)] for epoch in range(3)]
    mine, others = ({graph.name for graph in some} for some in (graphs[:5], graphs[5:]))
    for epoch in epochs:
        assert sorted(name for step in epoch for name in step if name in mine) == sorted(mine)
        assert all(sum(name in others for name in step) == 2 * ratio for step in epoch)
    turns = [name for epoch in epochs for step in epoch for name in step if name in others]
    assert all(set(turns[place : place + 3]) == others for place in range(0, len(turns), 3))
    resumed = [_names_in(parts) for parts in loader.batches(1, 2, start=1)]
    assert resumed == epochs[1][1:]


def _names_in(parts) -> list[str]:
    return [name for part in parts for name in part.names]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("best", "unknown method 'best'"),
        ("full:3", "invalid --method 'full:3'"),
        ("lora:", "invalid --method 'lora:'"),
        ("lora:0", "rank of LoRA must be a positive integer"),
        ("lora:4.5", "rank of LoRA must be a positive integer"),
        ("l2-sp:-1", "must be a positive number"),
        ("l2-sp:nan", "must be a positive number"),
        ("l2-sp:strong", "must be a positive number"),
    ],
)
def test_invalid_methods_are_refused(text, message) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        Method.parse(text)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["readout", "readout=", "readout=-1", "readout=nan", "readout=a"])
def test_invalid_rates_are_refused(text) -> None:
    with pytest.raises(TrainingError, match="invalid --group-rates"):
        parse_rates(text)
    assert parse_rates("embedding=0.1, readout=2") == {"embedding": 0.1, "readout": 2.0}
