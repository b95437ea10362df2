"""The example data are what their script says."""

import numpy as np
from ase.io import read

from tests.data import copper_emt


def test_the_file_is_what_the_script_writes(tmp_path, monkeypatch):
    stored = read(copper_emt.PATH, ":")
    monkeypatch.setattr(copper_emt, "PATH", tmp_path / "again.extxyz")
    copper_emt.main()
    again = read(copper_emt.PATH, ":")
    assert len(again) == len(stored) == copper_emt.N_STRUCTURES
    for new, old in zip(again, stored, strict=True):
        assert new.symbols.get_chemical_formula() == old.symbols.get_chemical_formula()
        assert new.info == old.info
        np.testing.assert_allclose(new.positions, old.positions, atol=1e-7)
        np.testing.assert_allclose(new.get_potential_energy(), old.get_potential_energy())
        np.testing.assert_allclose(new.get_forces(), old.get_forces(), atol=1e-7)
