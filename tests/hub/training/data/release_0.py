"""The script that wrote `release-0`, run with the last release whose states had no checksum.

It makes a tiny model, structures, a fine-tuning that has finished, one that was interrupted after
two epochs, and a dataset with an interrupted pre-training. Run it in an empty folder.
"""

from pathlib import Path

from hub.datasets.blocks import Block, Labels
from hub.datasets.layout import LabelSet
from hub.datasets.writer import DatasetWriter
from hub.models.architecture import build_model
from hub.models.checkpoint import write_model
from hub.models.config import ModelConfig
from hub.structures import StructureSet
from hub.training.finetune import finetune
from hub.training.pretrain import pretrain
from hub.training.reporter import Reporter
from tests.hub.training.conftest import argon, write_data

TINY = {"num_layers": 2, "num_features": 2, "num_bessels": 2, "l_max": 0, "readout_width": 2}


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
    config = ModelConfig(("Ar",), 4.0, 9.0, "nothing in particular", **TINY)
    Path("small").mkdir()
    write_model(Path("small"), build_model(config, seed=1), config)
    write_data(Path("argon.extxyz"), argon(16))
    settings = {"model": "small", "n_train": 4, "max_epochs": 4, "device": "cpu", "seed": 3}
    finetune("argon.extxyz", out="finished", **settings)
    interrupt(finetune, "argon.extxyz", out="unfinished", **settings)
    structures = StructureSet.from_atoms(argon(16, seed=1))
    labels = {"lj": Labels(structures.energies, structures.forces)}
    with DatasetWriter(Path("dataset"), {"lj": LabelSet("Lennard-Jones")}) as writer:
        writer.append(Block(structures, labels, {"run_id": structures.frame_index // 4}))
        writer.finish()
    interrupt(
        pretrain, "dataset", "lj", out="pretraining", n=4, held_out=4, max_epochs=3,
        device="cpu", architecture=TINY,
    )  # fmt: skip


if __name__ == "__main__":
    write()
