"""Hypothesis strategies that all tests share: shapes, boxes, voxels, labels, shardings, volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from ngprecomp.format.box import Box, Triple
from ngprecomp.format.encodings import DATA_TYPES, ENCODINGS, default_type
from ngprecomp.format.info import Info, with_scale
from ngprecomp.format.scale import Scale
from ngprecomp.format.sharding import Sharding

if TYPE_CHECKING:
    from numpy.typing import NDArray

data_types = st.sampled_from(DATA_TYPES)
label_types = st.sampled_from(("uint32", "uint64"))
seeds = st.integers(0, 2**32 - 1)
factors = st.tuples(*[st.integers(1, 4)] * 3)

# Around zero, at the limits of 32 bits and of doubles, and nearly at those of the format, 2**62.
_COORDINATES = st.one_of(
    st.integers(-30, 30),
    *(st.integers(at - 3, at + 3) for at in (-(2**31), 2**31, -(2**53), 2**53, -(2**61), 2**61)),
)
voxel_offsets = st.tuples(*[_COORDINATES] * 3)


def shapes(max_side: int = 20, min_side: int = 1) -> st.SearchStrategy[Triple]:
    """Draw three sides; every second shape is thin: one or two of its sides are `min_side` or 1."""
    sides = st.integers(min_side, max_side)
    thin = st.sampled_from(sorted({min_side, 1}))
    return st.one_of(st.tuples(*[sides] * 3), st.tuples(*[st.one_of(thin, sides)] * 3))


def boxes(max_side: int = 20, min_side: int = 0) -> st.SearchStrategy[Box]:
    """Draw boxes anywhere: negative, far away, thin and, with a `min_side` of 0, empty."""
    return st.builds(Box.of_size, shapes(max_side, min_side), voxel_offsets)


def boxes_in(domain: Box) -> st.SearchStrategy[Box]:
    """Draw boxes inside `domain`, also empty ones."""
    ranges = [
        st.tuples(st.integers(lo, hi), st.integers(lo, hi)).map(sorted)
        for lo, hi in zip(domain.lo, domain.hi, strict=True)
    ]
    return st.tuples(*ranges).map(lambda bounds: Box(*zip(*bounds, strict=True)))


_SHAPES = shapes()
_CHANNELS = st.integers(1, 3)
_ONE_CHANNEL = st.just(1)


@st.composite
def voxels(
    draw: st.DrawFn,
    shape: st.SearchStrategy[Triple] = _SHAPES,
    data_type: st.SearchStrategy[str] = data_types,
    channels: st.SearchStrategy[int] = _CHANNELS,
) -> NDArray[Any]:
    """Draw an image [x, y, z, channel], Fortran-ordered: noise over all values, some of it zero."""
    size = (*draw(shape), draw(channels))
    dtype = np.dtype(draw(data_type))
    random = np.random.default_rng(draw(seeds))
    if dtype.kind == "f":
        noise = random.normal(scale=1000, size=size).astype(dtype)
    else:
        noise = random.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, size, dtype, endpoint=True)
    return np.asfortranarray(noise * (random.random(size) < draw(st.sampled_from((0.0, 0.5, 1.0))))).astype(dtype)


@st.composite
def labels(
    draw: st.DrawFn,
    shape: st.SearchStrategy[Triple] = _SHAPES,
    data_type: st.SearchStrategy[str] = label_types,
    channels: st.SearchStrategy[int] = _ONE_CHANNEL,
) -> NDArray[Any]:
    """Draw labels [x, y, z, channel], Fortran-ordered: few to many, in blobs or noise.

    The largest value is always among them; for uint64 a step through int64 or float64 would change it.
    """
    size = (*draw(shape), draw(channels))
    dtype = np.dtype(draw(data_type))
    random = np.random.default_rng(draw(seeds))
    top = int(np.iinfo(dtype).max)
    some = random.integers(0, top, draw(st.sampled_from((0, 1, 3, 15, 300))), dtype, endpoint=True)
    palette = np.concatenate([np.array([top, 0, 1, top // 2 + 1], dtype), some])
    blob = draw(st.sampled_from((1, 2, 5)))
    seeds_of_blobs = random.integers(0, len(palette), [-(-side // blob) for side in size[:3]] + [size[3]])
    for axis in range(3):
        seeds_of_blobs = seeds_of_blobs.repeat(blob, axis)
    picked = palette[seeds_of_blobs[: size[0], : size[1], : size[2]]]
    if picked.size:
        picked.flat[random.integers(picked.size)] = top
    return np.asfortranarray(picked)


def shardings(max_bits: int = 8) -> st.SearchStrategy[Sharding]:
    """Draw shardings with few enough bits that a test may look at every shard."""
    bits = st.integers(0, max_bits)
    return st.builds(
        Sharding,
        preshift_bits=bits,
        hash=st.sampled_from(("identity", "murmurhash3_x86_128")),
        minishard_bits=st.integers(0, min(max_bits, 4)),
        shard_bits=bits,
        minishard_index_encoding=st.sampled_from(("raw", "gzip")),
        data_encoding=st.sampled_from(("raw", "gzip")),
    )


resolutions = st.tuples(*[st.one_of(st.integers(1, 100).map(float), st.floats(1e-3, 1e9))] * 3)
_KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/."), min_size=1, max_size=8)


@st.composite
def scales(draw: st.DrawFn, data_type: str = "uint8", num_channels: int = 1, max_side: int = 40) -> Scale:
    """Draw a valid scale of a volume of this data type and number of channels."""
    fitting = [
        name
        for name, encoding in ENCODINGS.items()
        if data_type in encoding.data_types and (not encoding.channels or num_channels in encoding.channels)
    ]
    encoding = draw(st.sampled_from(fitting))
    return Scale(
        key=draw(_KEYS),
        size=draw(shapes(max_side, min_side=0)),
        voxel_offset=draw(voxel_offsets),
        resolution=draw(resolutions),
        chunk_sizes=(draw(shapes(16)),),
        encoding=encoding,
        compressed_segmentation_block_size=draw(shapes(9)) if encoding == "compressed_segmentation" else None,
        jpeg_quality=draw(st.integers(0, 100)) if encoding == "jpeg" else None,
        png_level=draw(st.none() | st.integers(0, 9)) if encoding == "png" else None,
        sharding=draw(st.none() | shardings()),
        extra=draw(_EXTRAS),
    )


_EXTRAS = st.dictionaries(
    st.sampled_from(("hidden", "locked", "rois", "mesh", "Ж")),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text('a"\\é\n𝄞'),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
        max_leaves=5,
    ),
    max_size=2,
)


@st.composite
def infos(draw: st.DrawFn, max_scales: int = 3) -> Info:
    """Draw a valid volume of up to `max_scales` scales."""
    data_type, num_channels = draw(data_types), draw(st.integers(1, 4))
    info = Info(default_type(data_type), data_type, num_channels, extra=draw(_EXTRAS))
    for scale in draw(st.lists(scales(data_type, num_channels), max_size=max_scales)):
        info = with_scale(info, scale)
    return info
