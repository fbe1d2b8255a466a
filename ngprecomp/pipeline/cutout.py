"""A box of a volume to one file: TIFF, HDF5, npy or NIfTI."""

from __future__ import annotations

import math
import os
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import OptionError, SourceError
from ngprecomp.pipeline.boxes import voxel_box
from ngprecomp.pipeline.conversion.lossless import survives
from ngprecomp.pipeline.progress import Progress, ignore_progress
from ngprecomp.pipeline.report import Report, ScaleReport, peak_memory
from ngprecomp.pipeline.sinks.output import Contents, appearing, check_output, depth_of, parse_output, write_file
from ngprecomp.pipeline.sinks.slabs import Slabs, Voxels, planes_within, reading_step
from ngprecomp.volume.budget import parse_memory, worker_count
from ngprecomp.volume.opening import handle_of
from ngprecomp.volume.reading import checked_missing
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from numpy.typing import DTypeLike

    from ngprecomp.format.box import Box
    from ngprecomp.pipeline.boxes import BoxLike
    from ngprecomp.volume.handle import Volume
    from ngprecomp.volume.opening import ScaleLike
    from ngprecomp.volume.reading import Missing


def cutout(  # noqa: PLR0913 - a public signature may be long
    volume: Volume | str | os.PathLike[str] | Mapping[str, Any],
    box: BoxLike | None,
    path: str | os.PathLike[str],
    *,
    scale: ScaleLike | None = None,
    at: ScaleLike | None = None,
    units: str | None = None,
    format: str | None = None,
    compression: str | None = None,
    dtype: DTypeLike | None = None,
    missing: Missing = "zero",
    memory: int | str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Write a box of a volume to a file, which appears when it is whole.

    Parameters
    ----------
    volume
        An open volume, or a path, URL or JSON spec.
    box
        ``((x0, x1), (y0, y1), (z0, z1))`` or three slices, half-open, absolute; None is the whole volume. It counts
        in voxels of the scale that is read unless `at` or `units` says otherwise; bounds between voxels are rounded
        outward.
    path
        ``.tif``, ``.h5`` (``cut.h5:path/in/file``, the dataset is ``data`` by default), ``.npy``, ``.nii`` or
        ``.nii.gz``. TIFF, HDF5 and npy hold z, y, x, NIfTI x, y, z.
    scale
        Which scale is read: an index, a key or a resolution in nm; that of the open volume or the first one.
    at
        The size of the voxels in which `box` counts: three lengths in nm, or the key or index of a scale.
    units
        A unit of length such as ``"nm"`` in which `box` counts.
    format
        ``"tiff"``, ``"hdf5"``, ``"npy"`` or ``"nifti"`` where the suffix of `path` does not tell.
    compression
        TIFF: ``"deflate"`` (the default), ``"lzw"``, ``"zstd"`` or ``"none"``; HDF5: ``"gzip"`` or ``"none"``.
    dtype
        The type in the file, if every value survives; that of the volume where not given.
    missing
        What absent chunks are: ``"zero"`` reads zeros and counts them, ``"error"`` raises MissingChunkError.
    memory, workers
        Bytes (``"512MB"``) that the job may hold, and threads (0 or None: those of the volume).
    overwrite
        Replace a file that exists.
    progress
        Called with finished and total voxels.

    Raises
    ------
    OutOfBoundsError
        The box leaves the domain, which is printed.
    ExistsError
        The file exists.
    OptionError
        An option is invalid.
    SourceError
        A value does not survive in `dtype`.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/cutout", shape=(64, 64, 20), dtype="uint8", resolution=(4, 4, 40))
    >>> vol[...] = 7
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "cut.npy")
    ...     report = ng.cutout(vol, ((0, 120), (0, 120), (80, 200)), path, units="nm")
    ...     np.load(path).shape
    (3, 30, 30)
    """
    began = time.monotonic()
    output = parse_output(path, format, compression)
    check_output(output, overwrite=overwrite)
    budget = parse_memory(memory)
    opened = handle_of(volume, scale)
    threads = Resources(worker_count(workers) if workers else opened.resources.threads)
    found, notes = voxel_box(box, opened, at=at, units=units)
    stored = _dtype(dtype, opened.dtype)
    reading_step(opened, found, stored, budget)  # refuses too little memory before anything is made
    contents = Contents(
        found.size,
        opened.shape[3],
        stored,
        opened.resolution,
        found.lo,
        depth_of(output, planes_within(budget, opened, found, stored)),
    )
    convert = partial(_converted, dtype=stored, name=f"{opened.url} scale {opened.key}")
    slabs = Slabs(
        replace(opened, resources=threads),
        found,
        checked_missing(missing),
        stored,
        convert,
        budget,
        contents.depth,
        output.folder,
    )
    with (
        closing(threads),
        appearing(output.path, overwrite=overwrite) as temporary,
        closing(_told(iter(slabs), math.prod(found.size), progress or ignore_progress)) as told,
    ):
        described = write_file(temporary, output, contents, told, threads)
        left = next(told, None)  # a writer need not ask for more than the last voxel, but progress hears of it here
        assert left is None, "a writer left voxels out"
        nbytes = os.path.getsize(temporary)
    chunks = math.prod(opened.scale.grid.touched(found).size)
    return Report(
        job="cutout",
        destination=output.path,
        scales=(ScaleReport(opened.key, found.size, chunks, 0, nbytes),),
        notes=(_place_note(opened, found), *notes, _dtype_note(stored, opened.dtype), described),
        seconds=time.monotonic() - began,
        read_bytes=math.prod(found.size) * opened.shape[3] * opened.dtype.itemsize,
        absent=slabs.absent,
        peak_bytes=peak_memory(),
    )


def _dtype(asked: DTypeLike | None, own: np.dtype[Any]) -> np.dtype[Any]:
    try:
        dtype = own if asked is None else np.dtype(asked).newbyteorder("=")
    except TypeError:
        raise OptionError(f"dtype is the name of a type of numbers such as uint32, found {asked!r}") from None
    if dtype.kind not in "uif" or dtype.itemsize > 8:
        raise OptionError(f"dtype is an integer or real type of at most 64 bits, found {dtype}")
    return dtype


def _converted(voxels: Voxels, box: Box, *, dtype: np.dtype[Any], name: str) -> Voxels:
    """Return voxels in the type of the file.

    Raises
    ------
    SourceError
        A value does not survive.
    """
    if voxels.dtype == dtype:
        return voxels
    if not np.can_cast(voxels.dtype, dtype, "safe") and not survives(voxels, dtype):
        raise SourceError(
            f"{name} at {box} holds {voxels.dtype} values from {voxels.min()} to {voxels.max()}, "
            f"which do not all survive in {dtype}"
        )
    return voxels.astype(dtype, order="F")


def _told(slabs: Iterator[Voxels], total: int, progress: Progress) -> Generator[Voxels]:
    """Yield the slabs, and tell of each when it is written, which is when the next one is asked for."""
    done = 0
    for slab in slabs:
        yield slab
        done += math.prod(slab.shape[:3])
        progress(done, total)


def _place_note(volume: Volume, box: Box) -> str:
    size = " x ".join(f"{step:g}" for step in volume.resolution)
    return f"box {box} (x, y, z) of scale {volume.scale_index} ({volume.key}), voxels of {size} nm"


def _dtype_note(stored: np.dtype[Any], own: np.dtype[Any]) -> str:
    return f"data type {stored}: " + ("that of the volume" if stored == own else f"as asked, every {own} survives")
