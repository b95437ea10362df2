"""What a convolution computes: which features and harmonics are coupled into which messages."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Block:
    """Features of one irrep, or the messages of one: (atoms, components, channels)."""

    components: int
    channels: int

    @property
    def size(self) -> int:
        """Numbers per atom."""
        return self.components * self.channels


@dataclass(frozen=True)
class Path:
    """One coupling of a block of features with the edge's harmonics.

    Attributes
    ----------
    feature
        Index of the block of features.
    message
        Index of the block of messages.
    channel
        First of the channels of the messages that this path fills, as many as the features have.
    coupling
        Nonzero coefficients: component of the features, component of the harmonics (counted from
        the first degree's), component of the messages, value.
    """

    feature: int
    message: int
    channel: int
    coupling: tuple[tuple[int, int, int, float], ...]

    @cached_property
    def combinations(
        self,
    ) -> tuple[tuple[tuple[int, int, int], tuple[tuple[int, float], ...]], ...]:
        """The harmonics and coefficients between each pair of components of two blocks.

        For each pair: its sign and components (i, k), and the (j, value) whose products are
        summed, the first value positive, so that combinations that differ in sign are formed once.
        """
        found: dict[tuple[int, int], list[tuple[int, float]]] = {}
        for i, j, k, value in self.coupling:
            found.setdefault((i, k), []).append((j, value))
        result = []
        for (i, k), terms in found.items():
            sign = 1 if terms[0][1] > 0 else -1
            rounded = tuple((j, sign * round(value, 14)) for j, value in terms)
            result.append(((sign, i, k), rounded))
        return tuple(result)


@dataclass(frozen=True)
class Product:
    """A convolution: neighbours' features, coupled with edges and weighted, summed over each atom.

    ``message[a, k, u] = sum over edges (a, b) of coupling[i, j, k] feature[b, i, u] harmonic[j] w``

    The weight w of each path and channel is a linear function of the `hidden` numbers of the edge,
    ``w = h W``. Weights of all paths are joined in the order of the paths.

    Attributes
    ----------
    features, messages
        The blocks of inputs and of outputs.
    harmonics
        Number of components of the harmonics, of all degrees.
    hidden
        Number of inputs of the linear function.
    paths
        The couplings.
    """

    features: tuple[Block, ...]
    messages: tuple[Block, ...]
    harmonics: int
    hidden: int
    paths: tuple[Path, ...]

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """The first weight of each path."""
        found, total = [], 0
        for path in self.paths:
            found.append(total)
            total += self.features[path.feature].channels
        return tuple(found)

    @cached_property
    def n_weights(self) -> int:
        """Number of weights of an edge."""
        return sum(self.features[path.feature].channels for path in self.paths)

    @cached_property
    def n_couplings(self) -> int:
        """Number of nonzero coefficients, which the size of the kernels is proportional to."""
        return sum(len(path.coupling) for path in self.paths)

    @cached_property
    def digest(self) -> str:
        """A name of this product."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def __hash__(self) -> int:
        """Hash the digest: thousands of coefficients would take as long as a small kernel."""
        return int(self.digest, 16)

    def of_feature(self, feature: int) -> Iterator[tuple[int, Path]]:
        """Yield the paths from a block of features, with their numbers."""
        for number, path in enumerate(self.paths):
            if path.feature == feature:
                yield number, path


def is_odd(component: int) -> bool:
    """Say whether a component of the harmonics changes its sign with the direction of the edge."""
    return math.isqrt(component) % 2 == 1
