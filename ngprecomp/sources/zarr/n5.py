"""N5 datasets, read by TensorStore; sizes and offsets as Paintera, BigDataViewer, CREMI and COSEM write them."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import NotFoundError, SourceError
from ngprecomp.sources.array_attributes import read_array_attributes
from ngprecomp.sources.axes import Axes, asked_axes_note, parse_axes
from ngprecomp.sources.dimension_names import letters_of
from ngprecomp.sources.extras import needed
from ngprecomp.sources.hdf5.attributes import weighed
from ngprecomp.sources.hdf5.sizes import sizes_in_attributes
from ngprecomp.sources.placement import Placement
from ngprecomp.sources.stored import StoredSource, check_array, native
from ngprecomp.sources.tally import Tally
from ngprecomp.sources.zarr.arrays import touched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Executor

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels

ATTRIBUTES = "attributes.json"
MOST_LISTED = 20
LEVEL = re.compile(r"s\d+")
BIG_DATA_VIEWER = re.compile(r"setup\d+[/\\]timepoint\d+[/\\]s\d+$")
COARSER = re.compile(r"s[1-9]\d*")


def is_n5_folder(path: str) -> bool:
    """Whether a folder is an N5 group or dataset."""
    return os.path.isfile(os.path.join(path, ATTRIBUTES)) or (path.endswith(".n5") and os.path.isdir(path))


def open_n5(path: str, dataset: str | None, axes: str | None) -> StoredSource:
    """Open the dataset at `dataset` in an N5 folder, or the only one there; of a pyramid its finest level.

    N5 lists dimensions fastest first; axes are told slowest first here as for all files.

    Raises
    ------
    NotFoundError
        There is no such dataset.
    SourceError
        tensorstore is not installed, several datasets could be meant, or the metadata are damaged.
    """
    folder, notes = _choose(path, dataset)
    name = f"{path}:{os.path.relpath(folder, path)}" if folder != path else path
    attributes = _attributes(folder)
    if attributes.get("isLabelMultiset"):
        raise SourceError(f"{name} is a Paintera label multiset; export it as plain labels first")
    stored = _stored(folder, name)
    check_array(name, stored.shape, stored.dtype)
    order, axes_note = _order(attributes, stored.shape, name, axes)
    placement = _placement(folder, order)
    notes = (*notes, axes_note, *placement.notes)
    if stored.unwritten_chunks:
        notes += (f"{stored.unwritten_chunks} blocks of {stored.block} are not stored and read as 0",)
    return StoredSource(name, stored, order, placement.resolution, placement.voxel_offset, notes)


@dataclass(frozen=True, slots=True)
class N5Array:
    """A dataset as TensorStore sees it, with its axes slowest first; TensorStore's own threads read it."""

    array: Any
    folder: str
    unwritten_chunks: int
    decoded: Tally = field(default_factory=Tally, compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each stored axis."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the voxels, in native byte order."""
        return native(np.dtype(self.array.dtype.numpy_dtype))

    @property
    def block(self) -> tuple[int, ...]:
        """A block of the dataset."""
        return tuple(map(min, self._step, self.shape))

    @property
    def files(self) -> tuple[str, ...]:
        """The metadata of the dataset."""
        return (os.path.abspath(os.path.join(self.folder, ATTRIBUTES)),)

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the blocks decoded so far, those that are not stored among them."""
        return self.decoded.total

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region.

        Raises
        ------
        SourceError
            A block is damaged.
        """
        del pool
        try:
            voxels: Voxels = self.array[region].read(order="C").result()
        except (OSError, ValueError) as error:
            raise SourceError(f"{self.folder} is damaged: {error}") from error
        self.decoded.add(touched(region, self._step) * self.dtype.itemsize)
        return voxels

    def close(self) -> None:
        """Nothing stays open."""

    @property
    def _step(self) -> tuple[int, ...]:
        return tuple(self.array.chunk_layout.read_chunk.shape)


def _choose(path: str, dataset: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the folder of the dataset that is meant, and sentences on how it was chosen."""
    top = os.path.normpath(os.path.join(path, dataset)) if dataset else path
    found = list(_datasets(top)) if os.path.isdir(top) else []
    if len(found) == 1:
        return found[0]
    if found or dataset is None:
        listed = [(os.path.relpath(folder, path), _attributes(folder)) for folder, _ in found[:MOST_LISTED]]
        lines = [f"{inner} {told.get('dimensions')} {told.get('dataType')}" for inner, told in listed]
        more = f" and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
        told = f"name one as FOLDER:PATH; they are (x first) {', '.join(lines)}{more}"
        raise SourceError(f"{top} is an N5 group of {len(found)} datasets; {told if found else 'nothing is below it'}")
    raise NotFoundError(f"{path} holds no group or dataset {dataset!r}")


def _datasets(folder: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the datasets below a group, of each pyramid only the finest level, with sentences on that choice."""
    if "dimensions" in _attributes(folder):
        yield folder, ()
        return
    inside = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    finest = os.path.join(folder, "s0")
    levels = [path for path in inside if LEVEL.fullmatch(os.path.basename(path))]
    if finest in levels and "dimensions" in _attributes(finest):
        yield finest, (f"s0: the finest of {len(levels)} levels in {folder}",)
        inside = [path for path in inside if path not in levels]
    for path in inside:
        yield from _datasets(path)


def _attributes(folder: str) -> dict[str, Any]:
    """Return the attributes of a group or dataset, none if it has no file of them."""
    path = os.path.join(folder, ATTRIBUTES)
    try:
        with open(path, encoding="utf-8") as file:
            attributes = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise SourceError(f"{path} is no JSON: {error}") from error
    if not isinstance(attributes, dict):
        raise SourceError(f"{path} holds a {type(attributes).__name__}, expected an object")
    return attributes


def _stored(folder: str, name: str) -> N5Array:
    tensorstore = needed("tensorstore", "n5", "N5")
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": os.path.abspath(folder)}}
    try:
        array = tensorstore.open(spec, open=True, read=True).result().T
    except (OSError, ValueError) as error:
        raise SourceError(f"{name} does not read as N5: {error}") from error
    stored = sum(name != ATTRIBUTES for _, _, names in os.walk(folder) for name in names)
    step = array.chunk_layout.read_chunk.shape
    grid = math.prod(-(-size // cell) for size, cell in zip(array.shape, step, strict=True))
    return N5Array(array, folder, max(0, grid - stored))


def _order(attributes: Mapping[str, Any], shape: tuple[int, ...], name: str, axes: str | None) -> tuple[Axes, str]:
    """Return the order: as asked, as the dataset names its dimensions, or x first in the file."""
    if axes is not None:
        order = parse_axes(axes, shape, name)
        return order, asked_axes_note(order, shape)
    told = attributes.get("axes")
    letters = letters_of(told[::-1], len(shape)) if isinstance(told, list) else None
    if told and letters and letters.index("x") < letters.index("y"):
        raise SourceError(
            f"{name} names its dimensions {', '.join(told)}, which some programs write fastest first and some "
            f"slowest first; give axes for the shape {shape}, which is slowest first"
        )
    if letters is not None:
        return parse_axes(letters, shape, name), f"axes {letters}: attribute axes, which lists them fastest first"
    if len(shape) > 3:
        raise SourceError(
            f"{name} has {len(shape)} dimensions, slowest first {shape}; name their order with axes, such as czyx"
        )
    default = "zyx"[-len(shape) :]
    return parse_axes(default, shape, name), f"axes {default}: default for N5, whose files list x first"


def _placement(folder: str, order: Axes) -> Placement:
    """Return what the dataset tells, else the nearest group above it."""
    if BIG_DATA_VIEWER.search(os.path.abspath(folder)):
        return Placement(notes=("BigDataViewer keeps the voxel size in its XML file: give the resolution",))
    factors = _attributes(folder).get("downsamplingFactors")
    if factors is None and COARSER.fullmatch(os.path.basename(folder)):
        return _told(_attributes(folder), None, order)  # what the groups say is meant for s0
    here = os.path.abspath(folder)
    while not (found := _told(_attributes(here), factors, order)).notes and is_n5_folder(os.path.dirname(here)):
        here = os.path.dirname(here)
    return found


def _told(attributes: Mapping[str, Any], factors: Any, order: Axes) -> Placement:
    """Return what the attributes of one dataset or group tell; all lists but COSEM's have x first."""
    if "transform" in attributes:
        return read_array_attributes(attributes, "", order)
    pixel = attributes.get("pixelResolution")
    keys = ("resolution", "offset", "units")
    told = {key: attributes[key] for key in keys if key in attributes}
    origin = "attribute resolution of N5"
    if isinstance(pixel, dict) and "dimensions" in pixel:
        told |= {"resolution": pixel["dimensions"], "units": pixel.get("unit", "")}
        origin = "attribute pixelResolution of N5"
    turned = {key: value[::-1] if isinstance(value, list) else value for key, value in told.items()}
    sizes = sizes_in_attributes(turned, "", order)
    if sizes and sizes[0].size is not None and isinstance(factors, list) and len(factors) == 3:
        x, y, z = (nm * float(factor) for nm, factor in zip(sizes[0].size, factors, strict=True))
        sizes = [replace(sizes[0], size=(x, y, z))]
        origin += f" times downsamplingFactors {factors}"
    return weighed([replace(one, origin=origin) for one in sizes], turned, order) if turned else Placement()
