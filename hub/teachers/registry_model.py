"""Models of the registry as teachers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.library import open_model
from hub.teachers.family import Description

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ase.calculators.calculator import Calculator


def build(parameters: Path | None, options: Mapping[str, Any]) -> Calculator:  # noqa: ARG001
    """Return the model as a calculator, in float64."""
    from hub.potentials.ase_calculator import calculator

    return calculator(options["reference"], device=options.get("device", "cpu"))


def describe(parameters: Path | None, options: Mapping[str, Any]) -> Description:  # noqa: ARG001
    """Return the elements that the model covers, its version, packages and level of theory."""
    from importlib.metadata import version

    from hub.potentials.architectures import architecture_of, read_config
    from hub.potentials.directory import WEIGHTS_NAME

    opened = open_model(options["reference"])
    config = read_config(opened.path)
    versions = {name: version(name) for name in architecture_of(config).packages}
    if opened.version is None:
        files = (opened.path / WEIGHTS_NAME,)
        return Description(config.type_names, files=files, versions=versions)
    manifest = opened.version.manifest
    versions[manifest.name] = str(manifest.version)
    return Description(
        config.type_names,
        digest=opened.version.digest,
        versions=versions,
        level_of_theory=str(manifest.metadata.get("level_of_theory", "")),
    )
