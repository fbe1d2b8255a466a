"""`ng.plan`: conversions told before they are done, also of volumes that exist only on paper."""

from __future__ import annotations

import json
import math
import tracemalloc

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main
from ngprecomp.errors import OptionError, SourceError

SEED = (34432, 39552, 51508)
TEN_PETABYTES = (215_443, 215_443, 215_444)


@pytest.fixture(scope="module", autouse=True)
def _warm():
    ng.plan(shape=(100, 100, 100), dtype="uint8")


@pytest.mark.parametrize("shape", [SEED, TEN_PETABYTES])
@pytest.mark.parametrize("storage", [{}, {"shard_size": None}, {"shard_size": (2048, 2048, 2048)}])
def test_paper_of_any_size_takes_no_memory_for_each_task(shape, storage):
    tracemalloc.start()
    told = ng.plan(shape=shape, dtype="uint8", resolution=(8, 8, 8), memory="16GB", workers=16, **storage)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 << 20
    assert told.source_bytes == told.decoded_bytes == math.prod(shape)
    assert told.held_bytes <= told.memory
    assert told.samples == 0
    assert math.prod(shape) <= told.scales[0].nbytes < 1.01 * math.prod(shape)
    assert told.tasks * told.rounds[0].task_bytes >= math.prod(shape)
    chunks = sum(scale.chunks for scale in told.scales)
    assert told.files == chunks if storage == {"shard_size": None} else told.files < chunks / 100
    assert told.requests.put > told.files
    assert told.dispatch_seconds["dask"] == pytest.approx(0.004 * told.tasks, rel=0.01)
    assert "before any compression" in str(told)


def test_an_axis_of_any_length():
    assert ng.plan(shape=(10**17, 1, 1), dtype="uint8").rounds[0].amplification == 1


def test_paper_tells_what_a_source_would(tmp_path):
    np.save(tmp_path / "image.npy", np.random.default_rng(0).integers(0, 256, (60, 70, 80), "u1"))
    how = {"resolution": (8, 8, 8), "chunk_size": (32, 32, 32), "shard_size": (64, 64, 64), "memory": "100MB"}
    source = ng.plan(tmp_path / "image.npy", tmp_path / "v", block=None, type="image", workers=2, **how)
    paper = ng.plan(shape=(80, 70, 60), dtype="uint8", block=(80, 1, 1), workers=2, **how)
    assert [scale.size for scale in source.scales] == [scale.size for scale in paper.scales]
    assert source.files == paper.files
    assert source.tasks == paper.tasks
    assert source.decoded_bytes == paper.decoded_bytes
    assert not (tmp_path / "v").exists()


def test_large_blocks_and_little_memory_are_read_more_often():
    told = ng.plan(shape=(8192, 8192, 8192), dtype="uint8", block=(8192, 8192, 1), memory="600MB", workers=1)
    assert told.spool_bytes == 8192**3
    told = ng.plan(shape=(8192, 8192, 8192), dtype="uint8", block=(512, 512, 512), memory="3GB", workers=1)
    assert told.spool_bytes == 0
    assert 1 <= told.rounds[0].amplification < 2


def test_types_and_channels_on_paper():
    labels = ng.plan(shape=(500, 400, 300), dtype="uint64")
    assert labels.notes[0].startswith("type segmentation")
    assert any("compressed_segmentation" in note for note in labels.notes)
    colours = ng.plan(shape=(500, 400, 300), dtype="uint8", num_channels=3, levels=0, shard_size=None)
    assert colours.nbytes == colours.source_bytes == 3 * 500 * 400 * 300
    assert ng.plan(shape=64, dtype="uint8").scales[0].size == (64, 64, 64)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "a source, or of a shape"),
        ({"source": "em.h5", "shape": (5, 5, 5), "dtype": "uint8"}, "a source, or of a shape"),
        ({"shape": (5, 5, 5)}, "needs a dtype"),
        ({"shape": (5, 0, 5), "dtype": "uint8"}, "shape"),
        ({"shape": (5, 5), "dtype": "uint8"}, "shape"),
        ({"shape": (5, 5, 5), "dtype": "uint7"}, "there is no data type 'uint7'"),
        ({"shape": (5, 5, 5), "dtype": "uint8", "num_channels": 0}, "num_channels is 1 or more, found 0"),
    ],
)
def test_what_cannot_be_planned(asked, sentence):
    with pytest.raises(OptionError, match=sentence):
        ng.plan(**asked)


def test_paper_has_no_percentiles():
    with pytest.raises(SourceError, match="holds no voxels to read"):
        ng.plan(shape=(500, 400, 300), dtype="uint16", percentile=(1, 99))


def test_the_command(tmp_path, capsys):
    words = ["--shape", "34432,39552,51508", "--dtype", "uint8", "--chunk-size", "64", "--levels", "3"]
    assert main(["plan", *words]) == 0
    text = capsys.readouterr().out
    assert "267,649,620" in text
    assert "tasks, given out in: threads " in text
    assert "of class A (" in text
    assert main(["plan", *words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["scales"]) == 4
    assert document["requests"]["put"] > document["files"]
    assert document["tasks"] == sum(one["footprints"] for one in document["rounds"])
    np.save(tmp_path / "image.npy", np.zeros((30, 40, 50), "u1"))
    assert main(["plan", str(tmp_path / "image.npy"), str(tmp_path / "v")]) == 0
    assert capsys.readouterr().out.startswith("forecast: ")
    assert not (tmp_path / "v").exists()
    assert main(["plan"]) == 2


def test_exact_scales_are_rounds_of_their_own():
    shape = {"shape": (512, 512, 512), "dtype": "uint8", "levels": 2, "factor": 2, "memory": "256MB"}
    told = ng.plan(**shape, exact=True)
    assert [one.scales for one in told.rounds] == [("1_1_1",), ("2_2_2",), ("4_4_4",)]
    assert told.tasks == sum(one.footprints for one in told.rounds) >= 3
    assert told.held_bytes <= told.memory
    assert told.requests.get > ng.plan(**shape).requests.get
