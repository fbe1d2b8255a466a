"""Jobs that are killed in the middle: ``python -m tests.faults.crashes 100 [SEED]`` kills each so many times.

A job dies by SIGKILL before one of its calls that change files, or with half of a write done. Afterwards every object
is the old or the new one, everything that is there opens, and the same job finishes what was begun.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import ngprecomp as ng
from ngprecomp.errors import NotFoundError
from ngprecomp.storage.local import LOCK_FOLDER
from ngprecomp.storage.temporary import is_abandoned, is_temporary
from ngprecomp.volume.places import JOURNAL_FOLDER, JOURNAL_KEY, REMOVAL_KEY
from tests.faults.writers import count, die

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = (24, 20, 16)
CHUNK = (8, 8, 8)
SHARDS = {"shard_size": (16, 16, 8)}

Tree = dict[str, bytes]


@dataclass(frozen=True)
class Job:
    """What is there before, and what is done to it; both take the folder of the volume."""

    name: str
    prepare: Callable[[Path], object]
    run: Callable[[Path], object]


def voxels(seed: int) -> np.ndarray:
    """Return noise without zeros, [x, y, z, channel]."""
    return np.random.default_rng(seed).integers(1, 250, (*SIZE, 1)).astype(np.uint8)


def filled(folder: Path, **options: object) -> None:
    """Make the volume that is there before."""
    ng.create(folder, shape=SIZE, dtype="uint8", chunk_size=CHUNK, key="s", **options)[...] = voxels(1)


def source(folder: Path) -> Path:
    """Return a file to read from, beside the volume."""
    path = folder.parent / "source.npy"
    if not path.exists():
        np.save(path, voxels(2)[..., 0].T)
    return path


def volume(folder: Path) -> Path:
    """Return a volume to copy, beside the other."""
    path = folder.parent / "source"
    if not path.exists():
        filled(path)
    return path


def written(folder: Path) -> None:
    """Write over all but the first plane, so that chunks at the border are read, changed and written."""
    ng.open(folder, threads=1)[1:] = voxels(2)[1:]


def converted(folder: Path, **options: object) -> None:
    """Convert a file with two coarser scales."""
    ng.convert(source(folder), folder, chunk_size=CHUNK, levels=2, resolution=(8, 8, 8), workers=1, **options)


JOBS = {
    job.name: job
    for job in (
        Job("create", filled, lambda folder: ng.create(folder, shape=SIZE, dtype="uint8", key="t", exist="replace")),
        Job("write", filled, written),
        Job("write into shards", partial(filled, **SHARDS), written),
        Job("convert", source, partial(converted, shard_size=None)),
        Job("convert to shards", source, partial(converted, **SHARDS, checksums=True)),
        Job("pyramid", filled, lambda folder: ng.build_pyramid(folder, levels=2, workers=1)),
        Job("ingest", filled, lambda folder: ng.ingest(source(folder), folder, (0, 0, 0), workers=1)),
        Job(
            "ingest into shards",
            partial(filled, **SHARDS),
            lambda folder: ng.ingest(source(folder), folder, (0, 0, 0), workers=1),
        ),
        Job("copy", volume, lambda folder: ng.copy(volume(folder), folder, workers=1)),
        Job("copy to shards", volume, lambda folder: ng.copy(volume(folder), folder, workers=1, **SHARDS)),
    )
}


class Harness:
    """Kills a job again and again in folders of its own."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.job = job
        self.folder = folder
        job.prepare(folder / "first")
        self.old = tree(folder / "first")
        job.run(folder / "first")  # kernels are loaded now, and every child begins with them
        self.new = tree(folder / "first")
        job.prepare(folder / "second")
        self.calls = count(partial(job.run, folder / "second"))
        assert tree(folder / "second") == self.new, "the job does not always make the same"

    def kill(self, at: int) -> None:
        """Let the job die before the call number `at`, look at what it leaves, and finish it."""
        volume = self.folder / "killed"
        shutil.rmtree(volume, ignore_errors=True)
        self.job.prepare(volume)
        process = multiprocessing.get_context("fork").Process(target=die, args=(partial(self.job.run, volume), at))
        process.start()
        process.join()
        assert process.exitcode == -9, f"call {at} of {self.calls}: exit status {process.exitcode}"
        self._look(volume, f"{self.job.name}, killed before call {at} of {self.calls}")
        if _lasting(volume) != self.new:  # else nothing but the tidying up was missing
            self.job.run(volume)
        assert _lasting(volume) == self.new, (
            f"{self.job.name}, killed before call {at}: the second run makes something else"
        )

    def _look(self, volume: Path, where: str) -> None:
        """Raise unless all objects are old or new ones, temporaries are known as abandoned, and what is there opens."""
        for key, data in tree(volume).items():
            if _is_passing(key):
                name = key.rpartition("/")[2]
                assert not is_temporary(name) or is_abandoned(name), f"{where}: {key} is not known as abandoned"
            elif key not in (JOURNAL_KEY, REMOVAL_KEY):
                assert data in (self.old.get(key), self.new.get(key)), f"{where}: {key} is neither old nor new"
        try:
            scales = len(ng.open(volume).scales)
        except NotFoundError:
            return
        for scale in range(scales):
            ng.open(volume, scale)[...]


def _lasting(folder: Path) -> Tree:
    """Return the files of a volume that are there to stay."""
    return {key: data for key, data in tree(folder).items() if not _is_passing(key)}


def _is_passing(key: str) -> bool:
    """Whether a file is a lock, a temporary or a part of a journal: left by dead processes, they disturb nobody."""
    return key.startswith((LOCK_FOLDER, f"{JOURNAL_FOLDER}/")) or is_temporary(key.rpartition("/")[2])


def tree(folder: Path) -> Tree:
    """Return the files of a volume by key, without `provenance`, which holds a date."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "provenance"
    }


def kill_often(name: str, times: int, seed: int, folder: Path) -> int:
    """Kill a job so many times at random calls and return how many calls it has."""
    harness = Harness(JOBS[name], folder)
    rng = random.Random(f"{name} {seed}")
    for _ in range(times):
        harness.kill(rng.randint(1, harness.calls))
    return harness.calls


def main() -> int:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("times", type=int)
    parser.add_argument("seed", type=int, nargs="?", default=random.randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    for name in JOBS:
        with tempfile.TemporaryDirectory() as folder:
            calls = kill_often(name, options.times, options.seed, Path(folder))
        print(f"{name}: {options.times} kills among {calls} calls, all old or new, all finished", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
