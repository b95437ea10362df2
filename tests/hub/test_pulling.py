"""Pulling from Python."""

import pytest

import hub

NAME = "si-pbe-examples"  # comes with the package


def test_the_old_name_of_out_works_with_a_warning(tmp_path):
    with pytest.warns(DeprecationWarning, match=r"pull\(out=...\)"):
        path = hub.pull(NAME, to=tmp_path / "old")
    assert path == tmp_path / "old"
    assert hub.pull(NAME, tmp_path / "new") == tmp_path / "new"
    with pytest.raises(TypeError, match="both out and to"):
        hub.pull(NAME, tmp_path / "one", to=tmp_path / "two")


def test_part_of_a_dataset(tmp_path):
    path = hub.pull(NAME, tmp_path / "some", sample=3, seed=1)
    assert len(hub.load_dataset(path)) == 3
