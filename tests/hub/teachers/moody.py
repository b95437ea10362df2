"""A potential that fails, kills its process or dawdles on structures of certain sizes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
from ase.calculators.calculator import all_changes
from ase.calculators.lj import LennardJones


class Moody(LennardJones):
    """Lennard-Jones, but for some structures, which it knows by their number of atoms.

    Parameters
    ----------
    log
        A file that gets the number of atoms of each calculation.
    fails, blank, kills
        Sizes on which it raises, gives NaN, or kills its process.
    kills_once
        A file: it kills its process if that is not there, and makes it.
    drift
        Added to the energy in every further calculation, in eV.
    keeps_stress
        Whether it gives stresses.
    seconds
        How long each calculation takes at least.
    """

    def __init__(
        self,
        log="",
        fails=(),
        blank=(),
        kills=(),
        kills_once="",
        drift=0.0,
        seconds=0.0,
        keeps_stress=True,
        **lj,
    ):
        super().__init__(**lj)
        if not keeps_stress:
            self.implemented_properties = ["energy", "free_energy", "forces"]
        self.log, self.drift, self.seconds = log, drift, seconds
        self.fails, self.blank, self.kills = fails, blank, kills
        self.kills_once = kills_once
        self.n_calls = 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        size = len(atoms)
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{size}\n")
        time.sleep(self.seconds)
        if size in self.fails:
            raise RuntimeError("no convergence")
        if size > 1 and self.kills_once and not Path(self.kills_once).exists():
            Path(self.kills_once).touch()
            os.kill(os.getpid(), signal.SIGSEGV)
        if size in self.kills:
            print("something terrible", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        super().calculate(atoms, properties, system_changes)
        for name in ("energy", "free_energy"):
            self.results[name] += self.drift * self.n_calls
        self.n_calls += 1
        if size in self.blank:
            self.results["forces"] = np.full((size, 3), np.nan)
