"""SevenNet-0 on the command line, with and without the package that brings its weights."""

import importlib.metadata
import sys

import pytest


@pytest.fixture
def without_sevenn(monkeypatch):
    """As if sevenn were not installed."""
    found = importlib.metadata.distribution

    def distribution(name):
        if name == "sevenn":
            raise importlib.metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    monkeypatch.setitem(sys.modules, "sevenn", None)


def test_it_is_listed_and_shown_without_the_package(hub, without_sevenn):
    assert "sevennet-0" in hub("list").out
    shown = hub("show", "sevennet-0")
    assert shown.code == 0
    assert "in the Python package sevenn" in shown.out
    assert "licence  MIT" in shown.out
    facts = hub("show", "sevennet-0", "--json").json
    assert facts["metadata"]["source"]["package"] == "sevenn"


def test_pulling_it_without_the_package_names_the_command_that_installs_it(hub, without_sevenn):
    pulled = hub("pull", "sevennet-0")
    assert pulled.code == 6
    assert "Python package sevenn, which is not installed" in pulled.err
    assert "pip install 'mlip-hub[sevennet]'" in pulled.err
    assert "Traceback" not in pulled.err


@pytest.mark.slow
def test_a_pulled_model_is_not_loaded_without_the_package(hub, crystals, monkeypatch):
    pytest.importorskip("sevenn")
    assert hub("pull", "sevennet-0").code == 0
    monkeypatch.setitem(sys.modules, "sevenn", None)
    evaluated = hub("evaluate", "sevennet-0", "--data", crystals)
    assert evaluated.code == 6
    assert "pip install 'mlip-hub[sevennet]'" in evaluated.err
