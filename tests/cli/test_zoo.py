"""Foundation models on the command line: listed, shown, and refused where they do not suit."""

import importlib.metadata
import sys

import pytest

ZOO = {
    "sevennet-0": "PBE, PBE+U",
    "sevennet-l3i5": "PBE, PBE+U",
    "sevennet-mf-0-pbe": "PBE, PBE+U",
    "sevennet-mf-0-r2scan": "r2SCAN",
    "chgnet-0.3.0": "PBE, PBE+U",
    "chgnet-r2scan": "r2SCAN",
    "tensornet-matpes-pbe": "PBE",
}


def test_their_levels_of_theory_are_listed(hub):
    rows = {row["name"]: row for row in hub("list", "--elements", "Mo,O", "--json").json}
    assert {name: rows[name]["level_of_theory"] for name in ZOO} == ZOO


@pytest.mark.parametrize("name", ZOO)
def test_they_are_shown_without_their_packages(hub, monkeypatch, name):
    for package in ("sevenn", "chgnet", "matgl"):
        monkeypatch.setitem(sys.modules, package, None)
    shown = hub("show", name)
    assert shown.code == 0
    assert f"level    {ZOO[name]}" in shown.out
    assert "doi = {" in shown.out


@pytest.mark.parametrize("name", ["chgnet-0.3.0", "sevennet-l3i5"])
def test_without_the_package_the_command_that_installs_it_is_named(hub, monkeypatch, name):
    found = importlib.metadata.distribution

    def distribution(package):
        if package in ("chgnet", "sevenn"):
            raise importlib.metadata.PackageNotFoundError(package)
        return found(package)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    pulled = hub("pull", name)
    assert pulled.code == 6
    assert f"pip install 'mlip-hub[{name.partition('-')[0]}]'" in pulled.err


@pytest.mark.slow
def test_what_only_predicts_is_evaluated_and_not_trained(command, crystals):
    pytest.importorskip("chgnet", reason="needs mlip-hub[chgnet]")
    assert "FORCE RMSE" in command("evaluate", "chgnet-0.3.0", "--data", crystals).out
    refused = command("finetune", "--data", crystals, "--model", "chgnet-0.3.0", code=1)
    assert "chgnet-0.3.0 cannot be trained" in refused.err
    assert "hub relabel --teacher model:chgnet-0.3.0" in refused.err


def test_models_to_start_from_can_be_trained(own_home):
    from hub.facts import models_that_know

    known = models_that_know(["Mo", "O"])
    assert "sevennet-l3i5" in known
    assert not any(name.startswith(("chgnet", "tensornet")) for name in known)


def test_teachers_with_an_environment_say_how_to_install_it(command):
    shown = command("teachers", "uma").out
    assert "hub teachers uma --install" in shown
    assert "fairchem-core==" in shown
    refused = command("teachers", "nep", "--install", code=1)
    assert "no environment of its own" in refused.err
    assert command("teachers", "--install", code=2).err.count("NAME")
