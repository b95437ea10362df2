"""NequIP's own models as potentials, built by NequIP's own builder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.errors import AlchemyError, ModelError
from hub.potentials.nequip.plan import IMPOSSIBLE, plan_network
from hub.potentials.nequip.potential import NequIPPotential

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from hub.potentials.nequip.stock import StockConfig


class StockPotential(NequIPPotential):
    """A model from NequIP's own builder, with an energy scale and a shift for each element."""

    config: StockConfig

    def transmuted(
        self, config: Any, sources: Sequence[int], scale: float, energy_scale: float
    ) -> StockPotential:
        """Return the same function for other elements; see `Potential.transmuted`.

        Cutoffs and numbers of neighbours by type follow from this potential.

        Raises
        ------
        AlchemyError
            If the model has a ZBL repulsion, which cannot be scaled.
        """
        if config.zbl_polynomial_cutoff_p is not None:
            raise AlchemyError(
                "the model has a ZBL repulsion, which depends on the nuclear charges and cannot be "
                "transferred to other elements",
                "Start from a model without it, e.g. c-ace-pretrained.",
            )
        rows, neighbors = self.config.cutoffs, self.config.neighbors_per_type
        config = config.with_changes(
            cutoffs=rows and tuple(tuple(scale * rows[i][j] for j in sources) for i in sources),
            neighbors_per_type=neighbors and tuple(neighbors[i] for i in sources),
        )
        return self.rebuilt(config, self.scaled_weights(sources, scale, energy_scale))


def build_network(config: StockConfig, *, dtype: torch.dtype, seed: int = 0) -> torch.nn.Module:
    """Build a NequIP ``GraphModel`` with random weights, unit scales and zero shifts.

    Parameters
    ----------
    config
        The configuration.
    dtype
        Precision of the network. Positions, energies, the radial basis and the energy scales and
        shifts are always float64.
    seed
        Seed of the random weights.

    Raises
    ------
    ModelError
        If NequIP cannot build such a model.
    """
    plan_network(config)  # it says why it is impossible
    from nequip.model import FullNequIPGNNModel

    from hub.potentials.nequip.state import ready_to_build

    with ready_to_build(dtype):
        try:
            network: torch.nn.Module = FullNequIPGNNModel(
                seed=seed, model_dtype=str(dtype).removeprefix("torch."), **_arguments(config)
            )
        except (AssertionError, ValueError, RuntimeError, KeyError, IndexError) as problem:
            raise ModelError(
                f"NequIP cannot build this model: {problem}",
                IMPOSSIBLE,
            ) from problem
    return network


def _arguments(config: StockConfig) -> dict[str, Any]:
    """Return the arguments of NequIP's builder besides seed and precision."""
    names = list(config.type_names)
    zbl = {
        "_target_": "nequip.nn.pair_potential.ZBL",
        "chemical_species": names,
        "units": "metal",
        "polynomial_cutoff_p": config.zbl_polynomial_cutoff_p,
    }
    neighbors = dict(zip(names, config.neighbors_per_type, strict=False))
    rows = [dict(zip(names, row, strict=True)) for row in config.cutoffs]
    depths, widths = zip(*config.radial_sizes, strict=True)
    return {
        "type_names": names,
        "r_max": config.r_max,
        "per_edge_type_cutoff": dict(zip(names, rows, strict=True)) if rows else None,
        "irreps_edge_sh": config.l_max,
        "feature_irreps_hidden": list(config.layer_irreps),
        "type_embed_num_features": config.type_width,
        "radial_mlp_depth": list(depths),
        "radial_mlp_width": list(widths),
        "num_bessels": config.num_bessels,
        "bessel_trainable": config.bessel_trainable,
        "polynomial_cutoff_p": config.polynomial_cutoff_p,
        "avg_num_neighbors": neighbors or config.avg_num_neighbors,
        "readout_mlp_hidden_layers_depth": config.readout_depth,
        "readout_mlp_hidden_layers_width": config.readout_width,
        "readout_mlp_nonlinearity": config.readout_nonlinearity,
        "convnet_sc": config.self_connections,
        "convnet_resnet": config.residual_updates,
        "learnable_shift": config.learnable_shift,
        "convnet_nonlinearity_type": config.nonlinearity,
        "convnet_nonlinearity_scalars": dict(config.scalar_nonlinearities),
        "convnet_nonlinearity_gates": dict(config.gate_nonlinearities),
        "per_type_energy_scales": dict.fromkeys(names, 1.0),
        "per_type_energy_shifts": dict.fromkeys(names, 0.0),
        "per_type_energy_scales_trainable": config.energy_scales_trainable,
        "per_type_energy_shifts_trainable": config.energy_shifts_trainable,
        "pair_potential": zbl if config.zbl_polynomial_cutoff_p is not None else None,
    }
