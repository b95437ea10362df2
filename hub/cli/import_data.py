"""``hub import``: make a dataset of files of structures, or a model of a file of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import (
    ReaderName,
    energy_key_option,
    forces_key_option,
    json_option,
    stress_convention_option,
    stress_key_option,
)
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from registry.versions import LocalVersion


@click.command(name="import", short_help="Import structures as a dataset, or a model from a file.")
@click.argument("files", nargs=-1, required=True)
@click.option("--name", required=True, help="What the dataset is to be called.")
@click.option("--version", default="1.0.0", show_default=True, help="MAJOR.MINOR.PATCH.")
@click.option(
    "--labels",
    metavar="NAME",
    default="reference",
    show_default=True,
    help="What the label set is to be called.",
)
@energy_key_option
@forces_key_option
@stress_key_option
@stress_convention_option
@click.option(
    "--reader",
    type=ReaderName(),
    metavar="NAME",
    default="ase",
    show_default=True,
    help="ase: anything ASE reads. datasets: a Hugging Face dataset, as directory, file or name. "
    "npz-labels: published label files, whose order is that of the structures of --onto. Others "
    "come with packages that have importers.",
)
@click.option("--covers", metavar="CONDITION", help="The structures that npz-labels are of.")
@click.option("--proved-by", metavar="LABELS", help="Labels that prove the order of npz-labels.")
@click.option(
    "--onto",
    metavar="DATASET",
    help="Add to this dataset: labels by the structures' ids, other structures at the end.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    help="Of positions and forces; float32 takes half the space.  [default: float64]",
)
@click.option("--resume", is_flag=True, help="Go on after an import of the same that was killed.")
@click.option("--to", metavar="REGISTRY", help="A registry's name, or ./directory.")
@click.option("--description", metavar="TEXT", default="", help="One line for people.")
@click.option("--license", "licence", metavar="ID", default="", help="Such as CC-BY-4.0.")
@click.option("--citation", metavar="BIBTEX", default="", help="How to cite the data.")
@click.option("--teacher", metavar="TEXT", default="", help="What computed the labels.")
@click.option("--level-of-theory", metavar="TEXT", default="", help="Such as PBE.")
@click.option(
    "--allow-code",
    is_flag=True,
    help="Of a model: run the code in its file, and compare what that predicts.",
)
@json_option
def command(
    files: tuple[str, ...],
    name: str,
    version: str,
    labels: str,
    energy_key: str | None,
    forces_key: str | None,
    stress_key: str | None,
    stress_convention: str,
    reader: str,
    covers: str | None,
    proved_by: str | None,
    onto: str | None,
    dtype: str | None,
    resume: bool,
    to: str | None,
    description: str,
    licence: str,
    citation: str,
    teacher: str,
    level_of_theory: str,
    allow_code: bool,
    as_json: bool,
) -> None:
    """Import FILES (names or patterns) as the dataset NAME, or one file of a model as the model.

    A model comes from a NequIP package (.nequip.zip), from nequip.net or `nequip-package build`. It
    is built from NequIP's own modules; nothing in the package is executed, unless --allow-code.

    Structures stream through little memory. Energies, forces and what else has their tag (stress,
    virial, magnetic moments ...) become the label set; all other numbers and texts are kept as
    columns, for `--where`. A version never changes: with --onto a
    new one is made of an old one, and shares with it whatever is the same.
    """
    from hub.datasets.card import Description
    from hub.datasets.importing import file_source, import_dataset
    from hub.datasets.layout import LabelSet
    from hub.importers.importer import plugin_source
    from hub.importers.models import is_model_file
    from hub.structures.stress_labels import StressReading
    from registry.origins import LOCAL

    if is_model_file(files[0]):
        if len(files) > 1:
            raise click.UsageError("A model is imported from one file.")
        terms = {"licence": licence, "description": description, "citation": citation}
        _import_model(
            files[0], name, version, to or LOCAL, terms, allow_code=allow_code, as_json=as_json
        )
        return
    if reader != "ase" and (stress_key or stress_convention != "ase"):
        raise click.UsageError("--stress-key and --stress-convention are for --reader ase.")
    if reader == "datasets":
        from hub.datasets.huggingface import datasets_source

        source = datasets_source(files, energy_key, forces_key)
    elif reader == "npz-labels":
        from hub.importers.npz_source import npz_source

        if not onto:
            raise click.UsageError("--reader npz-labels needs --onto, the dataset that is labelled")
        source = npz_source(files, onto, covers, proved_by)
    elif reader == "ase":
        stress = StressReading(stress_key, stress_convention)
        source = file_source(files, energy_key, forces_key, stress)
    else:
        source = plugin_source(reader, files, energy_key, forces_key)
    keys = f"energy {source.energy_key or 'none'}, forces {source.forces_key or 'none'}"
    output.message(f"labels: {keys}")
    about = LabelSet(teacher, level_of_theory=level_of_theory, source=keys)
    with progress_bar("structures") as progress:
        imported = import_dataset(
            source,
            name,
            version,
            labels=labels,
            onto=onto or "",
            to=to or LOCAL,
            dtype=dtype,
            resume=resume,
            description=Description(description, licence, citation, about),
            progress=progress,
        )
    for note in imported.notes:
        output.message(f"note: {note}")
    _print(imported.version, imported.facts, as_json=as_json)


def _import_model(
    file: str,
    name: str,
    version: str,
    to: str,
    terms: dict[str, str],
    *,
    allow_code: bool,
    as_json: bool,
) -> None:
    from hub.importers.models import import_model
    from registry.paths import user_path

    path = user_path(file)
    made = import_model(path, name, version, to=to, allow_code=allow_code, **terms)
    _print(made, made.manifest.metadata, as_json=as_json)


def _print(version: LocalVersion, facts: dict[str, Any], *, as_json: bool) -> None:
    reference = str(version.reference)
    if as_json:
        output.result_json({"reference": reference, "digest": version.digest, **facts})
    else:
        output.message(str(version.manifest.metadata["description"]))
        output.result(reference)
