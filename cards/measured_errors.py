"""Write the authors' measured errors, and each file's size and sha256, into the model cards.

Usage: ``python cards/measured_errors.py CHECKOUT [--check]`` with CHECKOUT a checkout of
jla-gardner/nnp-pre-training. ``--check`` writes nothing and fails if a card would change.
"""

import argparse
import csv
import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from registry.cards import split_front_matter

MODELS = Path(__file__).parent / "models"
IMPORTER = "nnp-pre-training"  # of the cards that this is about
TRAINING_SIZES = (25, 50, 100, 200, 400, 800, 1600, 3200)

# The result tables also hold smaller networks and other cutoffs; these are the published models.
PUBLISHED = {"r_max": "4.0", "num_layers": "4", "num_features": "32"}

SECTION = """\
## Measured errors

Root-mean-square errors from the authors' own runs. Relative to the teacher, on 1,000 held-out
frames from the trajectories of the pre-training structures: **{pretraining}**.

After fine-tuning on DFT data, on the test split of C-GAP-17 without dimers: the mean over the runs,
next to the same network trained from scratch (mean of five runs):

| DFT structures | runs | energy, meV/atom | forces, eV/Å | scratch, meV/atom | scratch, eV/Å |
| ---: | ---: | ---: | ---: | ---: | ---: |
{rows}

"""

Run = dict[str, str]
Fields = dict[str, Any]


def read_runs(checkout: Path, experiment: str) -> list[Run]:
    """Return the runs of one experiment, as a checkout or a flat copy of its tables holds them."""
    flat = checkout / "results" / f"{experiment}.csv"
    path = flat if flat.exists() else flat.with_suffix("") / "version-1" / "observations.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return select(csv.DictReader(file), **PUBLISHED)


def select(runs: Iterable[Run], **config: str) -> list[Run]:
    """Return the runs whose configuration has these values."""
    return [run for run in runs if all(run[f"config|{key}"] == config[key] for key in config)]


def mean_errors(runs: list[Run]) -> Fields:
    """Return the number of some runs and their mean test errors."""
    energy = fmean(float(run["result|test|per_atom_energy_rmse"]) for run in runs)
    force = fmean(float(run["result|test|force_rmse"]) for run in runs)
    return {
        "runs": len(runs),
        "energy_rmse_meV_per_atom": round(1000 * energy, 1),
        "force_rmse_eV_per_A": round(force, 3),
    }


def learning_curve(runs: list[Run], size: str) -> list[Fields]:
    """Return the mean test errors for each training-set size, named by its configuration key."""
    by_size = {n: select(runs, **{size: str(n)}) for n in TRAINING_SIZES}
    return [{"n_train": n, **mean_errors(at_n)} for n, at_n in by_size.items()]


def measured_errors(checkout: Path, labels: str, n_structures: int) -> Fields:
    """Return a card's ``measured_errors`` for the model pre-trained on so many labels."""
    direct = read_runs(checkout, "direct_training")
    pretraining = {"dataset_name": "C-SYNTH-23M:reasonable", "labels": labels}
    [run] = select(direct, **pretraining, n_train=str(n_structures))
    fine_tuned = select(
        read_runs(checkout, "fine_tuning"),
        pretrain_id=run["id"],
        checkpoint="best",
        finetune_dataset="C-GAP-17",
        finetune_labels="dft",
    )
    from_scratch = select(direct, dataset_name="C-GAP-17", labels="dft")
    dft = "C-GAP-17 test split without dimers, DFT labels"
    return {
        "pretraining": {
            "source": "results/direct_training",
            "run": run["id"],
            "test_set": "1,000 held-out frames of C-SYNTH-23M, labels of the teacher",
            "errors": [{"n_train": n_structures, **mean_errors([run])}],
        },
        "fine_tuned": {
            "source": "results/fine_tuning",
            "test_set": dft,
            "errors": learning_curve(fine_tuned, "n_finetune"),
        },
        "from_scratch": {
            "source": "results/direct_training",
            "test_set": dft,
            "errors": learning_curve(from_scratch, "n_train"),
        },
    }


def section(measured: Fields) -> str:
    """Return the card's section for people."""
    rows = (
        (tuned["n_train"], tuned["runs"], *both(tuned), *both(scratch))
        for tuned, scratch in zip(
            measured["fine_tuned"]["errors"], measured["from_scratch"]["errors"], strict=True
        )
    )
    energy, force = both(measured["pretraining"]["errors"][0])
    return SECTION.format(
        pretraining=f"{energy} meV/atom and {force} eV/Å",
        rows="\n".join(f"| {' | '.join(map(str, row))} |" for row in rows),
    )


def both(errors: Fields) -> tuple[str, str]:
    """Return energy and force error as they are printed."""
    return f"{errors['energy_rmse_meV_per_atom']:.1f}", f"{errors['force_rmse_eV_per_A']:.3f}"


def updated(text: str, place: str, checkout: Path) -> str:
    """Return a card's text with everything that comes from the checkout written anew."""
    card, _ = split_front_matter(text, place)
    content = (checkout / card["source"]["path"]).read_bytes()
    measured = measured_errors(
        checkout, card["teacher"]["upstream_name"], card["pretraining"]["n_structures"]
    )
    block = yaml.safe_dump(
        {"measured_errors": measured}, sort_keys=False, default_flow_style=None, width=100
    )
    for pattern, replacement in (
        (r"^  size: [^\n]*\n", f"  size: {len(content)}\n"),
        (r"^  sha256: [^\n]*\n", f"  sha256: {hashlib.sha256(content).hexdigest()}\n"),
        (r"^measured_errors:.*?\n(?=\S)", block),
        (r"^## Measured errors\n.*?(?=^## )", section(measured)),
    ):
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE | re.DOTALL, count=1)
    return text


def main() -> int:
    """Write every card, or with ``--check`` name those that would change."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkout", type=Path, help="a checkout of jla-gardner/nnp-pre-training")
    parser.add_argument("--check", action="store_true", help="only compare")
    options = parser.parse_args()
    stale = []
    for path in sorted(MODELS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if split_front_matter(text, str(path))[0]["importer"] != IMPORTER:
            continue
        new = updated(text, str(path), options.checkout)
        if new != text:
            stale.append(path.name)
            if not options.check:
                path.write_text(new, encoding="utf-8")
    for name in stale:
        print(f"{name}: {'differs' if options.check else 'written'}")
    return int(options.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
