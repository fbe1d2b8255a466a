"""Spools: the same voxels, each block of the source decoded once, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import OptionError, StorageError
from ngprecomp.format.box import Box
from ngprecomp.pipeline.conversion import spooling
from ngprecomp.pipeline.conversion.spool import Layout, SpooledSource, fill
from ngprecomp.pipeline.conversion.spooling import choose_spool, planned_spool, spooled
from ngprecomp.storage.temporary import Temporary
from tests.pipeline.planned import PaperSource, planned

PAGES = (1024, 1024, 64, 1)  # of 1 MB; a slab of 16 makes one scale and takes 16 MB


@st.composite
def layouts(draw):
    shape = draw(st.tuples(*[st.integers(1, 20)] * 3))
    channels = draw(st.integers(1, 2))
    lo = tuple(draw(st.integers(0, n - 1)) for n in shape)
    hi = tuple(draw(st.integers(a + 1, n)) for a, n in zip(lo, shape, strict=True))
    along = draw(st.integers(0, 2))
    tile = [draw(st.integers(1, 20)) for _ in range(3)]
    tile[along] = hi[along] - lo[along]
    block = draw(st.tuples(*[st.integers(1, 6)] * 3))
    piece = tuple(b * draw(st.integers(1, 4)) for b in block)
    dtype = np.dtype(draw(st.sampled_from(["uint8", "uint64", "float32", "bool"])))
    source = PaperSource((*shape, channels), block, dtype)
    return source, Layout(Box(lo, hi), along, tuple(tile), piece, draw(st.integers(0, 2)), 0, dtype, channels)


@settings(max_examples=40)
@given(layouts(), st.data())
def test_a_spool_holds_the_voxels_of_its_part(tmp_path_factory, case, data):
    source, layout = case
    part = layout.part
    lo = tuple(data.draw(st.integers(a, b - 1)) for a, b in zip(part.lo, part.hi, strict=True))
    hi = tuple(data.draw(st.integers(a + 1, b)) for a, b in zip(lo, part.hi, strict=True))
    folder = tmp_path_factory.mktemp("spool")
    with Temporary(str(folder / "spool")) as file, ThreadPoolExecutor(2) as pool:
        fill(file, source, layout)
        blocks = [-(-b // s) - a // s for a, b, s in zip(part.lo, part.hi, source.block, strict=True)]
        assert source.decoded == np.prod(blocks), "each block is decoded once"
        assert os.path.getsize(file.path) == layout.nbytes
        copy = SpooledSource(source, layout, file.path)
        for box in (part, Box(lo, hi)):
            found = copy.read(box, data.draw(st.sampled_from([None, pool])))
            assert found.flags.f_contiguous
            np.testing.assert_array_equal(found, source.read(box))
    assert not list(folder.iterdir())


def test_a_spool_says_what_its_source_says():
    source = PaperSource((8, 8, 8, 2), (8, 8, 1), np.dtype("uint16"))
    copy = SpooledSource(source, Layout(Box.of_size((8, 8, 8)), 2, (8, 8, 8), (8, 8, 1), 0, 0, source.dtype, 2), "")
    for same in ("name", "shape", "dtype", "resolution", "voxel_offset", "notes", "unwritten_chunks", "files"):
        assert getattr(copy, same) == getattr(source, same)
    assert copy.axes == "czyx"


@pytest.mark.parametrize(
    ("memory", "block", "needed"),
    [
        (10**9, (1024, 1024, 1), False),  # thick slabs
        (40 * 10**6, (1024, 1024, 1), False),  # thin slabs
        (16 * 10**6, (1024, 1024, 1), True),
        (16 * 10**6, (16, 16, 16), False),
        (16 * 10**6, (1024, 16, 1), False),  # bands of strips
    ],
)
def test_a_spool_is_made_only_where_no_unit_within_the_memory_decodes_little(memory, block, needed):
    case = planned(PaperSource(PAGES, block), memory, chunk_size=(16, 16, 16))
    assert (planned_spool(*case) is not None) == needed


@pytest.mark.parametrize("along", [0, 1, 2])
def test_columns_run_along_the_thinnest_blocks(along):
    shape, block = ([thin if axis == along else 1024 for axis in range(3)] for thin in (64, 1))
    case = planned(PaperSource((*shape, 1), tuple(block)), 8 * 10**6, workers=1, chunk_size=(16, 16, 16))
    layout = planned_spool(*case)
    assert layout.along == along
    assert layout.tile[along] == 64
    assert all(piece % step == 0 for piece, step in zip(layout.piece, block, strict=True))


def test_only_the_box_is_spooled():
    box = ((-20, 500), (100, 1000), (3, 60))
    case = planned(
        PaperSource(PAGES, (1024, 1024, 1)), 10**7, chunk_size=(16, 16, 16), voxel_offset=(-30, 5, 0), box=box
    )
    layout = planned_spool(*case)
    assert layout.part == Box((10, 95, 3), (530, 995, 60))
    assert layout.nbytes == 520 * 900 * 57


def test_pages_that_are_larger_than_the_memory_are_refused():
    case = planned(PaperSource((4096, 4096, 64, 1), (4096, 4096, 1)), 40 * 10**6, chunk_size=(16, 16, 16))
    with pytest.raises(OptionError, match=r"decoded in blocks of \(4096, 4096, 1\) voxels, which takes \d+ bytes"):
        planned_spool(*case)


def test_a_folder_without_room_is_refused_with_both_numbers(tmp_path, monkeypatch):
    case = planned(PaperSource(PAGES, (1024, 1024, 1)), 16 * 10**6, chunk_size=(16, 16, 16), spool_dir=str(tmp_path))
    monkeypatch.setattr(spooling.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(StorageError, match=r"67\.1 MB, but .* has 1 MB free; choose .* or give \d+ MB of memory"):
        choose_spool(*case)


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    case = planned(
        PaperSource(PAGES, (1024, 1024, 1)), 16 * 10**6, chunk_size=(16, 16, 16), spool_dir=str(tmp_path / "none")
    )
    with pytest.raises(StorageError, match="none does not exist"):
        choose_spool(*case)


def test_what_a_killed_process_left_is_swept(tmp_path):
    program = (
        "import os\nfrom ngprecomp.storage.temporary import Temporary\n"
        f"Temporary({str(tmp_path / spooling.NAME)!r}).write(0, b'voxels')\nos._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    (dead,) = tmp_path.iterdir()
    (tmp_path / "mine").write_text("stays")
    case = planned(PaperSource(PAGES, (1024, 1024, 1)), 16 * 10**6, chunk_size=(16, 16, 16), spool_dir=str(tmp_path))
    with Temporary(str(tmp_path / spooling.NAME)) as alive:
        choose_spool(*case)
        assert not dead.exists()
        assert os.path.exists(alive.path)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_spool_is_removed_whatever_ends_the_job(tmp_path, error):
    source, plan, options = planned(PaperSource(PAGES, (1024, 1024, 1)), 16 * 10**6, chunk_size=(16, 16, 16))
    layout = planned_spool(source, plan, options)

    def job():
        with spooled(source, layout, str(tmp_path)):
            assert len(list(tmp_path.iterdir())) == 1
            raise error

    with pytest.raises(error):
        job()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shard_size", [None, (64, 64, 64)])
def test_pages_in_little_memory_become_the_same_volume_and_are_decoded_once(tmp_path, shard_size):
    labels = np.random.default_rng(0).integers(0, 9, (6, 24, 24)).astype("uint64") + 2**63
    labels = labels.repeat(8, 0).repeat(16, 1).repeat(16, 2)[:43, :371, :380]
    with h5py.File(tmp_path / "pages.h5", "w") as file:
        file.create_dataset("labels", data=labels, chunks=(1, 371, 380), compression="gzip", compression_opts=1)
    (tmp_path / "spool").mkdir()
    reports = []
    for name, memory in (("much", "1GB"), ("little", "10MB")):
        reports.append(
            ng.convert(
                tmp_path / "pages.h5",
                tmp_path / name,
                voxel_offset=(-3, 0, 5),
                chunk_size=(16, 16, 16),
                shard_size=shard_size,
                memory=memory,
                workers=2,
                spool_dir=tmp_path / "spool",
            )
        )
    files = sorted(path.relative_to(tmp_path / "much") for path in (tmp_path / "much").rglob("*") if path.is_file())
    assert len(files) > 5
    for path in files:
        if path.name != "provenance":
            assert (tmp_path / "much" / path).read_bytes() == (tmp_path / "little" / path).read_bytes()
    assert reports[0].decoded_bytes == reports[1].decoded_bytes, "read once, and the same samples"
    assert not list((tmp_path / "spool").iterdir())
