"""Which objects stay in coarser scales, and how much foreground: mode, thin, and the sparse mode of tinybrain.

    python -m benchmarks.thin_objects [labels.h5:path/in/file]

For each scene and method a row: kept objects, and the part of the voxels that is foreground, relative to that of the
first scale, over five halvings of all axes. Without a file there are the generated scenes only: axons one voxel wide in
all directions, a few, many, and among large cells.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import tinybrain
from numpy.typing import NDArray

import ngprecomp as ng

if TYPE_CHECKING:
    from collections.abc import Callable

Labels = NDArray[Any]

SCALES = 5
FACTOR = (2, 2, 2)
EDGE = 256
AXONS = 10**6  # labels of axons begin here


def axons(count: int, *, cells: int = 0) -> Labels:
    """Return straight lines one voxel wide in random directions, over balls of 8 to 28 voxels radius."""
    rng = np.random.default_rng(0)
    labels = np.zeros((EDGE,) * 3, np.uint64, order="F")
    for label in range(1, cells + 1):
        centre, radius = rng.integers(0, EDGE, 3), rng.integers(8, 28)
        box = tuple(slice(max(0, c - radius), min(EDGE, c + radius)) for c in centre)
        far = sum((axis - c) ** 2 for axis, c in zip(np.ogrid[box], centre, strict=True))
        labels[box][far < radius**2] = label
    steps = np.arange(-2 * EDGE, 2 * EDGE, 0.5)[:, np.newaxis]
    for label in range(AXONS, AXONS + count):
        direction = rng.normal(size=3)
        line = np.floor(rng.uniform(0, EDGE, 3) + steps * direction / np.linalg.norm(direction)).astype(int)
        x, y, z = line[((line >= 0) & (line < EDGE)).all(axis=1)].T
        labels[x, y, z] = label
    return labels


def sparse(labels: Labels) -> Labels:
    """Return what tinybrain makes where zeros do not count."""
    made = tinybrain.downsample_segmentation(labels[..., np.newaxis], FACTOR, num_mips=1, sparse=True)
    return np.asfortranarray(made[0][..., 0])


METHODS: dict[str, Callable[[Labels], Labels]] = {
    "mode": lambda labels: ng.downsample(labels, FACTOR, "mode"),
    "thin": lambda labels: ng.downsample(labels, FACTOR, "thin"),
    "tinybrain sparse": sparse,
}


def show(scene: str, labels: Labels) -> None:
    """Print the rows of a scene."""
    objects, foreground = np.unique(labels[labels != 0]).size, np.count_nonzero(labels) / labels.size
    size = " x ".join(map(str, labels.shape))
    print(f"\n{scene}: {size}, {objects} objects, foreground {foreground:.2%}")
    print(f"{'':18}" + "".join(f"{f'scale {k}':>20}" for k in range(1, SCALES + 1)))
    for name, method in METHODS.items():
        row, coarse = "", labels
        for _ in range(SCALES):
            coarse = method(coarse)
            kept = np.unique(coarse[coarse != 0]).size
            row += f"{kept:12d} {np.count_nonzero(coarse) / coarse.size / foreground:7.2f}"
        print(f"{name:18}{row}")


def main() -> None:
    """Print the table."""
    print("kept objects, and foreground relative to that of the first scale")
    if len(sys.argv) > 1:
        path, name = sys.argv[1].split(":")
        with h5py.File(path) as file:
            show(name, file[name][...].T)
    show("few axons", axons(20))
    show("many axons", axons(200))
    show("axons among cells", axons(100, cells=150))


if __name__ == "__main__":
    main()
