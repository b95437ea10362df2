"""Coupling coefficients of real spherical harmonics, without a library that takes seconds to load.

Phases and order of the components are those of e3nn, whose weights our models use: the components
of degree 1 are x, y, z.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from math import factorial


@functools.cache
def wigner_3j(l1: int, l2: int, l3: int) -> tuple[tuple[int, int, int, float], ...]:
    """Return the nonzero Wigner 3j symbols of three degrees in the real basis.

    Returns
    -------
    Components i, j, k, each from 0, and the coefficient of each. The sum of all their squares
    is 1.

    References
    ----------
    The complex coefficients are Racah's sum over factorials (Phys. Rev. 62, 438 (1942), eq. 15).
    """
    found: dict[tuple[int, int, int], complex] = {}
    for m1 in range(-l1, l1 + 1):
        for m2 in range(-l2, l2 + 1):
            if abs(m1 + m2) > l3:
                continue
            coefficient = _clebsch_gordan(l1, m1, l2, m2, l3)
            for i, first in _real(l1, m1):
                for j, second in _real(l2, m2):
                    for k, third in _real(l3, m1 + m2):
                        term = coefficient * first * second * third.conjugate()
                        found[i, j, k] = found.get((i, j, k), 0) + term
    values = {place: value.real for place, value in found.items() if abs(value.real) > 1e-12}
    norm = math.sqrt(sum(value**2 for value in values.values()))
    return tuple((*place, value / norm) for place, value in sorted(values.items()))


def _real(degree: int, order: int) -> list[tuple[int, complex]]:
    """Return the real components of the complex function of an order, and the factor of each."""
    phase = (-1j) ** degree
    if order == 0:
        return [(degree, phase)]
    size = abs(order)
    factor = phase / math.sqrt(2)
    if order < 0:
        return [(degree + size, factor), (degree - size, -1j * factor)]
    sign = (-1) ** order
    return [(degree + size, sign * factor), (degree - size, 1j * sign * factor)]


def _clebsch_gordan(l1: int, m1: int, l2: int, m2: int, l3: int) -> float:
    """Return <l1 m1 l2 m2 | l3 m1+m2>."""
    m3 = m1 + m2
    square = Fraction(
        (2 * l3 + 1)
        * factorial(l3 + l1 - l2)
        * factorial(l3 - l1 + l2)
        * factorial(l1 + l2 - l3)
        * factorial(l3 + m3)
        * factorial(l3 - m3),
        factorial(l1 + l2 + l3 + 1)
        * factorial(l1 - m1)
        * factorial(l1 + m1)
        * factorial(l2 - m2)
        * factorial(l2 + m2),
    )
    total = Fraction(0)
    for v in range(max(-l1 + l2 + m3, -l1 + m1, 0), min(l2 + l3 + m1, l3 - l1 + l2, l3 + m3) + 1):
        total += Fraction(
            (-1) ** (v + l2 + m2) * factorial(l2 + l3 + m1 - v) * factorial(l1 - m1 + v),
            factorial(v)
            * factorial(l3 - l1 + l2 - v)
            * factorial(l3 + m3 - v)
            * factorial(v + l1 - l2 - m3),
        )
    return float(total) * math.sqrt(square)
