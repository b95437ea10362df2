"""The script that wrote `release-1`, run with the last release that knew one architecture.

It makes a tiny model, structures of an alloy, a fine-tuning that has finished, one that was
interrupted after two epochs, a dataset with an interrupted pre-training, a registry with a model
and the dataset, and what all of them predict: `unfinished` and `pretraining` after they were
resumed in a copy of the folder. Run it in an empty folder.
"""

import json
import os
import shutil
from pathlib import Path

from hub.datasets.importing import file_source, import_dataset
from hub.models.architecture import build_model
from hub.models.checkpoint import write_model
from hub.models.config import ModelConfig
from hub.publishing import publish
from hub.training.finetune import finetune, resume_run
from hub.training.pretrain import pretrain, resume_pretraining
from hub.training.reporter import Reporter
from tests.hub.test_older_release import NAMES, predictions
from tests.hub.training.conftest import alloy, write_data

TINY = {"num_layers": 2, "num_features": 2, "num_bessels": 2, "l_max": 1, "readout_width": 2}


class Interrupted(Reporter):
    """Stops a training after its second epoch."""

    def epoch(self, metrics, steps_at_most):
        if metrics.epoch == 2:
            raise KeyboardInterrupt


def interrupt(train, *arguments, **settings) -> None:
    try:
        train(*arguments, reporter=Interrupted(), **settings)
    except KeyboardInterrupt:
        return
    raise AssertionError


def write() -> None:
    """Fill the present folder."""
    os.environ["HUB_HOME"] = str(Path("home").resolve())
    config = ModelConfig(("Au", "Cu"), 4.0, 14.0, "nothing in particular", **TINY)
    Path("small").mkdir()
    write_model(Path("small"), build_model(config, seed=1), config)
    write_data(Path("alloy.extxyz"), alloy(16))
    settings = {"model": "small", "n_train": 4, "max_epochs": 4, "device": "cpu", "seed": 3}
    finetune("alloy.extxyz", out="finished", **settings)
    interrupt(finetune, "alloy.extxyz", out="unfinished", **settings)
    terms = {"licence": "MIT", "description": "An alloy"}
    publish("finished", "alloy-model", "1.0.0", to="./registry", **terms)
    import_dataset(
        file_source(("alloy.extxyz",), None, None), "alloy-data", "1.0.0", labels="emt",
        to="./registry",
    )  # fmt: skip
    interrupt(
        pretrain, "alloy-data", "emt", out="pretraining", n=4, held_out=4, max_epochs=3,
        device="cpu", architecture=TINY,
    )  # fmt: skip
    release = Path.cwd()
    shutil.copytree(release, release / "copy")
    os.chdir("copy")
    resume_run(Path("unfinished"))
    resume_pretraining(Path("pretraining"))
    found = {name: predictions(name) for name in NAMES}
    os.chdir(release)
    shutil.rmtree("copy")
    Path("predictions.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    write()
