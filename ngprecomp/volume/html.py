"""A volume in a notebook: a table of what it is, and a thumbnail where one is to be had quickly."""

from __future__ import annotations

import base64
import math
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.errors import NgprecompError
from ngprecomp.format.box import Box
from ngprecomp.volume.colours import image_colours, segment_colours, shown_channels, shown_ranges
from ngprecomp.volume.scales import at_scale, usable_scales

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ngprecomp.volume.handle import Volume

SIDE = 160  # pixels of the longest side on the page
LEAST_SIDE = 64  # voxels
MOST_BYTES = 8 << 20  # of the decoded chunks that a thumbnail may need


def html_of(volume: Volume) -> str:
    """Return a table with a thumbnail to its left, as HTML."""
    rows = "".join(f"<tr><th style='text-align: left'>{name}</th><td>{text}</td></tr>" for name, text in _rows(volume))
    table = f"<table><caption>{escape(volume.url)}</caption>{rows}</table>"
    return f"<div style='display: flex; gap: 1em; align-items: center'>{_image(volume)}{table}</div>"


def _rows(volume: Volume) -> Iterable[tuple[str, str]]:
    """Yield what the table says, each a name and a text."""
    info, scale = volume.parsed_info, volume.scale
    channels = f", {volume.shape[3]} channels" if volume.shape[3] > 1 else ""
    yield "scale", f"{volume.scale_index} of {len(info.scales)}: {escape(scale.key)}"
    yield "shape", f"{_times(volume.shape[:3])} voxels{channels}"
    yield "dtype", f"{volume.dtype}, {escape(info.type)}"
    yield "voxel size", f"{_times(volume.resolution)} nm"
    yield "voxel offset", ", ".join(map(str, volume.voxel_offset))
    yield "chunk size", _times(scale.chunk_size)
    yield "encoding", f"{scale.encoding}, {'a file for each chunk' if scale.sharding is None else 'sharded'}"
    others = usable_scales(volume).values()
    yield "all scales", "<br>".join(f"{_times(other.size)} at {_times(other.resolution)} nm" for other in others)


def _image(volume: Volume) -> str:
    """Return the middle section of a coarse scale as an HTML image; the reason where that fails."""
    try:
        coarse = at_scale(volume, _coarse_scale(volume))
        if coarse.box.empty or _bytes_needed(coarse) > MOST_BYTES:
            return ""
        png, (width, height) = _thumbnail(coarse)
    except (NgprecompError, OSError) as error:
        return f"<i>no picture: {escape(str(error))}</i>"
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return f"<img src='{source}' width='{width}' height='{height}' style='image-rendering: pixelated' alt='xy section'>"


def _coarse_scale(volume: Volume) -> int:
    """Return the scale with the fewest voxels whose sections are still large enough, or the one with most voxels."""
    fewest_first = sorted(usable_scales(volume).items(), key=lambda item: math.prod(item[1].size))
    large = (index for index, scale in fewest_first if max(scale.size[:2]) >= LEAST_SIDE)
    return next(large, fewest_first[-1][0])


def _thumbnail(volume: Volume) -> tuple[bytes, tuple[int, int]]:
    """Return the middle xy section of a scale as a PNG, and how many pixels wide and high it is shown."""
    from ngprecomp.codecs import png

    steps = [-(-size // SIDE) for size in volume.shape[:2]]
    section = _section(volume)
    x, y, _ = (slice(lo, hi, step) for lo, hi, step in zip(section.lo, section.hi, [*steps, 1], strict=True))
    channels = shown_channels(volume.parsed_info.type, volume.dtype, volume.shape[3])
    voxels = volume[x, y, section.lo[2] : section.hi[2], :channels]
    if volume.parsed_info.type == "segmentation":
        colours = segment_colours(voxels[..., 0])
    else:
        colours = image_colours(voxels, shown_ranges([voxels], volume.dtype, volume.shape[3]))
    lengths = [size * step for size, step in zip(volume.shape[:2], volume.resolution[:2], strict=True)]
    width, height = (max(1, round(SIDE * length / max(lengths))) for length in lengths)
    return png.encode(np.asfortranarray(colours)), (width, height)


def _section(volume: Volume) -> Box:
    """Return the section in the middle, one voxel thick."""
    middle = (volume.box.lo[2] + volume.box.hi[2]) // 2
    return Box((*volume.box.lo[:2], middle), (*volume.box.hi[:2], middle + 1))


def _bytes_needed(volume: Volume) -> int:
    """Return how many bytes the chunks have in which the section lies."""
    grid = volume.scale.grid
    voxels = math.prod(grid.cells(grid.touched(_section(volume))).size)
    return voxels * volume.shape[3] * volume.dtype.itemsize


def _times(numbers: Iterable[float]) -> str:
    return " x ".join(f"{number:.12g}" for number in numbers)
