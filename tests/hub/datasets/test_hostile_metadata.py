"""Whatever stands in a dataset's metadata, it loads as it was written or is refused."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.datasets.dataset import Dataset
from hub.datasets.layout import GROUP
from hub.datasets.selection import SELECTION, Choice, recorded_choice
from registry.errors import IntegrityError, RegistryError
from tests.mutations import mutated_json, outcome

SOON = settings(deadline=timedelta(seconds=10), max_examples=60)
RELEASE = Path(__file__).parents[1] / "training" / "data" / "release-0"
COLUMN = "extras/structure/run_id"
FILES = ("zarr.json", "labels/lj/zarr.json", f"{COLUMN}/zarr.json", "structures/pbc/zarr.json")


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(RELEASE / "dataset", tmp_path / "dataset")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return shutil.copytree(RELEASE / "dataset", tmp_path_factory.mktemp("kept") / "dataset")


def everything(directory):
    dataset = Dataset(directory)
    return dataset.label_sets, dataset.load("lj"), dataset.column("run_id")


@SOON
@given(data=st.data())
@pytest.mark.parametrize("name", FILES)
def test_any_metadata_are_read_or_refused(kept, name, data):
    path = kept / GROUP / name
    before = path.read_bytes()
    path.write_bytes(data.draw(mutated_json(json.loads(before))))
    try:
        found = outcome(lambda: everything(kept), RegistryError, "")
    finally:
        path.write_bytes(before)
    if found is not None:
        right = Dataset(RELEASE / "dataset").load("lj")
        assert np.array_equal(found[1].positions, right.positions)
        assert np.array_equal(found[1].pbc, right.pbc)


@pytest.mark.parametrize(
    ("name", "attribute", "change", "what"),
    [
        ("zarr.json", "mlip_hub_dataset", {"structures": -1}, "'structures': expected `int` >= 1"),
        ("zarr.json", "mlip_hub_dataset", {"atoms": 10**30}, "'atoms'"),
        ("zarr.json", "mlip_hub_dataset", {"dtype": "int8"}, "'dtype': invalid enum value"),
        ("zarr.json", "mlip_hub_dataset", {"elements": [1]}, "'elements[0]'"),
        (
            "zarr.json",
            "mlip_hub_dataset",
            {"label_sets": ["../.."]},
            "is not a valid name of a label set",
        ),
        ("zarr.json", "mlip_hub_dataset", {"more": 1}, "unknown field `more`"),
        ("labels/lj/zarr.json", "units", {"energies": "kcal/mol"}, "'units.energies'"),
        ("labels/lj/zarr.json", "subtracted_energies", {"C": "no"}, "'subtracted_energies[...]'"),
    ],
)
def test_what_no_dataset_can_have_is_named(folder, name, attribute, change, what):
    path = folder / GROUP / name
    content = json.loads(path.read_bytes())
    content["attributes"][attribute] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(RegistryError) as refusal:
        Dataset(folder)
    assert what in refusal.value.message


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("structures/pbc", [0]),
        ("structures/cells", [3]),
        ("structures/positions", []),
        ("structures/numbers", [1]),
        ("structures/pointers", [2]),
        ("labels/lj/energies", [1]),
        ("labels/lj/forces", [4]),
    ],
)
def test_rows_of_another_shape_are_damage(folder, name, row):
    path = folder / GROUP / name / "zarr.json"
    content = json.loads(path.read_bytes())
    content["shape"] = [content["shape"][0], *row]
    path.write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match=f"{name} is missing from .* or its metadata"):
        Dataset(folder).load("lj")


@pytest.mark.parametrize("change", [{"range": "wide"}, {"categories": [1]}, {"categories": ["a"]}])
def test_what_no_column_can_have_is_named(folder, change):
    path = folder / GROUP / COLUMN / "zarr.json"
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps({**content, "attributes": change}))
    with pytest.raises(IntegrityError, match=r"run_id|column"):
        Dataset(folder).column("run_id")


@settings(deadline=timedelta(seconds=5))
@given(data=mutated_json(Choice("time > 1", 3).to_json()))
def test_any_selection_is_read_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("selection")
    (folder / SELECTION).write_bytes(data)
    found = outcome(lambda: recorded_choice(folder), IntegrityError, folder / SELECTION)
    assert found is None or found.to_json() == json.loads(data)
