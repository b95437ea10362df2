"""The script that wrote `release-2`, run with the last release before data had one straight path.

It makes a tiny model, structures of an alloy with stresses, a fine-tuning that has finished, one
that was stopped after two epochs, a learning curve, a dataset in several shards with a streamed
pre-training that was stopped in the middle of its second epoch, a registry with a model and the
dataset, and what all of them predict: `unfinished` and `pretraining` after they were resumed in a
copy of the folder. Run it in an empty folder.
"""

import json
import os
import shutil
from pathlib import Path
from unittest.mock import patch

from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from hub.datasets.importing import file_source, import_dataset
from hub.evaluation.curve import CurveReporter
from hub.evaluation.learning_curve import learning_curve
from hub.potentials.building import build_potential
from hub.potentials.directory import write_model
from hub.potentials.nequip.onehot import OneHotConfig
from hub.publishing import publish
from hub.training.finetune import finetune, resume_run
from hub.training.job import Job
from hub.training.pretrain import pretrain, resume_pretraining
from hub.training.reporter import Reporter
from tests.hub.test_older_release import predictions
from tests.hub.test_stressed_release import CURVE, NAMES
from tests.hub.training.conftest import alloy, write_data

TINY = {"num_layers": 2, "num_features": 2, "num_bessels": 2, "l_max": 1, "readout_width": 2}
STRUCTURES_IN_SHARD = 4
ATOMS = 4  # in each structure


class Stopped(Reporter):
    """Stops a training after so many steps."""

    def __init__(self, steps):
        self.left = steps

    def step(self):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def stop(steps, train, *arguments, **settings) -> None:
    """Train until after so many steps, with a state saved after each."""
    try:
        with patch("hub.training.loop._SAVE_EVERY", 0.0):
            train(*arguments, reporter=Stopped(steps), **settings)
    except KeyboardInterrupt:
        return
    raise AssertionError


def stressed(count):
    """Return the alloy with energies, forces and stresses of EMT."""
    crystals = alloy(count)
    for atoms in crystals:
        atoms.calc = EMT()
        names = ("energy", "forces", "stress")
        results = {name: atoms.calc.get_property(name, atoms) for name in names}
        atoms.calc = SinglePointCalculator(atoms, **results)
    return crystals


def write_dataset() -> None:
    """Write the alloy as a dataset whose shards hold a few structures each."""
    source = file_source(("alloy.extxyz",), None, None)
    shard = patch("hub.datasets.layout.SHARD_ATOMS", STRUCTURES_IN_SHARD * ATOMS)
    chunk = patch("hub.datasets.layout.CHUNK_ATOMS", STRUCTURES_IN_SHARD * ATOMS)
    with shard, chunk:
        import_dataset(source, "alloy-data", "1.0.0", labels="emt", to="./registry")


def write() -> None:
    """Fill the present folder."""
    os.environ["HUB_HOME"] = os.environ["XDG_STATE_HOME"] = str(Path("home").resolve())
    os.environ["HUB_REGISTRIES"] = f"lab={Path('registry').resolve()}"
    config = OneHotConfig(("Au", "Cu"), 4.0, 14.0, "nothing in particular", **TINY)
    Path("small").mkdir()
    write_model(Path("small"), build_potential(config, seed=1))
    write_data(Path("alloy.extxyz"), stressed(24))
    settings = {"model": "small", "max_epochs": 4, "batch_size": 2, "device": "cpu", "seed": 3}
    finetune("alloy.extxyz", out="finished", n_train=4, **settings)
    stop(5, finetune, "alloy.extxyz", out="unfinished", n_train=4, **settings)
    job = Job(("alloy.extxyz",), max_epochs=2, device="cpu")
    learning_curve(job, *CURVE, Path("curve"), reporter=CurveReporter())
    publish(
        "finished", "alloy-model", "1.0.0", to="./registry", licence="MIT", description="An alloy"
    )
    write_dataset()
    with patch("hub.training.pretrain_data.MOST_ATOMS_IN_MEMORY", 0):
        stop(
            7, pretrain, "alloy-data", "emt", out="pretraining", held_out=4, batch_size=4,
            max_epochs=3, device="cpu", architecture=TINY,
        )  # fmt: skip
        release = Path.cwd()
        shutil.copytree(release, release / "copy")
        os.chdir("copy")
        resume_run(Path("unfinished"))
        resume_pretraining(Path("pretraining"))
    found = {name: predictions(name) for name in NAMES}
    os.chdir(release)
    for name in ("copy", "home"):
        shutil.rmtree(name)
    for path in (*release.rglob("*.lock"), *release.rglob("parity.png")):
        path.unlink()
    Path("predictions.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    write()
