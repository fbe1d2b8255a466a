"""Create a volume with its first scale, or add a scale to one."""

from __future__ import annotations

import math
import operator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ngprecomp.errors import ConstraintError, ExistsError, MetadataError, NotFoundError, OptionError
from ngprecomp.format.box import Triple, triple
from ngprecomp.format.encodings import DATA_TYPES, default_type, encoding_problems
from ngprecomp.format.info import TYPES, Info, match_scale, with_scale
from ngprecomp.format.layout import choose_block_size, choose_chunk_size, sharding_for_shard_size
from ngprecomp.format.members import MAX_INT64, Resolution
from ngprecomp.format.names import default_key, escapes, resolve_key
from ngprecomp.format.scale import DEFAULT_JPEG_QUALITY, Scale
from ngprecomp.format.sharding import Sharding, parse_sharding
from ngprecomp.format.spec import Spec, parse_spec
from ngprecomp.storage.locate import open_store
from ngprecomp.volume.documents import change_info, create_info, read_info
from ngprecomp.volume.handle import Volume
from ngprecomp.volume.places import INFO_KEY, place_of, refuse_escape
from ngprecomp.volume.removal import PROVENANCE_KEY, remove_volume

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import DTypeLike

    from ngprecomp.storage.protocol import Store

Exist = Literal["error", "replace", "add"]


@dataclass(frozen=True, slots=True)
class Storage:
    """How the chunks of a new scale are stored; None leaves the choice to the rules of TensorStore's document."""

    encoding: str | None = None
    compressed_segmentation_block_size: Sequence[int] | None = None
    jpeg_quality: int | None = None
    png_level: int | None = None
    chunk_size: Sequence[int] | None = None
    shard_size: Sequence[int] | None = None
    sharding: Mapping[str, Any] | None = None


def create_volume(  # noqa: PLR0913  public: the fields of a scale
    where: str | os.PathLike[str] | Mapping[str, Any],
    *,
    shape: Sequence[int],
    dtype: DTypeLike,
    resolution: Sequence[float] = (1, 1, 1),
    voxel_offset: Sequence[int] = (0, 0, 0),
    num_channels: int = 1,
    type: str | None = None,
    encoding: str | None = None,
    compressed_segmentation_block_size: Sequence[int] | None = None,
    jpeg_quality: int | None = None,
    png_level: int | None = None,
    chunk_size: Sequence[int] | None = None,
    shard_size: Sequence[int] | None = None,
    sharding: Mapping[str, Any] | None = None,
    key: str | None = None,
    exist: Exist = "error",
) -> Volume:
    """Create a volume of one scale, empty, and return it open.

    Parameters
    ----------
    where
        A path, URL or JSON spec of the volume's folder.
    shape
        Voxels along x, y, z; a fourth number is the number of channels.
    dtype
        uint8, int8, uint16, int16, uint32, int32, uint64 or float32.
    resolution, voxel_offset
        Voxel size in nm and coordinates of the first voxel, x, y, z.
    type
        ``"image"`` or ``"segmentation"``; by default segmentation for uint32 and uint64.
    encoding
        ``"raw"`` (the default), ``"compressed_segmentation"``, ``"jpeg"`` or ``"png"``, with their parameters.
    chunk_size
        Voxels of a chunk; by default about 2**20, as cubic as the volume allows.
    shard_size
        Voxels of a shard: the nearest reachable shape is taken. `sharding` is the exact JSON instead.
    key
        The scale's folder; by default the resolution, ``8_8_40``.
    exist
        What to do where a volume is: ``"error"``, ``"replace"`` it (foreign files stay) or ``"add"`` the scale to it.

    Raises
    ------
    ExistsError
        A volume, or with ``exist="add"`` the scale, is already there.
    ConstraintError
        The volume that the scale is added to differs in type, data type or channels.
    OptionError
        An argument is invalid.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/create", shape=(1000, 2000, 300), dtype="uint64", resolution=(8, 8, 40),
    ...                 encoding="compressed_segmentation", chunk_size=(64, 64, 64), shard_size=(512, 512, 512))
    >>> vol.key, vol.scale.sharding.shard_bits
    ('8_8_40', 3)
    """
    if exist not in ("error", "replace", "add"):
        raise OptionError(f'exist is "error", "replace" or "add", found {exist!r}')
    size, channels = _size(shape, num_channels)
    name = _data_type(dtype)
    options = Storage(
        encoding, compressed_segmentation_block_size, jpeg_quality, png_level, chunk_size, shard_size, sharding
    )
    scale = new_scale(size, channels, name, resolution, voxel_offset, options, key)
    info = checked_with_scale(Info(_type(type, name), name, channels), scale)
    refuse_escape(scale, "create")
    place = place_of(_store(where), info, scale)
    if place.folder in (INFO_KEY, PROVENANCE_KEY):
        raise OptionError(f"the key {scale.key!r} of a scale is the name of a file of the volume")
    info = _put(place.store, info, scale, exist, type is not None, key is not None)
    return Volume(place, info, len(info.scales) - 1)


