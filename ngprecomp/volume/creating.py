"""Create a volume with its first scale, or add a scale to one."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ngprecomp.errors import ExistsError, MetadataError, OptionError
from ngprecomp.format.box import Triple, three, triple
from ngprecomp.format.chunk_layout import ChunkLayout
from ngprecomp.format.codec_spec import CodecSpec
from ngprecomp.format.creation import created
from ngprecomp.format.encodings import DATA_TYPES
from ngprecomp.format.info import TYPES
from ngprecomp.format.layout import default_data_encoding
from ngprecomp.format.lengths import parse_lengths
from ngprecomp.format.members import MAX_INT64, Resolution
from ngprecomp.format.names import escapes, key_problem
from ngprecomp.format.open_mode import OpenMode
from ngprecomp.format.scale_constraints import MultiscaleConstraints, ScaleConstraints
from ngprecomp.format.schema import Schema
from ngprecomp.format.sharding import Sharding, parse_sharding
from ngprecomp.format.spec import Spec, parse_spec
from ngprecomp.storage.locate import open_store
from ngprecomp.volume.documents import found_info
from ngprecomp.volume.opening import Access, opened
from ngprecomp.volume.removal import remove_volume

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import DTypeLike

    from ngprecomp.format.layout import Rule
    from ngprecomp.format.lengths import LengthsLike
    from ngprecomp.volume.handle import Volume

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
    resolution: LengthsLike = (1, 1, 1),
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
    chunk_rule: Rule = "closest",
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
        Voxel size in nm, or with units (``"4nm,4nm,0.04um"``), and coordinates of the first voxel, x, y, z.
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
    chunk_rule
        As in `open`.

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
    base = parse_spec(where)
    if base != Spec(base.url):
        raise OptionError("the spec of a volume to create says where it is; the scale is described by arguments")
    if key is not None and (key_problem(key) or escapes(key)):
        raise OptionError(f"the key of a new scale is a path inside the volume's folder, found {key!r}")
    size, channels = _size(shape, num_channels)
    options = Storage(
        encoding,
        three(compressed_segmentation_block_size),
        jpeg_quality,
        png_level,
        three(chunk_size),
        three(shard_size),
        sharding,
    )
    volume = MultiscaleConstraints(_type(type), parse_data_type(dtype), channels)
    described = ScaleConstraints(
        key=key,
        resolution=parse_resolution(resolution),
        size=size,
        voxel_offset=integer_triple("voxel_offset", voxel_offset),
    )
    spec = creation_spec(base.url, volume, described, options)
    created(spec, None, rule=chunk_rule)  # what is impossible is refused before anything is removed
    store = open_store(base.url)
    old = None if exist == "add" else found_info(store)
    if old is not None and exist == "error":
        raise ExistsError(f"a volume exists at {store.url}")
    if old is not None:
        remove_volume(store, old)
    return replace(opened(spec, Access(), chunk_rule), opened_with=base)


def creation_spec(url: str, volume: MultiscaleConstraints, described: ScaleConstraints, options: Storage) -> Spec:
    """Return the spec that creates a scale; what `options` leaves open is chosen as TensorStore's document says.

    Raises
    ------
    OptionError
        Options contradict each other.
    """
    shard_size = positive_triple("shard_size", options.shard_size)
    if options.sharding is not None and shard_size is not None:
        raise OptionError("shard_size and sharding both say how to shard: give one of them")
    encoding = options.encoding or "raw"
    codec = CodecSpec(
        encoding=encoding,
        jpeg_quality=options.jpeg_quality,
        png_level=options.png_level,
        shard_data_encoding=default_data_encoding(encoding) if shard_size else None,
    )
    scale = replace(
        described,
        codec=codec,
        chunk_size=positive_triple("chunk_size", options.chunk_size),
        compressed_segmentation_block_size=positive_triple(
            "compressed_segmentation_block_size", options.compressed_segmentation_block_size
        ),
        sharding=_sharding(options.sharding),
    )
    shards = ChunkLayout(write_chunk_shape_soft_constraint=(*shard_size, 0)) if shard_size else None
    schema = Schema(rank=4, chunk_layout=shards)
    return Spec(url, multiscale=volume, scale=scale, schema=schema, mode=OpenMode(create=True))


def _sharding(document: Mapping[str, Any] | None) -> Sharding | None:
    if document is None:
        return None
    try:
        return parse_sharding(document)
    except MetadataError as error:
        raise OptionError("; ".join(map(str, error.problems))) from None


def _type(given: str | None) -> str | None:
    if given not in (None, *TYPES):
        raise OptionError(f"type is one of {', '.join(TYPES)}, found {given!r}")
    return given


def _size(shape: Sequence[int], num_channels: int) -> tuple[Triple, int]:
    if len(shape) == 4 and num_channels in (1, shape[3]):
        shape, num_channels = shape[:3], shape[3]
    if len(shape) != 3:
        raise OptionError(f"a shape is x, y, z with {num_channels} channels, found {tuple(shape)}")
    if num_channels != int(num_channels) or num_channels < 1:
        raise OptionError(f"num_channels is an integer of at least 1, found {num_channels}")
    return integer_triple("shape", shape, 0), int(num_channels)


def parse_data_type(dtype: DTypeLike) -> str:
    """Return the name of one of the data types of the format.

    Raises
    ------
    OptionError
        It is another one, or none.
    """
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in DATA_TYPES:
        raise OptionError(f"expected one of the data types {', '.join(DATA_TYPES)}, found {name}")
    return name


def parse_resolution(resolution: LengthsLike) -> Resolution:
    """Return a voxel size in nm.

    Raises
    ------
    OptionError
        It is anything else than three positive lengths.

    Examples
    --------
    >>> parse_resolution("8nm,8nm,0.04um"), parse_resolution((4, 4, "40nm"))
    ((8.0, 8.0, 40.0), (4.0, 4.0, 40.0))
    """
    rule = "resolution has three positive numbers, x, y, z in nm"
    try:
        lengths = parse_lengths(resolution)
    except OptionError as error:
        raise OptionError(f"{rule}; {error}") from None
    if min(lengths) <= 0:
        raise OptionError(f"{rule}; found {resolution!r}")
    return lengths


def integer_triple(name: str, values: Sequence[int], least: int = -MAX_INT64) -> Triple:
    """Return three integers of at least `least`.

    Raises
    ------
    OptionError
        The values are anything else.
    """
    try:
        found = triple(values)
        whole = all(map(operator.eq, found, values))
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole or min(found) < least:
        bound = f" of at least {least}" if least > -MAX_INT64 else ""
        raise OptionError(f"{name} has three integers{bound}, x, y, z; found {values!r}")
    return found


def positive_triple(name: str, values: Sequence[int] | None) -> Triple | None:
    """Return three integers of at least 1, or None where nothing is given.

    Raises
    ------
    OptionError
        The values are anything else.
    """
    return None if values is None else integer_triple(name, values, 1)
