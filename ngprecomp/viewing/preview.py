"""A still picture of a volume: its three middle sections."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ngprecomp.codecs import png
from ngprecomp.errors import ExistsError, OptionError
from ngprecomp.storage.local import LocalStore
from ngprecomp.viewing.montage import Pixels, montage
from ngprecomp.viewing.resampling import nearest, smooth
from ngprecomp.viewing.sections import extent, fitting_scales, read_sections
from ngprecomp.volume.colours import image_colours, segment_colours, shown_channels, shown_ranges
from ngprecomp.volume.handle import Volume
from ngprecomp.volume.opening import handle_of
from ngprecomp.volume.scales import at_scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.volume.colours import Range
    from ngprecomp.volume.opening import ScaleLike

VolumeLike = Volume | str | os.PathLike[str] | Mapping[str, Any]
SIZES = (16, 8192)


@overload
def preview(
    volume: VolumeLike,
    path: None = None,
    *,
    scale: ScaleLike | None = None,
    size: int = 512,
    contrast: Sequence[float] | None = None,
    overwrite: bool = False,
) -> Pixels: ...


@overload
def preview(
    volume: VolumeLike,
    path: str | os.PathLike[str],
    *,
    scale: ScaleLike | None = None,
    size: int = 512,
    contrast: Sequence[float] | None = None,
    overwrite: bool = False,
) -> str: ...


def preview(
    volume: VolumeLike,
    path: str | os.PathLike[str] | None = None,
    *,
    scale: ScaleLike | None = None,
    size: int = 512,
    contrast: Sequence[float] | None = None,
    overwrite: bool = False,
) -> Pixels | str:
    """Return a picture of the sections xy, xz and yz through the middle of a volume, or write it to a PNG file.

    All three have the same number of pixels for a nanometre, whatever the shape of the voxels. Labels have the
    colours of Neuroglancer and 0 is black. Images with 3 channels of uint8 are red, green and blue; other images are
    grey, or have a colour for each of up to 8 channels. Absent chunks are black.

    Parameters
    ----------
    volume
        An open volume, or a path, URL or JSON spec.
    path
        A ``.png`` file; without it the picture is returned as uint8 [row, column, 3].
    scale
        An index, a key or a resolution in nm; by default the coarsest scale that has a voxel for each pixel;
        where nothing is there, the next finer one.
    size
        Pixels along the longest axis, 16 to 8192.
    contrast
        The values of an image that are shown black and white; by default percentiles 0.5 and 99.5 of the voxels in the
        sections which are not zero, for each channel.
    overwrite
        Replace a file that exists.

    Raises
    ------
    NotFoundError
        There is no such volume or scale.
    OptionError
        `size` or `contrast` is invalid, or the path does not end in ``.png``.
    ExistsError
        The file exists.

    Examples
    --------
    >>> import numpy as np, ngprecomp as ng
    >>> vol = ng.create("memory://doc/preview", shape=(64, 32, 8), dtype="uint8", resolution=(4, 4, 40))
    >>> vol[...] = np.arange(64).reshape(64, 1, 1, 1)
    >>> ng.preview(vol, size=128).shape
    (213, 242, 3)
    """
    limits = None if contrast is None else _two_numbers(contrast)
    if not SIZES[0] <= size <= SIZES[1]:
        raise OptionError(f"size is a number of pixels from {SIZES[0]} to {SIZES[1]}, found {size}")
    if path is not None:
        _check_path(os.fspath(path), overwrite=overwrite)
    opened = handle_of(volume)
    nm_per_pixel = max(*extent(opened), min(opened.resolution)) / size
    scales = fitting_scales(opened, nm_per_pixel) if scale is None else [scale]
    picture = montage(_pictures(opened, scales, nm_per_pixel, limits), nm_per_pixel)
    return picture if path is None else _write(picture, os.fspath(path), overwrite=overwrite)


def _pictures(
    volume: Volume, scales: Sequence[ScaleLike], nm_per_pixel: float, limits: Range | None
) -> dict[str, Pixels]:
    """Return the sections of the first scale in which they hold anything, in colours and each of its own size."""
    channels = shown_channels(volume.parsed_info.type, volume.dtype, volume.shape[3])
    for scale in scales:
        shown = replace(at_scale(volume, scale), missing="zero")
        sections = read_sections(shown, nm_per_pixel, channels)
        planes = [section.plane for section in sections]
        if any(plane.any() for plane in planes):
            break
    if volume.parsed_info.type == "segmentation":
        return {section.name: segment_colours(nearest(section.plane, section.size)[..., 0]) for section in sections}
    ranges = [limits] * channels if limits else shown_ranges(planes, volume.dtype, volume.shape[3])
    return {section.name: image_colours(smooth(section.plane, section.size), ranges) for section in sections}


def _two_numbers(contrast: Sequence[float]) -> Range:
    try:
        low, high = map(float, contrast)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (low < high and math.isfinite(high - low)):
        raise OptionError(f"contrast is two numbers, the lower one first; found {contrast!r}")
    return low, high


def _check_path(path: str, *, overwrite: bool) -> None:
    if not path.lower().endswith(".png"):
        raise OptionError(f"a preview is a .png file, found {path}")
    if os.path.exists(path) and not overwrite:
        raise ExistsError(f"{path} exists; overwrite replaces it")


def _write(picture: Pixels, path: str, *, overwrite: bool) -> str:
    """Write a picture [row, column, 3] to a file, which appears whole, and return its path."""
    folder, name = os.path.split(os.path.abspath(path))
    data = png.encode(picture.transpose(1, 0, 2)[:, :, np.newaxis])
    LocalStore(folder).put(name, data, if_absent=not overwrite)
    return path
