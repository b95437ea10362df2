"""Outputs that say whether their electronic steps converged, and which steps are labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms

from hub.structures import read_structures
from tests.hub.structures.test_reading import VASPRUN

if TYPE_CHECKING:
    from pathlib import Path


def test_vasprun_that_reached_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "vasprun.xml"
    limit = VASPRUN.replace("<kpoints>", '<incar><i type="int" name="NELM"> 1</i></incar><kpoints>')
    path.write_text(limit)
    assert read_structures(path).structures.unconverged.tolist() == [True]
    path.write_text(limit.replace(" 1</i></incar>", " 60</i></incar>"))
    assert read_structures(path).structures.unconverged.tolist() == [False]


OUTCAR_FRAME = """{learned}
------------------------------- Iteration {step}(   1)  -----------------------------------
------------------------------- Iteration {step}(   {last})  ------------------------------
------------------------ aborting loop because EDIFF is reached ---------------------------
  VOLUME and BASIS-vectors are now :
 -----------------------------------------------------------------------------
  volume of cell :      125.00
      direct lattice vectors                 reciprocal lattice vectors
     5.000000000  0.000000000  0.000000000     0.200000000  0.000000000  0.000000000
     0.000000000  5.000000000  0.000000000     0.000000000  0.200000000  0.000000000
     0.000000000  0.000000000  5.000000000     0.000000000  0.000000000  0.200000000

 POSITION                                       TOTAL-FORCE (eV/Angst)
 -----------------------------------------------------------------------------------
      0.00000      0.00000      0.00000         {force}      0.000000      0.000000
      0.00000      0.00000      0.80000        -{force}      0.000000      0.000000
 -----------------------------------------------------------------------------------
    total drift:                                0.000000      0.000000      0.000000

  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)
  ---------------------------------------------------
  free  energy   TOTEN  =       {energy} eV

  energy  without entropy=      {energy}  energy(sigma->0) =      {energy}
"""
OUTCAR_LEARNED = """
 POSITION                                       TOTAL-FORCE (eV/Angst) (ML)
 -----------------------------------------------------------------------------------
      0.00000      0.00000      0.00000         9.000000      0.000000      0.000000
      0.00000      0.00000      0.90000        -9.000000      0.000000      0.000000
 -----------------------------------------------------------------------------------
    total drift:                                0.000000      0.000000      0.000000

  ML FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)
  ---------------------------------------------------
  free  energy ML TOTEN  =        -99.00000000 eV

  ML energy  without entropy=      -99.00000000  ML energy(sigma->0) =      -99.00000000
"""
OUTCAR_HEAD = """ vasp.6.3.0 20Jan22 (build Jan 01 2022 00:00:00) complex
 executed on             LinuxIFC date 2022.01.01  00:00:00
 POTCAR:    PAW_PBE H 15Jun2001
 POTCAR:    PAW_PBE H 15Jun2001
   VRHFIN =H: ultrasoft test
   TITEL  = PAW_PBE H 15Jun2001
   ions per type =               2
   k-points   NKPTS =      1   k-points in BZ     NKDIM =      1   number of bands    NBANDS=  4
   ISPIN  =      1    spin polarized calculation?
 k-points in reciprocal lattice and weights: Gamma
   0.00000000  0.00000000  0.00000000       1.000
   NELM   =     60;   NELMIN=  2; NELMDL= -5     # of ELM steps
"""


def outcar(lasts: list[int], learned: str = "") -> str:
    return OUTCAR_HEAD + "".join(
        OUTCAR_FRAME.format(
            learned=learned,
            step=f"{step:6d}",
            last=last,
            force="0.100000",
            energy=f"{-6.0 - step:.8f}",
        )
        for step, last in enumerate(lasts, 1)
    )


@pytest.mark.parametrize("name", ["OUTCAR", "relaxation.log"])
def test_outcar_that_reached_its_limit(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(outcar([12, 60, 9]))
    structures = read_structures(tmp_path / name).structures
    assert structures.energies.tolist() == [-7, -8, -9]
    assert structures.unconverged.tolist() == [False, True, False]


def test_steps_of_a_learned_force_field_are_no_labels(tmp_path: Path) -> None:
    (tmp_path / "OUTCAR").write_text(outcar([12, 60], OUTCAR_LEARNED) + OUTCAR_LEARNED)
    result = read_structures(tmp_path / "OUTCAR")
    assert result.structures.energies.tolist() == [-7, -8]
    assert np.abs(result.structures.forces).max() == 0.1
    assert result.structures.unconverged.tolist() == [False, True]
    assert any("3 steps of a machine-learned force field" in note for note in result.notes)


@pytest.mark.parametrize(
    ("file_format", "good", "bad"),
    [
        (
            "espresso-out",
            "     convergence has been achieved in   9 iterations",
            "     convergence NOT achieved after 100 iterations: stopping",
        ),
        (
            "aims-output",
            "  Self-consistency cycle converged.",
            "  Self-consistency cycle not converged.",
        ),
        (
            "cp2k-output",
            "  *** SCF run converged in    11 steps ***",
            " *** WARNING in qs_scf.F:542 :: SCF run NOT converged ***",
        ),
    ],
)
def test_what_codes_say_of_convergence(file_format: str, good: str, bad: str) -> None:
    from hub.structures.annotations import is_unconverged
    from hub.structures.formats.convergence import mark_unconverged

    frames = [Atoms("H") for _ in range(3)]
    mark_unconverged(frames, [bad, "text", good, bad, good], file_format)
    assert [is_unconverged(atoms.info) for atoms in frames] == [False, True, False]
