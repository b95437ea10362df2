"""A few faults to a store elsewhere, in a process of their own.

Faults are played in forked processes. One that is forked from a process of tests has, in its
parent, whatever threads the libraries of earlier tests have left there.
"""

import subprocess
import sys

from tests.cli.process import ROOT, environment

SAMPLE = 24


def assert_a_sample_leads_to_nothing_bad(store: str) -> None:
    """Play some faults, and show what they led to if it is anything bad."""
    options = ["--store", store, "--count", str(SAMPLE), "--longest", "90"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", *options],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SAMPLE} in " in done.stdout
