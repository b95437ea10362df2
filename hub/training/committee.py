"""Several trainings that differ in their seed: their scatter, and the committee of their models."""

from __future__ import annotations

from functools import partial
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import torch

from hub.devices import choose_device
from hub.evaluation.evaluate import evaluate
from hub.evaluation.metrics import ALL
from hub.library import MODEL_FOLDER
from hub.potentials.committee.potential import join
from hub.potentials.directory import read_model
from hub.training.card import write_committee_card
from hub.training.division import split_data
from hub.training.run import measured, write_results

if TYPE_CHECKING:
    from pathlib import Path

    from hub.training.data import Data
    from hub.training.job import Job
    from hub.training.reporter import Reporter


def write_committee(
    folder: Path, job: Job, data: Data, results: dict[int, dict[str, Any]], reporter: Reporter
) -> dict[str, Any]:
    """Join the models of all seeds into one, and measure it on the test set.

    Parameters
    ----------
    folder
        The run folder, with those of the seeds in it.
    job, data
        Of all trainings.
    results
        Of each seed.
    reporter
        Receives progress.

    Returns
    -------
    The results, which are also written.
    """
    folders = [folder / f"seed-{seed}" / MODEL_FOLDER for seed in results]
    device = choose_device(job.device)
    committee = join([read_model(each, dtype=torch.float32, device=device) for each in folders])
    first = next(iter(results.values()))
    test, set_name = data.test, "test"
    if test is None:  # all seeds leave out the same structures, or none
        whole = split_data(job, job.resolved_recipe(), data)
        test, set_name = data.lists.select(whole.train), "training"
    progress = reporter.counting("evaluating")
    predictions = evaluate(committee, test.structures, progress, test.within(committee.cutoff))
    errors = measured(test.structures, set_name, predictions) | {
        "before": first["errors"]["before"]
    }
    summary = {
        "errors": errors,
        "validation": dict.fromkeys(first["validation"]),
        "training": first["training"],
        "seeds": summarise(results, None),
    }
    card = partial(write_committee_card, committee=committee, results=summary)
    series = {"committee": predictions}
    write_results(folder, committee, test.structures, series, card, summary)
    return summary


def summarise(results: dict[int, dict[str, Any]], best: int | None) -> dict[str, Any]:
    """Return means and standard deviations of the errors over the seeds.

    Parameters
    ----------
    results
        Of each seed.
    best
        The seed that is kept; None if all are, as a committee.
    """
    summary: dict[str, Any] = {"seeds": list(results), "best": best}
    for row in ("before", "after"):
        errors = [item["errors"][row][ALL] for item in results.values() if item["errors"][row]]
        for name in ("energy_rmse", "force_rmse", "stress_rmse"):
            # Seeds trained by an older release have no stresses.
            values = [item[name] for item in errors if item.get(name) is not None]
            if len(values) > 1:
                summary[f"{row}_{name}"] = {"mean": mean(values), "std": stdev(values)}
    return summary
