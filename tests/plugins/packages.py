"""Packages with entry points, as an installer leaves them in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def install(
    folder: Path, name: str, points: Mapping[str, Mapping[str, str]], modules: Mapping[str, str]
) -> None:
    """Put a package into a folder.

    Parameters
    ----------
    folder
        To be on ``sys.path``.
    name
        Of the distribution.
    points
        Target by name by kind.
    modules
        Text by module name.
    """
    about = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines: list[str] = []
    for kind, targets in points.items():
        lines += [f"[mlip_hub.{kind}]", *(f"{key} = {target}" for key, target in targets.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
