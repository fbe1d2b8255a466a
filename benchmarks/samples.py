"""What is measured: an image and its labels, real where they are there, else generated, as arrays and as files.

A cube is filled with mirrored and rotated parts of the data, so that no part comes twice in the same orientation while
there are others. Files are made once and kept in a cache folder.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Volume = NDArray[Any]

LABELS_FILE = ("connectomics_seg.h5", "volumes/labels/neuron_ids")
IMAGE_FOLDER = "sstem_stack1"
LARGE_LABELS = np.uint64(720_000_000_000_000_000)  # identifiers of 64 bits, as large segmentations have
CHUNK = (64, 64, 64)


@dataclass(frozen=True)
class Samples:
    """An image of uint8 and labels of uint64, cubes of `edge` voxels, with a cache of the files made of them.

    Parameters
    ----------
    data
        The folder of the real data, or None: then they are generated.
    """

    data: Path | None
    cache: Path
    edge: int

    @property
    def origin(self) -> str:
        """Return what the data are, for the head of the table."""
        return "real tissue" if self.data else "generated tissue"

    @cached_property
    def folder(self) -> Path:
        """Return the cache folder of these samples, made if needed."""
        folder = self.cache / f"{'real' if self.data else 'generated'}-{self.edge}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def array(self, kind: str) -> Volume:
        """Return ``"image"`` (uint8) or ``"labels"`` (uint64), Fortran-ordered [x, y, z]."""
        return np.load(self.array_file(kind)).T

    def array_file(self, kind: str) -> Path:
        """Return the .npy file of an array, z, y, x."""
        path = self.folder / f"{kind}.npy"
        if not path.exists():
            made = self._image() if kind == "image" else self._labels()
            part = path.with_suffix(".part.npy")
            np.save(part, np.ascontiguousarray(made.T))
            part.rename(path)
        return path

    def hdf5(self, kind: str) -> str:
        """Return ``"file:dataset"`` of an HDF5 file, gzip level 4, chunks of 64 x 64 x 64."""
        path = self.folder / f"{kind}.h5"
        if not path.exists():
            part = path.with_suffix(".part")
            with h5py.File(part, "w") as file:
                file.create_dataset(kind, data=self.array(kind).T, chunks=CHUNK, compression="gzip", compression_opts=4)
            part.rename(path)
        return f"{path}:{kind}"

    def tiff(self, compression: str) -> str:
        """Return a folder of the image's sections as TIFF files: ``"none"``, ``"deflate"`` or ``"lzw"``."""
        folder = self.folder / f"sections-{compression}"
        if not folder.exists():
            part = folder.with_suffix(".part")
            part.mkdir(exist_ok=True)
            for z, section in enumerate(self.array("image").T):
                tifffile.imwrite(
                    part / f"section_{z:04}.tif", section, compression=None if compression == "none" else compression
                )
            part.rename(folder)
        return str(folder)

    def _image(self) -> Volume:
        if self.data is None:
            return filled(generated()[0], self.edge)
        sections = [tifffile.imread(path) for path in sorted((self.data / IMAGE_FOLDER).glob("*.tif"))]
        return filled(np.stack(sections).T, self.edge)

    def _labels(self) -> Volume:
        if self.data is None:
            labels = generated()[1]
        else:
            with h5py.File(self.data / LABELS_FILE[0]) as file:
                labels = file[LABELS_FILE[1]][...].T
        cube = filled(labels, self.edge, distinct=True)
        return np.where(cube > 0, cube + LARGE_LABELS, np.uint64(0))


def generated() -> tuple[Volume, Volume]:
    """Return the image and the labels that the project's quickstart makes, [x, y, z]."""
    from examples.quickstart import make_tissue

    return make_tissue()


def filled(volume: Volume, edge: int, *, distinct: bool = False) -> Volume:
    """Return a cube made of the volume's parts, each mirrored and transposed differently, stacked along z.

    With `distinct` the labels of each part are others than those of the parts before; zero stays zero.
    """
    wider = [(0, max(0, edge - side)) for side in volume.shape[:2]]
    volume = np.pad(volume, [*wider, (0, 0)], mode="symmetric")
    step = volume.max() + volume.dtype.type(1) if distinct else volume.dtype.type(0)
    cube = np.empty((edge,) * 3, volume.dtype, order="F")
    z = 0
    for number, part in enumerate(itertools.cycle(_parts(volume, edge))):
        depth = min(part.shape[2], edge - z)
        place = cube[:, :, z : z + depth]
        np.copyto(place, part[:, :, :depth])
        np.add(place, volume.dtype.type(number) * step, out=place, where=place > 0)
        z += depth
        if z == edge:
            return cube
    raise AssertionError("a volume has parts")


def _parts(volume: Volume, edge: int) -> Iterator[Volume]:
    for transposed, mirror_x, mirror_y in itertools.product((False, True), (1, -1), (1, -1)):
        for x, y in itertools.product(
            range(0, volume.shape[0] - edge + 1, edge), range(0, volume.shape[1] - edge + 1, edge)
        ):
            part = volume[x : x + edge, y : y + edge][::mirror_x, ::mirror_y]
            yield part.swapaxes(0, 1) if transposed else part
