from __future__ import annotations

import pytest
import torch

from hub.training.ema import MovingAverage


def model_of(value: float) -> torch.nn.Module:
    model = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.constant_(model.weight, value)
    return model


def test_the_formula() -> None:
    model = model_of(0.0)
    average = MovingAverage(model, 0.3)
    expected = 0.0
    for step, value in enumerate([1.0, -2.0, 5.0, 3.0, 0.5], start=1):
        torch.nn.init.constant_(model.weight, value)
        average.update()
        decay = min(0.3, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        with average.applied():
            assert model.weight.item() == pytest.approx(expected, rel=1e-14)
        assert model.weight.item() == value
    assert (1 + 3) / (10 + 3) > 0.3 > (1 + 2) / (10 + 2)  # the limit was reached on the way


def test_weights_come_back_after_an_error() -> None:
    model = model_of(1.0)
    average = MovingAverage(model, 0.5)
    torch.nn.init.constant_(model.weight, 2.0)

    def fail() -> None:
        with average.applied():
            assert model.weight.item() == 1.0
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert model.weight.item() == 2.0


def test_frozen_parameters_are_left_alone() -> None:
    model = torch.nn.Linear(2, 1)
    model.bias.requires_grad_(requires_grad=False)
    assert len(MovingAverage(model, 0.9).averages) == 1


def test_a_state_is_a_copy_and_goes_on_as_before() -> None:
    model = model_of(0.0)
    average = MovingAverage(model, 0.9)
    torch.nn.init.constant_(model.weight, 1.0)
    average.update()
    state = average.state()
    average.update()
    other = MovingAverage(model, 0.9)
    other.load_state(state)
    assert other.steps == 1
    assert not torch.equal(other.averages[0], average.averages[0])
    other.update()
    assert torch.equal(other.averages[0], average.averages[0])
