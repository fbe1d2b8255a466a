"""Neuroglancer precomputed volumes: read, write, create, convert, downsample.

Axes are x, y, z, channel in every call; voxel coordinates are absolute; ranges are half-open; resolution is in
nanometres. Arrays that come back are Fortran-ordered NumPy arrays.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ngprecomp.version import __version__ as __version__

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
    from ngprecomp.pipeline.check import check as check
    from ngprecomp.pipeline.convert import convert as convert
    from ngprecomp.pipeline.copying import copy_volume
    from ngprecomp.pipeline.cutout import cutout as cutout
    from ngprecomp.pipeline.dask_storing import from_dask as from_dask
    from ngprecomp.pipeline.editing import set_info as set_info
    from ngprecomp.pipeline.ingest import ingest as ingest
    from ngprecomp.pipeline.labels import labels as labels
    from ngprecomp.pipeline.plan import plan as plan
    from ngprecomp.pipeline.pyramid import build_pyramid as build_pyramid
    from ngprecomp.pipeline.removing import remove as remove
    from ngprecomp.pipeline.report import Report as Report
    from ngprecomp.pipeline.segment_properties import segment_properties as segment_properties
    from ngprecomp.viewing.link import link as link
    from ngprecomp.viewing.preview import preview as preview
    from ngprecomp.viewing.serving import serve as serve
    from ngprecomp.viewing.view import view as view
    from ngprecomp.volume.creating import create_volume
    from ngprecomp.volume.handle import Volume as Volume
    from ngprecomp.volume.opening import open_volume

    # Another name than inside counts as private to type checkers unless it is assigned.
    copy, create, open = copy_volume, create_volume, open_volume

# Loaded when first used, so that importing the package needs neither Numba nor h5py.
_PUBLIC = {
    "ChunkLayout": ("format.chunk_layout", "ChunkLayout"),
    "CodecSpec": ("format.codec_spec", "CodecSpec"),
    "IndexDomain": ("format.domain", "IndexDomain"),
    "Report": ("pipeline.report", "Report"),
    "Schema": ("format.schema", "Schema"),
    "Volume": ("volume.handle", "Volume"),
    "build_pyramid": ("pipeline.pyramid", "build_pyramid"),
    "check": ("pipeline.check", "check"),
    "compressed_morton_code": ("kernels.morton", "compressed_morton_code"),
    "compressed_segmentation": ("codecs.compressed_segmentation", ""),
    "convert": ("pipeline.convert", "convert"),
    "copy": ("pipeline.copying", "copy_volume"),
    "create": ("volume.creating", "create_volume"),
    "cutout": ("pipeline.cutout", "cutout"),
    "downsample": ("kernels.downsample", "downsample"),
    "labels": ("pipeline.labels", "labels"),
    "murmurhash3_x86_128": ("kernels.murmur3", "murmurhash3_x86_128"),
    "errors": ("errors", ""),
    "from_dask": ("pipeline.dask_storing", "from_dask"),
    "ingest": ("pipeline.ingest", "ingest"),
    "link": ("viewing.link", "link"),
    "open": ("volume.opening", "open_volume"),
    "plan": ("pipeline.plan", "plan"),
    "preview": ("viewing.preview", "preview"),
    "remove": ("pipeline.removing", "remove"),
    "segment_properties": ("pipeline.segment_properties", "segment_properties"),
    "serve": ("viewing.serving", "serve"),
    "set_info": ("pipeline.editing", "set_info"),
    "view": ("viewing.view", "view"),
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
