"""Neuroglancer precomputed volumes: read, write, create, convert, downsample.

Axes are x, y, z, channel in every call; voxel coordinates are absolute; ranges are half-open; resolution is in
nanometres. Arrays that come back are Fortran-ordered NumPy arrays.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ngprecomp import errors as errors
    from ngprecomp.codecs import compressed_segmentation as compressed_segmentation
    from ngprecomp.format.chunk_layout import ChunkLayout as ChunkLayout
    from ngprecomp.format.codec_spec import CodecSpec as CodecSpec
    from ngprecomp.format.domain import IndexDomain as IndexDomain
    from ngprecomp.format.schema import Schema as Schema
    from ngprecomp.kernels.downsample import downsample as downsample
    from ngprecomp.kernels.morton import compressed_morton_code as compressed_morton_code
    from ngprecomp.kernels.murmur3 import murmurhash3_x86_128 as murmurhash3_x86_128
    from ngprecomp.pipeline.convert import convert as convert
    from ngprecomp.pipeline.pyramid import build_pyramid as build_pyramid
    from ngprecomp.pipeline.report import Report as Report
    from ngprecomp.volume.creating import create_volume as create
    from ngprecomp.volume.handle import Volume as Volume
    from ngprecomp.volume.opening import open_volume as open

__version__ = "0.1.0"

# Loaded when first used, so that importing the package needs neither Numba nor h5py.
_PUBLIC = {
    "ChunkLayout": ("format.chunk_layout", "ChunkLayout"),
    "CodecSpec": ("format.codec_spec", "CodecSpec"),
    "IndexDomain": ("format.domain", "IndexDomain"),
    "Report": ("pipeline.report", "Report"),
    "Schema": ("format.schema", "Schema"),
    "Volume": ("volume.handle", "Volume"),
    "build_pyramid": ("pipeline.pyramid", "build_pyramid"),
    "compressed_morton_code": ("kernels.morton", "compressed_morton_code"),
    "compressed_segmentation": ("codecs.compressed_segmentation", ""),
    "convert": ("pipeline.convert", "convert"),
    "create": ("volume.creating", "create_volume"),
    "downsample": ("kernels.downsample", "downsample"),
    "murmurhash3_x86_128": ("kernels.murmur3", "murmurhash3_x86_128"),
    "errors": ("errors", ""),
    "open": ("volume.opening", "open_volume"),
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ngprecomp' has no attribute {name!r}")
    module, member = _PUBLIC[name]
    found: Any = import_module(f"ngprecomp.{module}")
    value = getattr(found, member) if member else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_PUBLIC, "__doc__", "__version__"])
