"""A compiled function is called in the threads of the OpenMP library that torch has loaded."""

from __future__ import annotations

import pytest
import torch

from hub.potentials.kernels import parallel, team
from hub.potentials.kernels.machine import load_function

_STORE = """
define void @mlip_hub_test_store(i64 %at, i64 %value, i64 %other) nounwind {
  %place = inttoptr i64 %at to ptr
  %sum = add i64 %value, %other
  store i64 %sum, ptr %place
  ret void
}
"""


@pytest.fixture
def store():
    """Return a function that stores the sum of two numbers at an address."""
    return load_function(_STORE, "mlip_hub_test_store", 3)


def _calls(n_calls: int) -> tuple[torch.Tensor, list[tuple[int, ...]]]:
    numbers = torch.zeros(n_calls, dtype=torch.int64)
    return numbers, [(numbers[i:].data_ptr(), 10 * i, i) for i in range(n_calls)]


@pytest.mark.parametrize("n_calls", [2, 3, 17])
def test_each_call_is_made_once_with_its_arguments(store, n_calls) -> None:
    numbers, calls = _calls(n_calls)
    if not team.run(store, calls):
        pytest.skip("torch uses another OpenMP library")
    assert numbers.tolist() == [11 * i for i in range(n_calls)]


@pytest.mark.parametrize("n_calls", [1, 2, 5])
def test_without_such_a_library_threads_of_python_do_it(store, n_calls, monkeypatch) -> None:
    monkeypatch.setattr(team, "_openmp", lambda: None)
    numbers, calls = _calls(n_calls)
    parallel.run(store, calls)
    assert numbers.tolist() == [11 * i for i in range(n_calls)]


def test_fewer_threads_than_calls(store, monkeypatch) -> None:
    """A limit on threads leaves nothing undone."""
    openmp = team._openmp()
    if openmp is None:
        pytest.skip("torch uses another OpenMP library")
    fewer = openmp._replace(
        start=lambda member, data, _, flags: openmp.start(member, data, 2, flags)
    )
    monkeypatch.setattr(team, "_openmp", lambda: fewer)
    numbers, calls = _calls(7)
    parallel.run(store, calls)
    assert numbers.tolist() == [11 * i for i in range(7)]
