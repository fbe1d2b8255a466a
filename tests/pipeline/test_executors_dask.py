"""A dask cluster of two processes that writes into a bucket, and loses one of them on the way."""

from __future__ import annotations

import os
import signal
import uuid

import h5py
import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main
from ngprecomp.errors import OptionError
from ngprecomp.pipeline.engine import units
from ngprecomp.storage.locate import open_store
from tests.pipeline.killed import SMALL_UNITS
from tests.storage.servers import BUCKET, moto

__all__ = ["moto"]

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # of a cluster in this process that loses a worker

OPTIONS = {"chunk_size": 16, "shard_size": 32, "resolution": (16, 16, 40)}


@pytest.fixture(scope="module")
def cluster(moto):
    """Start workers that have the credentials of the bucket in their environment."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as local:
        yield local


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Return labels in rods of 8 voxels, one of them above 2**63."""
    path = tmp_path_factory.mktemp("source") / "labels.h5"
    labels = np.random.default_rng(3).integers(0, 2**64, (2, 18, 20), np.uint64)
    with h5py.File(path, "w") as file:
        voxels = labels.repeat(20, 0).repeat(6, 1).repeat(6, 2)
        file.create_dataset("ids", data=voxels, chunks=(16, 32, 32), compression="gzip")
    return f"{path}:ids"


def objects(where):
    """Return what a folder or bucket holds, by key, without the provenance, which has a date."""
    store = open_store(where)
    return {key: bytes(store.get(key).data) for key in store.list() if key != "provenance"}


def test_a_worker_that_is_killed_is_not_missed(cluster, moto, source, tmp_path, monkeypatch):
    for name, value in SMALL_UNITS.items():
        monkeypatch.setattr(units, name, value)
    alone = ng.convert(source, tmp_path / "alone", **OPTIONS)
    bucket = f"s3+{moto}/{BUCKET}/{uuid.uuid4().hex}"
    told = []
    with distributed.Client(cluster) as client:
        victim = next(iter(client.run(os.getpid).values()))

        def progress(done, total):
            told.append(done)
            if len(told) == 4:
                os.kill(victim, signal.SIGKILL)

        report = ng.convert(source, bucket, **OPTIONS, executor=client.get_executor(), progress=progress)
    assert objects(bucket) == objects(tmp_path / "alone")
    assert len(told) > 6
    assert told == sorted(told)
    assert report.scales == alone.scales
    assert ng.check(bucket, against=source).ok


def test_the_command_finds_the_scheduler(cluster, source, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["convert", source, str(out), "--shard-size", "32,32,32", "--chunk-size", "16,16,16", "--levels", "1"]
    assert main([*command, "--scheduler", cluster.scheduler_address, "--memory", "500MB"]) == 0
    assert "scale 2_2_1" in capsys.readouterr().out or ng.open(out).scales
    assert main(["check", str(out), "--against", source]) == 0


def test_paths_of_this_folder_mean_nothing_there(cluster, source, tmp_path, monkeypatch):
    path, _, name = source.rpartition(":")
    monkeypatch.chdir(os.path.dirname(path))
    with distributed.Client(cluster) as client, pytest.raises(OptionError, match=f"give the whole path, {path}"):
        ng.convert(f"labels.h5:{name}", tmp_path / "out", executor=client.get_executor())
