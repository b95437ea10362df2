"""Pools of processes: results, deaths and errors of tasks."""

import pytest

from hub.jobs.pool import InProcess, LocalPool, Lost, Tasks
from registry.errors import NotFoundError
from tests.hub.jobs.functions import die, die_once, double, refuse, threads


@pytest.mark.parametrize("make", [InProcess, lambda: LocalPool(2)])
def test_results_come_with_their_keys_and_more_can_be_added(make):
    found = {}
    with make() as pool:
        tasks = Tasks(pool)
        for number in range(3):
            tasks.add(number, double, number)
        for key, result in tasks.finished():
            found[key] = result
            if key < 3:
                tasks.add(key + 10, double, key + 10)
    assert found == {number: 2 * number for number in (0, 1, 2, 10, 11, 12)}
    assert len(tasks) == 0


def test_a_death_is_forgiven_once(tmp_path):
    with LocalPool(1) as pool:
        tasks = Tasks(pool)
        tasks.add("accident", die_once, str(tmp_path / "died"))
        tasks.add("killer", die)
        tasks.add("innocent", double, 4)
        found = dict(tasks.finished())
    assert (found["accident"], found["innocent"]) == ("survived", 8)
    assert found["killer"] == Lost("the process died (signal SIGKILL): something terrible")


def test_an_error_of_ours_is_raised_here():
    with LocalPool(1) as pool:
        tasks = Tasks(pool)
        tasks.add("wrong", refuse)
        with pytest.raises(NotFoundError, match="no such thing") as problem:
            list(tasks.finished())
    assert problem.value.hint == "Look elsewhere."


def test_a_process_computes_in_one_thread():
    with LocalPool(1) as pool:
        pool.submit("threads", threads)
        assert pool.wait() == ("threads", 1)
