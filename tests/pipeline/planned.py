"""Sources and plans for tests of what is decided before a conversion begins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ngprecomp.pipeline.conversion.choices import Wishes
from ngprecomp.pipeline.conversion.plan import Options, plan_conversion
from ngprecomp.pipeline.engine.making import Running
from ngprecomp.pipeline.progress import ignore_progress
from ngprecomp.volume.creating import Storage

UINT8 = np.dtype("uint8")


@dataclass
class PaperSource:
    """A source on paper, of any size: its voxels are made when they are read, and each touched block is counted."""

    shape: tuple[int, int, int, int]
    block: tuple[int, int, int]
    dtype: np.dtype = UINT8
    axes: str = "zyx"
    decoded: int = 0
    name = "paper"
    resolution = (8.0, 8.0, 8.0)
    voxel_offset = None
    notes = ()
    unwritten_chunks = 0
    files = ()

    @property
    def decoded_bytes(self):
        return self.decoded * math.prod(self.block) * self.shape[3] * self.dtype.itemsize

    def read(self, box, pool=None):
        self.decoded += math.prod(-(-hi // b) - lo // b for lo, hi, b in zip(box.lo, box.hi, self.block, strict=True))
        x, y, z = (np.arange(lo, hi) for lo, hi in zip(box.lo, box.hi, strict=True))
        voxels = (x[:, None, None] * 3 + y[:, None] * 5 + z * 7)[..., None] + np.arange(self.shape[3])
        return np.asfortranarray(voxels.astype(self.dtype))

    def close(self):
        pass


def options(memory, workers=2, *, kind="image", chunk_size=(64, 64, 64), shard_size=None, **rest):
    """Return the options of a conversion; `rest` are fields of `Options`."""
    running = Running(memory, workers, ignore_progress, spool_dir=rest.pop("spool_dir", None))
    offset = rest.pop("voxel_offset", None)
    fields = {"compression": "", "compress_level": None, "levels": None, "factor": None, "method": None, "box": None}
    return Options(
        Wishes(kind, voxel_offset=offset),
        Storage(rest.pop("encoding", None), chunk_size=chunk_size),
        shard_size,
        running=running,
        **{**fields, **rest},
    )


def planned(source, memory, **rest):
    """Return source, plan and options; what planning itself read is not counted."""
    asked = options(memory, **rest)
    plan = plan_conversion(source, asked)
    source.decoded = 0
    return source, plan, asked
