"""Where kernels cannot be compiled, NequIP's modules compute, and the user is told."""

from __future__ import annotations

import pytest
import torch

from hub.potentials import kernels
from hub.potentials.building import build_potential
from hub.potentials.directory import read_model, write_model
from hub.potentials.nequip import potential as module
from tests.hub.potentials.nequip.configurations import CONFIGURATIONS, batch, built, compiled
from tests.hub.potentials.small import hydrocarbon


@pytest.fixture(autouse=True)
def _untold():
    kernels.warn_of_slowness.cache_clear()
    yield
    kernels.warn_of_slowness.cache_clear()


@pytest.fixture
def no_compiler(monkeypatch):
    monkeypatch.setattr(kernels, "find_spec", lambda name: None)


@pytest.fixture
def directory(tmp_path):
    write_model(tmp_path, compiled("stock"))
    return tmp_path


def test_without_the_compiler(directory, no_compiler, caplog):
    """It is said once, though the model is built several times."""
    model = read_model(directory, dtype=torch.float32)
    assert not model.is_compiled
    (message,) = caplog.messages
    assert "NequIP's modules" in message
    assert "llvmlite is not installed" in message
    given = batch(model.config)
    expected = built("stock").eval()(given)
    assert torch.allclose(model(given).forces, expected.forces, rtol=1e-4, atol=1e-5)


def test_too_high_degrees(caplog, monkeypatch):
    monkeypatch.setattr(module, "is_compilable", lambda config: False)
    model = build_potential(CONFIGURATIONS["stock"]).accelerate()
    assert not model.is_compiled
    (message,) = caplog.messages
    assert "l_max is too high" in message


def test_nothing_is_said_of_compiled_models(directory, caplog):
    assert read_model(directory).is_compiled
    assert caplog.messages == []


def test_the_command_says_it_on_stderr(directory, no_compiler, hub, tmp_path):
    file = tmp_path / "data.extxyz"
    atoms = hydrocarbon()
    atoms.calc = None
    atoms.info["REF_energy"], atoms.arrays["REF_forces"] = -1.0, 0 * atoms.positions
    atoms.write(file, format="extxyz")
    done = hub("evaluate", directory, "--data", file)
    assert done.code == 0, done.err
    assert done.err.count("several times slower than compiled kernels") == 1
    assert "compiled kernels" not in done.out
