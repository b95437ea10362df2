"""``hub transmute``: carry a model or a dataset to another element, without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import (
    complete_names,
    device_option,
    energy_key_option,
    forces_key_option,
    json_option,
)
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from hub.alchemy.search import Search
    from hub.alchemy.transmutation import Transmutation
    from hub.library import OpenedVersion


@click.command(name="transmute", short_help="Carry a model or dataset to another element.")
@click.argument("source", metavar="MODEL_OR_DATASET", shell_complete=complete_names)
@click.option("--element", "elements", metavar="ELEMENT", help="New element, e.g. Si.")
@click.option(
    "--element-map",
    "pairs",
    default="",
    metavar="OLD=NEW,...",
    help="Element mapping for several elements, e.g. C=Si,H=F.",
)
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    help="New length / old length.  [default: that of the elements' crystals]",
)
@click.option(
    "--energy-scale",
    type=click.FloatRange(min=0, min_open=True),
    help="New energy / old energy.  [default: 1]",
)
@click.option(
    "--data", multiple=True, metavar="FILE", help="Find the scales of a model from such structures."
)
@click.option(
    "--forces",
    type=click.Choice(["consistent", "paper"]),
    default="consistent",
    show_default=True,
    help="Of a dataset. paper: scale them as energies, as published; they then disagree.",
)
@click.option("--name", help="Make it a version of this name.")
@click.option("--version", default="1.0.0", show_default=True, help="MAJOR.MINOR.PATCH.")
@click.option("--to", metavar="REGISTRY", help="A registry's name, or ./directory.")
@click.option("--license", "licence", metavar="ID", help="Replaces that of what it is made of.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="A model directory.")
@click.option("--resume", is_flag=True, help="Go on with a dataset after being killed.")
@energy_key_option
@forces_key_option
@device_option
@json_option
def command(source: str, as_json: bool, **given: Any) -> None:
    """Scale lengths and energies of MODEL_OR_DATASET and exchange its elements.

    E'(x') = eps E(x'/s): exact, and checked for a model's energies, forces and stresses. It is
    a start for training: the scales that fit your data are found with --data, or by `hub finetune
    --alchemical auto`.
    """
    from hub.datasets.layout import is_dataset
    from hub.library import open_version

    if not (given["elements"] or given["pairs"]):
        raise click.UsageError(
            "Say what it becomes: --element ELEMENT, or --element-map OLD=NEW,..."
        )
    if bool(given["name"]) == bool(given["out"]):
        raise click.UsageError("Name the new version with --name, or a directory with --out.")
    with progress_bar("pulling", in_bytes=True) as progress:
        opened = open_version(source, progress)
    result = _dataset(opened, given) if is_dataset(opened.path) else _model(source, given)
    if as_json:
        output.result_json(result)
    else:
        output.result(result.get("reference") or result["directory"])


def _dataset(opened: OpenedVersion, given: dict[str, Any]) -> dict[str, Any]:
    from hub.alchemy.datasets import PAPER_WARNING, transmute_dataset
    from hub.datasets.dataset import Dataset
    from registry.origins import LOCAL

    if given["data"] or given["out"]:
        raise click.UsageError("A dataset needs --name, and --scale in place of --data.")
    transmutation = _transmutation(Dataset(opened.path).elements, given)
    output.message(f"making:  {transmutation}")
    paper = given["forces"] == "paper"
    if paper:
        output.message(f"warning: {PAPER_WARNING}")
    with progress_bar("structures") as progress:
        version, facts = transmute_dataset(
            opened,
            transmutation,
            given["name"],
            given["version"],
            paper_forces=paper,
            to=given["to"] or LOCAL,
            licence=given["licence"] or "",
            resume=given["resume"],
            progress=progress,
        )
    numbers = [name for name, column in facts["columns"].items() if "range" in column]
    kept = ", ".join([*numbers, *facts["atom_columns"]])
    if kept:
        output.message(f"note:    columns are kept as they were before scaling: {kept}")
    return {"reference": str(version.reference), "digest": version.digest, **facts}


def _model(source: str, given: dict[str, Any]) -> dict[str, Any]:
    from hub.alchemy.model_directory import write_transmuted
    from hub.library import open_model
    from hub.potentials.architectures import read_config
    from registry.files import scratch_directory

    if given["forces"] == "paper" or given["resume"]:
        raise click.UsageError("--forces and --resume are for datasets.")
    opened = open_model(source)
    config = read_config(opened.path)
    search = _search(opened, given) if given["data"] else None
    transmutation = search.chosen.transmutation if search else None
    transmutation = transmutation or _transmutation(config.type_names, given)
    output.message(f"making:  {transmutation}")
    if given["out"]:
        made = write_transmuted(opened, transmutation, given["out"], search)
        result = {"directory": str(given["out"])}
    else:
        from hub.library import catalogue
        from hub.publishing import publish
        from registry.origins import LOCAL

        with scratch_directory(catalogue().local.files.parts) as scratch:
            made = write_transmuted(opened, transmutation, scratch / "model", search)
            version = publish(
                scratch / "model",
                given["name"],
                given["version"],
                to=given["to"] or LOCAL,
                license=given["licence"],
            )
        result = {"reference": str(version.reference), "digest": version.digest}
    output.message(f"cutoff:  {config.r_max:g} Å becomes {made.r_max:g} Å")
    output.message("checked: energies, forces and stresses are the old model's, scaled")
    return {**result, "cutoff": made.r_max, **transmutation.to_json()}


def _search(opened: OpenedVersion, given: dict[str, Any]) -> Search:
    """Find the scales, and show what was tried."""
    from hub.alchemy.search import Request, search_transmutation
    from hub.cli.alchemy_output import print_search
    from hub.potentials.loading import load_model
    from hub.structures import read_structures

    keys = (given["energy_key"], given["forces_key"])
    with progress_bar("reading") as progress:
        structures = read_structures(given["data"], *keys, progress).structures
    held = ",".join(structures.elements)
    if given["elements"] and set(given["elements"].split(",")) != set(structures.elements):
        raise click.UsageError(f"--data holds {held}, and --element says {given['elements']}")
    request = Request(given["scale"], given["energy_scale"], given["pairs"])
    potential = load_model(opened.path, device=given["device"], dtype="float32")
    with progress_bar("scales") as progress:
        search = search_transmutation(potential, structures, request, progress)
    print_search(search, output.message)
    return search


def _transmutation(old: tuple[str, ...], given: dict[str, Any]) -> Transmutation:
    """Return what was asked for, with the scales that were left open."""
    from hub.alchemy.lengths import scale_between
    from hub.alchemy.transmutation import Transmutation, pair_elements

    new = given["elements"].split(",") if given["elements"] else ()
    pairs = pair_elements(old, new, given["pairs"])
    scale = given["scale"]
    if scale is None:
        scale = scale_between(pairs)
        output.message("note:    the length scale is that of the elements' crystals")
    if given["energy_scale"] is None:
        output.message("note:    no energy scale is given: 1 is taken")
    return Transmutation(pairs, scale, given["energy_scale"] or 1.0)
