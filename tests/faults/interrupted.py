"""A process that is busy in threads until Ctrl-C; it says then when that came and when the last thread was gone."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import ngprecomp as ng

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = (128, 128, 64)
CHUNK = (32, 32, 32)


def filled(folder: Path, **options: object) -> ng.Volume:
    """Return a volume of noise."""
    vol = ng.create(folder, shape=SIZE, dtype="uint8", chunk_size=CHUNK, encoding="png", key="s", **options)
    vol[...] = np.random.default_rng(1).integers(1, 250, (*SIZE, 1)).astype(np.uint8)
    return ng.open(folder, threads=4)


def reading(folder: Path) -> Callable[[int], object]:
    """Return a step of reading."""
    vol = filled(folder)
    return lambda number: vol[...]


def writing(folder: Path, **options: object) -> Callable[[int], object]:
    """Return a step of writing."""
    vol = filled(folder, **options)
    voxels = vol[...]

    def step(number: int) -> None:
        vol[...] = voxels + np.uint8(number)

    return step


def converting(folder: Path) -> Callable[[int], object]:
    """Return a step of converting."""
    source = folder.parent / "source.npy"
    np.save(source, np.random.default_rng(1).integers(1, 250, SIZE).astype(np.uint8))
    options = {"chunk_size": CHUNK, "encoding": "png", "workers": 4, "resolution": (8, 8, 8)}
    return lambda number: ng.convert(source, folder / str(number), **options)


JOBS = {
    "read": reading,
    "write": writing,
    "shards": lambda folder: writing(folder, shard_size=(64, 64, 64)),
    "convert": converting,
}


def interrupted(name: str, folder: Path) -> None:
    """Work until Ctrl-C."""
    step = JOBS[name](folder)
    step(0)
    print("ready", flush=True)
    try:
        for number in itertools.count(1):
            step(number)
    except KeyboardInterrupt:
        raised = time.time()
    del step  # the volume, and with it the threads that wait for work
    threads = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in threads:
        thread.join(1)
    print(raised, time.time(), sum(thread.is_alive() for thread in threads), flush=True)


def main() -> None:
    """Work on one job after the other, as the lines of the standard input say."""
    for line in sys.stdin:
        name, folder = line.split()
        interrupted(name, Path(folder))


if __name__ == "__main__":
    main()
