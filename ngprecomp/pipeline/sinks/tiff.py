"""TIFF: one page for each plane, z slowest; voxel size and offset as ImageJ or OME write them."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import tifffile

from ngprecomp.pipeline.report import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.pipeline.sinks.output import Contents, Output, Voxels
    from ngprecomp.volume.resources import Resources

# tifffile calls deflate under its present number 8 zlib; its "deflate" is the number that was given up.
CODECS = {"none": None, "deflate": "zlib", "lzw": "lzw", "zstd": "zstd"}
IMAGEJ_TYPES = ("uint8", "uint16", "float32")
OME_TYPES = (*IMAGEJ_TYPES, "uint32", "int8", "int16", "int32", "float64")
CLASSIC_BYTES = 4_000_000_000  # the offsets of a classic TIFF have 32 bits, and pages have headers too
LARGEST_RATIONAL = 2**32 - 1
IN_FLIGHT = 8 << 20  # bytes of strips being encoded; tifffile's own 256 MB make nothing faster


def write_tiff(path: str, contents: Contents, slabs: Iterator[Voxels], output: Output, threads: Resources) -> str:
    """Write pages of gray values (0 is black), the channels of a plane one after the other.

    The description is ImageJ's where ImageJ reads such a file and its name is not ``.ome.tif``, else OME's; 64-bit
    integers, which neither knows, get tifffile's with OME's names. The file is a BigTIFF where the voxels alone may
    pass 4 GB.
    """
    axes, shape = stored_axes(contents)
    big = is_big(contents)
    named_ome = output.path.lower().endswith((".ome.tif", ".ome.tiff"))
    for_imagej = contents.dtype.name in IMAGEJ_TYPES and not (big or named_ome)
    kind, description, tags = _for_imagej(contents) if for_imagej else _for_others(contents)
    channels = range(contents.num_channels)
    pages = (slab[:, :, z, c].T for slab in slabs for z in range(slab.shape[2]) for c in channels)
    with tifffile.TiffWriter(path, bigtiff=big, ome=False, shaped=False) as file:
        file.write(
            pages,
            shape=shape,
            dtype=contents.dtype,
            photometric="minisblack",
            compression=CODECS[output.compression],
            description=description,
            metadata=None,
            maxworkers=threads.threads,
            buffersize=IN_FLIGHT,
            **tags,
        )
    name, count = "BigTIFF" if big else "TIFF", counted(contents.size[2] * contents.num_channels, "page")
    note = f"{name}: {count}, axes {axes.lower()}, compression {output.compression}, {kind} metadata"
    return note + ("; Pillow opens no 64-bit pages" if contents.dtype.itemsize == 8 else "")


def is_big(contents: Contents) -> bool:
    """Return whether the file may need offsets of 64 bits."""
    return contents.nbytes > CLASSIC_BYTES


def stored_axes(contents: Contents) -> tuple[str, tuple[int, ...]]:
    """Return the axes of the file, slowest first, and its shape."""
    x, y, z = contents.size
    return ("ZYX", (z, y, x)) if contents.num_channels == 1 else ("ZCYX", (z, contents.num_channels, y, x))


def _for_imagej(contents: Contents) -> tuple[str, bytes, dict[str, Any]]:
    """Return whose description it is, its text, and the tags that belong to it."""
    axes, shape = stored_axes(contents)
    x, y, z = contents.resolution
    # ImageJ's origin is where position 0 lies, counted in voxels from the first one.
    origin: dict[str, Any] = {f"{axis}origin": -at for axis, at in zip("xyz", contents.voxel_offset, strict=True)}
    text = tifffile.imagej_description(shape, axes, unit="nm", spacing=z, **origin)
    return "ImageJ", text.encode("ascii"), {"resolution": (_inverse(x), _inverse(y)), "resolutionunit": "NONE"}


def _for_others(contents: Contents) -> tuple[str, bytes, dict[str, Any]]:
    """Return the same of OME, or of tifffile for types that OME does not have."""
    axes, shape = stored_axes(contents)
    sizes: dict[str, Any] = {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    sizes |= {f"PhysicalSize{axis}": size for axis, size in zip("XYZ", contents.resolution, strict=True)}
    if contents.dtype.name not in OME_TYPES:
        text = json.dumps({"shape": shape, "axes": axes, **sizes, **_position(contents, 0)})
        return "tifffile", text.encode("ascii"), {}
    planes = [_position(contents, z) for z in range(contents.size[2]) for _ in range(contents.num_channels)]
    positions = {key: [plane[key] for plane in planes] for key in planes[0]}
    pages = (len(planes), 1, 1, contents.size[1], contents.size[0], 1)
    xml = tifffile.OmeXml()
    xml.addimage(contents.dtype, shape, pages, axes=axes, Plane=positions, **sizes)
    return "OME", xml.tostring(declaration=True).encode(), {}


def _position(contents: Contents, z: int) -> dict[str, Any]:
    """Return where plane `z` of the file begins, under OME's names."""
    x0, y0, z0 = contents.voxel_offset
    starts = (at * size for at, size in zip((x0, y0, z0 + z), contents.resolution, strict=True))
    position: dict[str, Any] = {f"Position{axis}": start for axis, start in zip("XYZ", starts, strict=True)}
    return position | {f"Position{axis}Unit": "nm" for axis in "XYZ"}


def _inverse(length: float) -> tuple[int, int]:
    """Return 1 / `length` as a TIFF's pair of integers: that of 4.6 is (5, 23)."""
    whole = Fraction(length).limit_denominator(max(1, min(10**6, int(LARGEST_RATIONAL / length))))
    return whole.denominator, whole.numerator
