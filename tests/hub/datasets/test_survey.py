"""Which structures of a dataset are looked at together."""

from __future__ import annotations

import numpy as np
import pytest

from hub.datasets.survey import _divided


@pytest.mark.parametrize(
    ("densities", "groups"),
    [
        ([1.0, 3.5, 1.5, 2.0, 3.4], [[0, 2], [3], [1, 4]]),
        ([2.3, 2.31, 2.35], [[0, 1, 2]]),
        ([1.0, np.nan, 3.0], [[0], [2], [1]]),
        ([np.nan, np.nan], [[0, 1]]),
    ],
)
def test_structures_are_divided_by_density(densities, groups) -> None:
    divided = _divided(np.array(densities), one_element=True)
    assert [members.tolist() for members in divided] == groups
    (together,) = _divided(np.array(densities), one_element=False)
    assert together.tolist() == list(range(len(densities)))
