"""Tasks on a Dask cluster of real processes."""

import pytest

from hub.jobs.pool import InProcess, Tasks
from tests.hub.jobs.functions import double, read

dask_pool = pytest.importorskip("hub.jobs.dask_pool")


def results(pool):
    with pool as workers:
        tasks = Tasks(workers)
        for number in range(5):
            tasks.add(number, double, number)
        tasks.add("file", read, "here.txt")
        return dict(tasks.finished())


@pytest.mark.slow
def test_tasks_find_the_files_of_whoever_asks(dask_cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.txt").write_text("found")
    assert results(dask_pool.DaskPool(dask_cluster)) == results(InProcess())
