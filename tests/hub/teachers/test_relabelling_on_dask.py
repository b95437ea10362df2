"""Labels from a Dask cluster of real processes, some of which are killed."""

import os
import signal
import stat
import time
from importlib.util import find_spec

import numpy as np
import pytest

from hub.datasets.loading import load_dataset
from hub.errors import JobError
from hub.jobs.pool import LocalPool
from hub.teachers.relabelling import relabel
from hub.teachers.verifying import verify_labels
from tests.hub.teachers.conftest import moody

distributed = pytest.importorskip("distributed", reason="needs mlip-hub[dask]")
dask_pool = pytest.importorskip("hub.jobs.dask_pool")

# Not imported here: that changes what Ctrl-C does.
jobqueue = pytest.mark.skipif(not find_spec("dask_jobqueue"), reason="needs mlip-hub[dask]")

SIZES = range(2, 42)


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes; what kills both is given back."""
    import dask

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
    ):
        yield cluster


def pids(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        return sorted(client.run(os.getpid).values())


@pytest.mark.slow
def test_a_worker_that_is_killed_midway_costs_nothing(cluster, make_dataset, tmp_path):
    make_dataset(SIZES)
    victim, other = pids(cluster)

    def kill(done, total):
        if done >= 10 and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            os.kill(victim, signal.SIGKILL)

    teacher = moody(log=str(tmp_path / "log"), seconds=0.05)
    workers = dask_pool.DaskPool(cluster.scheduler_address)
    assert workers.capacity == 4
    done = relabel("clusters", teacher, "dask", pool=workers, progress=kill, verify=5)
    assert (tmp_path / "killed").exists()
    assert victim not in pids(cluster)
    assert other in pids(cluster)
    assert not done.failures
    here = relabel("clusters", moody(), "here", pool=LocalPool(1)).version.reference
    dask, here = (load_dataset(str(here), labels=labels) for labels in ("dask", "here"))
    np.testing.assert_array_equal(dask.energies, here.energies)
    np.testing.assert_array_equal(dask.forces, here.forces)
    calls = (tmp_path / "log").read_text().split()
    # The isolated atom, each structure, the tasks under way at the death, and the verification.
    assert 1 + 40 + 5 <= len(calls) < 1 + 40 + 5 + 40


@pytest.mark.slow
def test_what_kills_workers_is_found_and_masked(cluster, make_dataset):
    make_dataset(range(2, 8))
    workers = dask_pool.DaskPool(cluster)
    done = relabel("clusters", moody(kills=[5], fails=[7]), "lj", pool=workers)
    assert sorted(done.failures) == [3, 5]
    assert done.failures[3].startswith("every worker that tried died")
    again = dask_pool.DaskPool(cluster)
    assert verify_labels("clusters", moody(), "lj", 10, pool=again).n_structures == 4


@pytest.mark.slow
def test_the_command_works_on_a_cluster(cluster, make_dataset, command):
    make_dataset(range(2, 8))
    teacher = ("--teacher", "ase:ase.calculators.lj.LennardJones", "--as", "lj")
    address = cluster.scheduler_address
    done = command("relabel", "clusters", *teacher, "--dask", address, "--verify", 3)
    assert done.out == "local/clusters@1.1.0\n"


def test_clusters_that_cannot_be_used(monkeypatch):
    monkeypatch.setattr(dask_pool, "_PATIENCE", 0.2)
    with pytest.raises(JobError, match=r"cannot connect to a Dask scheduler at tcp://127.0.0.1:9"):
        dask_pool.DaskPool("tcp://127.0.0.1:9")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=3, processes=False, dashboard_address=None
        ) as cluster,
        pytest.raises(JobError, match="has 3 threads"),
    ):
        dask_pool.DaskPool(cluster)


SBATCH = """#!/bin/sh
cp "$1" "$0.job"
setsid bash "$0.job" > "$0.log" 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
kill -- -"$1"
"""


@jobqueue
@pytest.mark.slow
def test_slurm_jobs_are_asked_for_and_ended(make_dataset, tmp_path, monkeypatch):
    """There is no SLURM here: its two commands are played by scripts that run the jobs."""
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    make_dataset(range(2, 8))
    options = {"cores": 2, "memory": "2GB", "scheduler_options": {"dashboard_address": None}}
    workers = dask_pool.SlurmPool(options, 2)
    script = workers.cluster.job_script()
    assert "--nthreads 1" in script
    assert "--nworkers 2" in script
    assert "export OMP_NUM_THREADS=1" in script
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not relabel("clusters", moody(), "lj", pool=workers).failures
    log = tmp_path / "sbatch.log"
    deadline = time.monotonic() + 20
    while "Closing" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@jobqueue
def test_slurm_says_what_it_lacks():
    with pytest.raises(JobError, match="cannot request workers from SLURM"):
        dask_pool.SlurmPool({}, 1)
