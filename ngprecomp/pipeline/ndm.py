"""What NeuroDataManager's ``ndm`` does: a block of voxels from a TIFF file into a volume, or out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import NgprecompError, OptionError, SourceError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.pipeline.cutout import cutout
from ngprecomp.pipeline.ingest import ingest
from ngprecomp.sources.opening import open_source
from ngprecomp.sources.tiff.file import opened
from ngprecomp.volume.opening import open_volume

if TYPE_CHECKING:
    from ngprecomp.pipeline.progress import Progress
    from ngprecomp.pipeline.report import Report
    from ngprecomp.volume.handle import Volume
    from ngprecomp.volume.writing import Mode


def _example_scale(key: str, side: int, nanometres: float) -> dict[str, Any]:
    return {
        "key": key,
        "size": [side, side, 194],
        "voxel_offset": [0, 0, 0],
        "resolution": [nanometres, nanometres, 50.0],
        "chunk_sizes": [[512, 512, 16]],
        "encoding": "compressed_segmentation",
        "compressed_segmentation_block_size": [8, 8, 8],
    }


EXAMPLE_MANIFEST = {
    "@type": "neuroglancer_multiscale_volume",
    "type": "segmentation",
    "data_type": "uint32",
    "num_channels": 1,
    "scales": [_example_scale("0", 8192, 2.0), _example_scale("1", 4096, 4.0)],
}


@dataclass(frozen=True, slots=True)
class Block:
    """A block of one scale: voxels along x, y, z (0: as many as the file has) and where the first one lies.

    `absolute` says that the offset is in voxel coordinates; else the first stored voxel is 0, 0, 0 (ndm calls them
    image coordinates).
    """

    scale: str
    size: Triple
    offset: Triple
    absolute: bool

    def first_voxel(self, volume: Volume) -> Triple:
        """Return the absolute coordinates of the first voxel."""
        if self.absolute:
            return self.offset
        return triple(at + start for at, start in zip(self.offset, volume.voxel_offset, strict=True))


def put_block(
    folder: str,
    path: str,
    block: Block,
    *,
    datatype: str | None = None,
    gzip: bool | None = None,
    mode: Mode = "overwrite",
    progress: Progress | None = None,
) -> Report:
    """Put a TIFF file into a volume; `gzip` stores chunk files as gzip under plain names, None as the others are.

    Raises
    ------
    OptionError
        The size of the file is not that of the block.
    SourceError
        The file does not hold the data type.
    OutOfBoundsError
        The block leaves the volume.
    """
    volume = open_volume(folder, block.scale)
    axes = _axes(path)
    _check_file(path, axes, block.size, datatype)
    return ingest(
        path,
        volume,
        block.first_voxel(volume),
        axes=axes,
        mode=mode,
        compress=None if gzip is None else "plain-gzip" if gzip else "none",
        pyramid=False,
        progress=progress,
    )


def take_block(folder: str, path: str, block: Block, *, progress: Progress | None = None) -> Report:
    """Write a block of a volume to a TIFF file, a page for each z; one that exists is replaced.

    Raises
    ------
    OptionError
        The block has no size.
    OutOfBoundsError
        It leaves the volume.
    """
    if min(block.size) < 1:
        raise OptionError(f"a cutout needs -x, -y and -z of at least 1, found {', '.join(map(str, block.size))}")
    volume = open_volume(folder, block.scale)
    box = Box.of_size(block.size, block.first_voxel(volume))
    return cutout(volume, box.slices, path, format="tiff", overwrite=True, progress=progress)


def _axes(path: str) -> str | None:
    """Return that the pages of a grey TIFF file are z, whatever it calls them (ImageJ: time, channels), else None."""
    try:
        with opened(path) as file:
            grey = file.pages.first.samplesperpixel == 1 and file.series[0].ndim == 3
    except NgprecompError:  # no TIFF file, or a damaged one, of which the source says more
        return None
    return "zyx" if grey and len(file.series) == 1 else None


def _check_file(path: str, axes: str | None, size: Triple, datatype: str | None) -> None:
    source = open_source(path, axes=axes)
    try:
        found, channels, dtype = triple(source.shape[:3]), source.shape[3], source.dtype
    finally:
        source.close()
    if any(asked not in (0, there) for asked, there in zip(size, found, strict=True)):
        asked, there = (" x ".join(map(str, numbers)) for numbers in (size, found))
        of_channels = f" with {channels} channels" if channels > 1 else ""
        raise OptionError(f"-x, -y, -z ask for {asked} voxels, {path} holds {there}{of_channels}")
    if datatype is not None and dtype != np.dtype("float32" if datatype == "float" else datatype):
        raise SourceError(f"-datatype says {datatype}, {path} holds {dtype}")