def new_scale(
    size: Triple,
    num_channels: int,
    data_type: str,
    resolution: Sequence[float],
    voxel_offset: Sequence[int],
    options: Storage,
    key: str | None = None,
) -> Scale:
    """Return the metadata of a new scale; what `options` leaves open is chosen as TensorStore's document says.

    Raises
    ------
    OptionError
        The encoding does not take such voxels, or options contradict each other.
    """
    encoding = options.encoding or "raw"
    problems = encoding_problems(encoding, data_type, num_channels, writing=True)
    if problems:
        raise OptionError("; ".join(map(str, problems)))
    chunk = _positive("chunk_size", options.chunk_size) or choose_chunk_size(size, num_channels)
    steps = _steps(resolution)
    block = _positive("compressed_segmentation_block_size", options.compressed_segmentation_block_size)
    if encoding == "compressed_segmentation":
        block = block or choose_block_size(chunk)
    quality = options.jpeg_quality
    if encoding == "jpeg" and quality is None:
        quality = DEFAULT_JPEG_QUALITY
    return Scale(
        key=default_key(steps) if key is None else key,
        size=size,
        voxel_offset=_integers("voxel_offset", voxel_offset),
        resolution=steps,
        chunk_sizes=(chunk,),
        encoding=encoding,
        compressed_segmentation_block_size=block,
        jpeg_quality=quality,
        png_level=options.png_level,
        sharding=_sharding(size, chunk, encoding, options),
    )


def _sharding(size: Triple, chunk: Triple, encoding: str, options: Storage) -> Sharding | None:
    if options.sharding is not None and options.shard_size is not None:
        raise OptionError("shard_size and sharding both say how to shard: give one of them")
    if options.sharding is not None:
        try:
            return parse_sharding(options.sharding)
        except MetadataError as error:
            raise OptionError("; ".join(map(str, error.problems))) from None
    shard_size = _positive("shard_size", options.shard_size)
    return sharding_for_shard_size(size, chunk, shard_size, encoding) if shard_size else None


def checked_with_scale(info: Info, scale: Scale) -> Info:
    """Return a volume with one more scale that was asked for.

    Raises
    ------
    OptionError
        The scale is impossible, for example because of a quality out of range.
    """
    try:
        return with_scale(info, scale)
    except MetadataError as error:
        raise OptionError("; ".join(map(str, error.problems))) from None


def _put(store: Store, info: Info, scale: Scale, exist: Exist, typed: bool, keyed: bool) -> Info:
    """Write `info`, or add its one scale to what is there, and return what is there now."""
    if exist == "replace":
        with suppress(NotFoundError):
            remove_volume(store, read_info(store))
    try:
        create_info(store, info)
    except ExistsError:
        if exist != "add":
            raise
        return change_info(store, lambda now: added_scale(now, info, scale, typed=typed, keyed=keyed))
    return info


def added_scale(old: Info, new: Info, scale: Scale, *, typed: bool, keyed: bool) -> Info:
    """Return `old` with one more scale.

    Raises
    ------
    ConstraintError
        `new` differs in what all scales of a volume share (its type only counts if it was `typed`).
    ExistsError
        The key, or the resolution where the key was not given (`keyed`), is taken.
    """
    shared = ("data_type", "num_channels", "type") if typed else ("data_type", "num_channels")
    for member in shared:
        expected, found = getattr(old, member), getattr(new, member)
        if expected != found:
            raise ConstraintError(f'expected "{member}" of {expected!r} as in the existing volume, found {found!r}')
    for index, other in enumerate(old.scales):
        if _same_folder(other.get("key"), scale.key):
            raise ExistsError(f"scale {index} already has the key {other['key']!r}")
    if not keyed:
        with suppress(NotFoundError):
            index = match_scale(old, resolution=scale.resolution)
            raise ExistsError(f"scale {index} already has the resolution {scale.resolution}")
    return checked_with_scale(old, scale)


def _same_folder(key: object, other: str) -> bool:
    """Return whether two keys lead to one folder: ``8_8_40`` and ``./8_8_40/`` do."""
    if not isinstance(key, str) or not key or escapes(key):
        return False
    return resolve_key("", key) == resolve_key("", other)


def _store(where: str | os.PathLike[str] | Mapping[str, Any]) -> Store:
    spec = parse_spec(where)
    if spec != Spec(spec.url):
        raise OptionError("the spec of a volume to create says where it is; the scale is described by arguments")
    return open_store(spec.url)


def _type(given: str | None, data_type: str) -> str:
    if given not in (None, *TYPES):
        raise OptionError(f"type is one of {', '.join(TYPES)}, found {given!r}")
    return given or default_type(data_type)


def _size(shape: Sequence[int], num_channels: int) -> tuple[Triple, int]:
    if len(shape) == 4 and num_channels in (1, shape[3]):
        shape, num_channels = shape[:3], shape[3]
    if len(shape) != 3:
        raise OptionError(f"a shape is x, y, z with {num_channels} channels, found {tuple(shape)}")
    if num_channels != int(num_channels) or num_channels < 1:
        raise OptionError(f"num_channels is an integer of at least 1, found {num_channels}")
    return _integers("shape", shape, 0), int(num_channels)


def _data_type(dtype: DTypeLike) -> str:
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in DATA_TYPES:
        raise OptionError(f"expected one of the data types {', '.join(DATA_TYPES)}, found {name}")
    return name


def _steps(resolution: Sequence[float]) -> Resolution:
    try:
        x, y, z = map(float, resolution)
    except (TypeError, ValueError):
        x = y = z = math.nan
    if not all(0 < step < math.inf for step in (x, y, z)):
        raise OptionError(f"resolution has three positive numbers, x, y, z in nm; found {resolution!r}")
    return x, y, z


def _integers(name: str, values: Sequence[int], least: int = -MAX_INT64) -> Triple:
    try:
        found = triple(values)
        whole = all(map(operator.eq, found, values))
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole or min(found) < least:
        bound = f" of at least {least}" if least > -MAX_INT64 else ""
        raise OptionError(f"{name} has three integers{bound}, x, y, z; found {values!r}")
    return found


def _positive(name: str, values: Sequence[int] | None) -> Triple | None:
    return None if values is None else _integers(name, values, 1)
