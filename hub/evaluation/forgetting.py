"""What a training made a model forget, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def forgetting_text(found: Mapping[str, Any]) -> str:
    """Return what `hub.training.forgetting.General.compare` found, in words."""
    if "drift" in found:
        drift = found["drift"]
        return (
            f"predictions for {found['n_structures']} structures drifted by "
            f"{drift['energy_rmse']:.1f} meV/atom and {drift['force_rmse']:.3f} eV/Å"
        )
    units = {"energy_rmse": ("energy", 1, "meV/atom"), "force_rmse": ("force", 3, "eV/Å")}
    parts = []
    for name, after in found["after"].items():
        quantity, decimals, unit = units[name]
        part = f"{quantity} error {after:.{decimals}f} {unit}"
        if name in found.get("ratio", {}):
            part += f", {found['ratio'][name]:.2f} times that before training"
        parts.append(part)
    return "; ".join(parts)
