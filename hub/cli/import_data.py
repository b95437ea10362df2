"""``hub import``: make a dataset from structure files, or a model from a model file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import (
    NameOf,
    json_option,
    label_options,
    version_option,
)
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Collection

    from registry.versions import LocalVersion


def _readers() -> Collection[str]:
    from hub.importers.importer import readers

    return readers()


@click.command(name="import")
@click.argument("files", nargs=-1, required=True)
@click.option("--name", required=True, help="Name of the dataset or model.")
@version_option
@click.option(
    "--labels",
    metavar="NAME",
    default="reference",
    show_default=True,
    help="Name of the label set.",
)
@label_options
@click.option(
    "--reader",
    type=NameOf("reader", _readers),
    metavar="NAME",
    default="ase",
    show_default=True,
    help="ase: any format that ASE reads. datasets: a Hugging Face dataset (directory, file, "
    "name or hf://datasets/org/name). npz-labels: published label files in the order of the "
    "structures of --onto. Plug-ins "
    "can add others.",
)
@click.option("--covers", metavar="CONDITION", help="Structures covered by npz-labels files.")
@click.option(
    "--proved-by", metavar="LABELS", help="Label set that verifies the order of npz-labels."
)
@click.option(
    "--onto",
    metavar="DATASET",
    default="",
    help="Add to this dataset: labels matched by structure id, new structures at the end.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    show_default="float64",
    help="Precision of positions and forces; float32 halves the size.",
)
@click.option("--resume", is_flag=True, help="Resume an interrupted import.")
@click.option(
    "--to",
    metavar="REGISTRY",
    default="local",
    show_default="this machine's own",
    help="Registry to publish to: a name, or ./directory.",
)
@click.option("--description", metavar="TEXT", default="", help="One-line description.")
@click.option("--license", "licence", metavar="ID", default="", help="Licence, e.g. CC-BY-4.0.")
@click.option("--citation", metavar="BIBTEX", default="", help="Citation.")
@click.option("--teacher", metavar="TEXT", default="", help="Method that computed the labels.")
@click.option("--level-of-theory", metavar="TEXT", default="", help="Level of theory, e.g. PBE.")
@click.option(
    "--allow-code",
    is_flag=True,
    help="Run the code in a model file to compare its predictions.",
)
@json_option
def command(
    files: tuple[str, ...], licence: str, allow_code: bool, as_json: bool, **given: Any
) -> None:
    """Import FILES (names or patterns) as the dataset NAME, or a model file as the model NAME.

    A model file is a NequIP package (.nequip.zip), from nequip.net or `nequip-package build`. The
    model is rebuilt from NequIP's own modules; without --allow-code, no code in the package is run.

    Structures are streamed, so large files need little memory. Energies, forces and other known
    properties (stress, virial, magnetic moments ...) become the label set; all other numbers and
    texts are kept as columns, for `--where`. A version never changes: --onto makes a new version,
    which shares all unchanged data with the old one.
    """
    from hub.importers.models import import_model, is_model_file

    if is_model_file(files[0]):
        if len(files) > 1:
            raise click.UsageError("Expected one file to import a model from.")
        kept = ("name", "version", "to", "description", "citation")
        terms = {key: given[key] for key in kept}
        made = import_model(files[0], license=licence, allow_code=allow_code, **terms)
        _print(made, made.manifest.metadata, as_json=as_json)
        return
    from hub.importing import import_dataset

    with (
        progress_bar("structures") as progress,
        progress_bar("publishing", in_bytes=True) as sending,
    ):
        imported = import_dataset(
            files,
            license=licence,
            progress=progress,
            sending=sending,
            report=output.message,
            **given,
        )
    for note in imported.notes:
        output.message(f"note: {note}")
    _print(imported.version, imported.facts, as_json=as_json)


def _print(version: LocalVersion, facts: dict[str, Any], *, as_json: bool) -> None:
    reference = str(version.reference)
    if as_json:
        output.result_json({"reference": reference, "digest": version.digest, **facts})
    else:
        output.message(str(version.manifest.metadata["description"]))
        output.result(reference)
