"""Couplings are those of e3nn, whose weights the models use."""

from __future__ import annotations

import itertools

import pytest
import torch
from e3nn import o3

from hub.potentials.kernels.coupling import wigner_3j


@pytest.mark.parametrize(
    "degrees",
    [
        each
        for each in itertools.product(range(5), repeat=3)
        if abs(each[0] - each[1]) <= each[2] <= each[0] + each[1]
    ],
    ids=str,
)
def test_wigner_3j(degrees):
    expected = o3.wigner_3j(*degrees, dtype=torch.float64)
    found = torch.zeros_like(expected)
    for i, j, k, value in wigner_3j(*degrees):
        assert value != 0
        found[i, j, k] = value
    assert float((found - expected).abs().max()) < 1e-13


def test_every_coefficient_is_given_once():
    places = [each[:3] for each in wigner_3j(2, 3, 4)]
    assert places == sorted(set(places))
