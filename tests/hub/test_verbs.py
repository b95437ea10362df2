"""The commands as functions of Python, on data that come with the package."""

import pytest

import hub
from hub.errors import DataError

NAME = "si-pbe-examples"


@pytest.fixture
def structures(tmp_path):
    """Some structures of a dataset, as a file."""
    return hub.export(
        NAME,
        format="extxyz",
        out=tmp_path / "si.extxyz",
        where="config_type == 'diamond'",
        sample=6,
    )


def test_every_name_is_there_and_none_is_a_module():
    for name in hub.__all__:
        found = getattr(hub, name)
        assert callable(found) or isinstance(found, str), name


def test_check_returns_errors_and_raises_none(structures):
    checked = hub.check(structures, model="c-nep-pretrained")
    assert len(checked.structures) == 6
    assert checked.errors == ("unknown-elements",)
    report = checked.to_json()
    assert (report["elements"], report["findings"][0]["code"]) == (["Si"], "unknown-elements")
    assert hub.check([structures], energy_key="energy").errors == ()


def test_import_and_show(structures):
    told = []
    imported = hub.import_dataset(
        structures, name="mine", license="CC0-1.0", citation="@misc{me, year = {2025}}",
        teacher="GPAW", report=told.append,
    )  # fmt: skip
    assert told == ["labels: energy energy, forces forces"]
    assert imported.facts["structures"] == 6
    shown = hub.show("mine")
    assert (shown.kind, shown.licence, shown.elements) == ("dataset", "CC0-1.0", ("Si",))
    assert shown.citation == "@misc{me, year = {2025}}"
    assert shown.digest == imported.version.digest
    step = hub.lineage("mine")
    assert step.command == "hub import FILES --name mine --version 1.0.0"
    assert [parent.name for parent in step.parents] == ["GPAW"]
    (listed,) = hub.list(kind="dataset", elements=["Si"], license="cc0*", pattern="mine")
    assert listed.version == "1.0.0"


def test_options_that_do_not_fit(structures):
    for options, message in (
        ({"reader": "datasets", "stress_key": "virial"}, "takes no --stress-key"),
        ({"reader": "npz-labels"}, "Name it with --onto"),
        ({"reader": "abacus"}, "unknown reader 'abacus'"),
    ):
        with pytest.raises(DataError) as refused:
            hub.import_dataset(structures, name="mine", **options)
        assert message in f"{refused.value.message} {refused.value.hint}"
    with pytest.raises(DataError, match="unknown format 'xml'"):
        hub.export(NAME, format="xml")
