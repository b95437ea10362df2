"""Import models from files of other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import ModelError
from hub.library import catalogue
from hub.potentials.architectures import model_file_types, model_front_matter
from hub.publishing import publish
from registry.cards import FILE_NAME as CARD_NAME
from registry.cards import join_front_matter
from registry.files import scratch_directory, sha256_of, storage_errors
from registry.origins import LOCAL
from registry.paths import user_path
from registry.plugins import load_target

if TYPE_CHECKING:
    from pathlib import Path

    from registry.versions import LocalVersion

_NOT_STATED = {"license": "other", "license_name": "not-stated"}


def is_model_file(name: str) -> bool:
    """Whether a file name has the ending of a model of another program."""
    return any(name.endswith(ending) for ending in model_file_types())


def import_model(
    file: str | Path,
    *,
    name: str,
    version: str = "1.0.0",
    to: str = LOCAL,
    license: str = "",  # noqa: A002 - the option's name
    description: str = "",
    citation: str = "",
    allow_code: bool = False,
) -> LocalVersion:
    """Import a model from a file of another program, and publish it.

    Parameters
    ----------
    file
        The file. Nothing in it is executed, unless `allow_code`.
    name, version
        Name and version (MAJOR.MINOR.PATCH) of the model.
    to
        Name of a registry, or its directory; this machine's own by default.
    license, description, citation
        For the card.
    allow_code
        Run the code in the file, in a process of its own, and compare its predictions with those
        of the model.

    Returns
    -------
    The version as others will pull it.

    Raises
    ------
    ModelError
        If the file is corrupted or its type is not supported, or predictions disagree.
    IncompatibleModelError
        If its model has an architecture that cannot be imported.
    ExistsError, InvalidReferenceError, StorageError
        As in `hub.publish`.
    """
    path = user_path(file)
    targets = [target for end, target in model_file_types().items() if path.name.endswith(end)]
    if not targets:
        raise ModelError(
            f"no model can be imported from {path}",
            f"Model files end in {', '.join(model_file_types())}.",
        )
    with storage_errors(path):
        digest = sha256_of(path)
    with scratch_directory(catalogue().local.files.parts) as directory:
        config = load_target(targets[0])(path, directory, allow_code=allow_code)
        terms = {"license": license} if license else _NOT_STATED
        about = description or f"{', '.join(config.type_names)}: imported from {path.name}"
        content = model_front_matter(config, about) | terms
        content["imported"] = {"file": path.name, "sha256": digest}
        if citation:
            content["citation"] = citation
        text = join_front_matter(content, f"# {name}\n\n{about}\n")
        (directory / CARD_NAME).write_text(text, encoding="utf-8")
        return publish(directory, name, version, to=to)
