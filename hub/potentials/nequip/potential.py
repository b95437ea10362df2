"""NequIP's networks as potentials, built by NequIP or compiled without it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

from hub.potentials.building import build_accelerated
from hub.potentials.equivariant.potential import CompilablePotential
from hub.potentials.nequip.compiled import CompiledNetwork, is_compilable
from hub.potentials.nequip.random_weights import draw_weights
from hub.potentials.potential import Batch, Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from hub.potentials.nequip.onehot import OneHotConfig
    from hub.potentials.nequip.stock import StockConfig

ENERGY_SCALE_SHIFT = "per_type_energy_scale_shift"
_EMBEDDING = "type_embed.embed_module.weight"
_RADIAL = ".conv.edge_mlp.mlp.0.weight"
_LAYER = re.compile(r"layer(\d+)_convnet\.")
# Four layers of 32 features take about 4 kB per edge in a compiled training step.
_MOST_EDGES = 100_000
_READOUT = re.compile(rf"(per_atom_energy_readout|{ENERGY_SCALE_SHIFT}|pair_potential)\.")


class NequIPPotential(CompilablePotential):
    """A NequIP network.

    Parameters
    ----------
    config
        Its configuration.
    network
        NequIP's ``GraphModel`` with its wrappers, with one energy scale and shift for each type;
        or a :class:`~hub.potentials.nequip.compiled.CompiledNetwork`.
    """

    config: OneHotConfig | StockConfig

    library = "NequIP"
    compiled_network = CompiledNetwork

    @classmethod
    def is_compilable(cls, config: OneHotConfig | StockConfig) -> bool:
        """Say whether the kernels of a network compile in seconds."""
        return is_compilable(config)

    @classmethod
    def compiled(
        cls, config: OneHotConfig | StockConfig, dtype: torch.dtype, seed: int | None = None
    ) -> Self:
        """Return a compiled potential, with random weights if a seed is given."""
        potential = super().compiled(config, dtype)
        if seed is not None:
            network: Any = potential.network
            draw_weights(network, seed)
        return potential

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the network; scales and shifts are always float64."""
        dtype: Any = self.network.model_dtype
        found: torch.dtype = dtype
        return found

    @property
    def max_edges(self) -> int | None:
        """Few for NequIP's modules on a CPU: 50 kB per edge in a training step of four layers.

        Larger batches are not faster on a CPU; on a GPU they are, and fit into its memory.
        """
        if self.device.type != "cpu":
            return None
        return _MOST_EDGES if self.is_compiled else 12_500

    @property
    def energy_network(self) -> torch.nn.Module:
        """The network inside NequIP's wrappers; its names are those used in the files."""
        return self.network if self.is_compiled else self.network.get_submodule("model.func")

    def library_output(self, batch: Batch) -> Output:
        """Predict with NequIP's modules."""
        from nequip.data import AtomicDataDict

        found = self.network(graph_of(batch))
        return Output(
            energies=found[AtomicDataDict.TOTAL_ENERGY_KEY].squeeze(-1),
            forces=found[AtomicDataDict.FORCE_KEY],
            stresses=found[AtomicDataDict.STRESS_KEY].reshape(-1, 3, 3),
            atomic_energies=found[AtomicDataDict.PER_ATOM_ENERGY_KEY].squeeze(-1),
            features=found[AtomicDataDict.NODE_FEATURES_KEY],
        )

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the parameters, energy scales and shifts."""
        tensors: dict[str, torch.Tensor] = dict(self.energy_network.named_parameters())
        for name in ("scales", "shifts"):
            tensors[f"{ENERGY_SCALE_SHIFT}.{name}"] = getattr(self._scale_shift, name)
        return tensors

    def energy_terms(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the scale and the shift (eV) of each type's atomic energy: two (n,) views."""
        return self._scale_shift.scales.view(-1), self._scale_shift.shifts.view(-1)

    def parameter_groups(self) -> dict[str, list[torch.nn.Parameter]]:
        """Return the trainable parameters: embedding, interaction-0 ..., readout."""
        groups: dict[str, list[torch.nn.Parameter]] = {}
        for name, parameter in self.energy_network.named_parameters():
            if parameter.requires_grad:
                layer = _LAYER.match(name)
                other = "readout" if _READOUT.match(name) else "embedding"
                group = f"interaction-{layer[1]}" if layer else other
                groups.setdefault(group, []).append(parameter)
        return groups

    def accelerate(self) -> Self:
        """Compile the network where that is possible, else replace its tensor products."""
        super().accelerate()
        if not self.is_compiled:
            from hub.potentials.nequip.tensor_product import accelerate

            accelerate(self.network)
        return self

    def scaled_weights(
        self, sources: Sequence[int], scale: float, energy_scale: float
    ) -> dict[str, torch.Tensor]:
        """Return the weights of the same function for other elements and scales.

        NequIP uses lengths only as r / r_max and directions only as unit vectors, so that a model
        with cutoff r_max becomes E'(x') = eps E(x'/s) by using the cutoff s r_max and multiplying
        energy scales and shifts by eps. One factor of the radial basis, 2 pi / r_max^2, changes
        with the cutoff; multiplying the first weights of the radial networks by s^2 cancels this.

        Parameters
        ----------
        sources, scale, energy_scale
            As for `transmuted`.
        """
        weights, types = self.weights(), list(sources)
        weights[_EMBEDDING] = weights[_EMBEDDING][types]
        for name in (f"{ENERGY_SCALE_SHIFT}.scales", f"{ENERGY_SCALE_SHIFT}.shifts"):
            weights[name] = weights[name][types] * energy_scale
        for name in weights:
            if name.endswith(_RADIAL):
                weights[name] = weights[name] * scale**2
        return weights

    def rebuilt(self, config: OneHotConfig | StockConfig, weights: dict[str, torch.Tensor]) -> Self:
        """Return a potential with another configuration and weights, on the same device."""
        made: Any = build_accelerated(config, dtype=self.dtype, device=self.device)
        made.set_weights(weights, "the transmuted model")
        found: Self = made.eval()
        return found

    @property
    def _scale_shift(self) -> Any:
        return self.energy_network.get_submodule(ENERGY_SCALE_SHIFT)


def graph_of(batch: Batch) -> dict[str, torch.Tensor]:
    """Return a batch in the form of NequIP's models: one disconnected graph."""
    from nequip.data import AtomicDataDict

    return {
        AtomicDataDict.POSITIONS_KEY: batch.positions,
        AtomicDataDict.ATOM_TYPE_KEY: batch.types,
        AtomicDataDict.CELL_KEY: batch.cells,
        AtomicDataDict.EDGE_INDEX_KEY: batch.edges,
        AtomicDataDict.EDGE_CELL_SHIFT_KEY: batch.shifts,
        AtomicDataDict.NUM_NODES_KEY: batch.sizes,
        AtomicDataDict.BATCH_KEY: batch.structure,
    }
