"""Open a scale of a volume, or create it: what TensorStore's open does."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import ConstraintError, ExistsError, MetadataError, NotFoundError, OptionError
from ngprecomp.format.creation import opened_or_created
from ngprecomp.format.description import chunk_size_of
from ngprecomp.format.info import find_scale
from ngprecomp.format.open_mode import open_mode
from ngprecomp.format.scale import MAX_CHUNK_BYTES
from ngprecomp.format.schema import Schema
from ngprecomp.format.spec import parse_spec
from ngprecomp.storage.locate import open_store
from ngprecomp.volume.budget import parse_memory
from ngprecomp.volume.documents import found_info, read_info, write_info
from ngprecomp.volume.handle import Volume
from ngprecomp.volume.places import INFO_KEY, check_new_scale, place_of
from ngprecomp.volume.reading import Missing, checked_missing
from ngprecomp.volume.removal import interrupted_removal, remove_volume
from ngprecomp.volume.resources import DEFAULT_CACHE_BYTES, REMOTE_THREADS, Resources

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from ngprecomp.format.chunk_layout import ChunkLayout
    from ngprecomp.format.codec_spec import CodecSpec
    from ngprecomp.format.domain import IndexDomain
    from ngprecomp.format.info import Info
    from ngprecomp.format.layout import Rule
    from ngprecomp.format.scale import Scale
    from ngprecomp.format.spec import Spec
    from ngprecomp.storage.protocol import Store

SpecLike = str | os.PathLike[str] | Mapping[str, Any]
ScaleLike = int | str | Sequence[float]


@dataclass(frozen=True, slots=True)
class Access:
    """How a volume is read and written once it is open."""

    missing: Missing = "zero"
    durable: bool = False
    threads: int = 0
    cache_bytes: int = DEFAULT_CACHE_BYTES
    max_chunk_bytes: int = MAX_CHUNK_BYTES


def open_volume(  # noqa: PLR0913 - TensorStore's keywords and ours
    spec: SpecLike,
    scale: ScaleLike | None = None,
    *,
    open: bool | None = None,
    create: bool | None = None,
    delete_existing: bool | None = None,
    assume_metadata: bool | None = None,
    assume_cached_metadata: bool | None = None,
    dtype: DTypeLike | None = None,
    rank: int | None = None,
    domain: IndexDomain | Mapping[str, Any] | None = None,
    shape: Iterable[int] | None = None,
    chunk_layout: ChunkLayout | Mapping[str, Any] | None = None,
    codec: CodecSpec | Mapping[str, Any] | None = None,
    fill_value: Any = None,
    dimension_units: Iterable[Any] | None = None,
    schema: Schema | Mapping[str, Any] | None = None,
    chunk_rule: Rule = "closest",
    missing: Missing = "zero",
    threads: int = 0,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
    durable: bool = False,
    max_chunk_bytes: int | str | None = None,
) -> Volume:
    """Open one scale of a volume for reading and writing, or create it.

    Parameters
    ----------
    spec
        A path, a URL (docs/stores.md; with or without a leading ``precomputed://``) or TensorStore's
        JSON spec as a dict.
    scale
        An index, a key or a resolution in nm (x, y, z); the first scale where nothing says which.
    open, create, delete_existing
        Open what exists (the default), create what does not, remove everything under the volume's prefix first.
    assume_metadata, assume_cached_metadata
        Take the metadata from the spec, without reading or writing ``info``.
    dtype, rank, domain, shape, chunk_layout, codec, fill_value, dimension_units, schema
        What an existing scale must be like, and a new one shall be like, as in TensorStore; values or their JSON.
    chunk_rule
        The shape of chunks that is chosen where the spec leaves it open: the one with the number of voxels
        ``"closest"`` to what is asked, as TensorStore's document says, or ``"at_most"`` that many, as it does now.
    missing
        What absent chunks are: ``"zero"`` reads zeros, ``"error"`` raises MissingChunkError.
    threads
        Threads that fetch and decode chunks; 0 for one per core, 64 where every request crosses a network.
    cache_bytes
        Memory for the indices of shards and for encoded chunks that were read from them.
    durable
        Whether writes reach the disk before they return.
    max_chunk_bytes
        Bytes (``"4GB"``) that one decoded chunk may take, 1 GiB where not given; jobs that are given the open volume
        keep to it, too.

    Raises
    ------
    NotFoundError
        There is no volume, or no such scale.
    ExistsError
        What shall be created exists.
    ConstraintError
        What exists is not as asked for.
    OptionError
        The spec is invalid or contradicts itself.
    MetadataError
        ``info`` or the chosen scale is invalid.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.open("memory://doc/open", create=True, dtype="uint8", shape=[64, 64, 8, 1],
    ...               dimension_units=["8nm", "8nm", "40nm", None])
    >>> ng.open("memory://doc/open", (8, 8, 40)).shape
    (64, 64, 8, 1)
    """
    mode = open_mode(
        open=open,
        create=create,
        delete_existing=delete_existing,
        assume_metadata=assume_metadata,
        assume_cached_metadata=assume_cached_metadata,
    )
    said = Schema(
        rank=rank,
        dtype=dtype,
        domain=domain,
        shape=shape,
        chunk_layout=chunk_layout,
        codec=codec,
        fill_value=fill_value,
        dimension_units=dimension_units,
        schema=schema,
    )
    largest = MAX_CHUNK_BYTES if max_chunk_bytes is None else parse_memory(max_chunk_bytes, "max_chunk_bytes")
    access = Access(checked_missing(missing), durable, threads, cache_bytes, largest)
    return opened(parse_spec(spec).asking(scale=scale, mode=mode, schema=said), access, chunk_rule)


def opened(spec: Spec, access: Access, chunk_rule: Rule = "closest") -> Volume:
    """Return the volume that a spec means, created if the spec asks for that."""
    store = open_store(spec.url)
    with naming_volume(store):
        info, index = _settled(store, spec, chunk_rule, access.max_chunk_bytes)
    scale = _copy_meant(info.scale(index), spec)
    place = place_of(store, info, scale, store_zeros=bool(spec.store_data_equal_to_fill_value))
    missing: Missing = "error" if spec.fill_missing_data_reads is False else access.missing
    resources = Resources(access.threads or (REMOTE_THREADS if store.remote else 0), access.cache_bytes)
    return Volume(place, info, index, spec, missing, access.durable, resources)


def handle_of(volume: Volume | SpecLike, scale: ScaleLike | None = None) -> Volume:
    """Return an open volume as it is, or at another scale of its present ``info``; open anything else."""
    if not isinstance(volume, Volume):
        return open_volume(volume, scale)
    if scale is None:
        return volume
    store, info = volume.place.store, info_of(volume)
    index = find_scale(info, scale)
    place = place_of(store, info, read_scale(store, info, index))
    return replace(volume, place=place, parsed_info=info, scale_index=index)


def info_of(volume: Volume | SpecLike) -> Info:
    """Return the present ``info`` of a volume, open or named; that of an open one has the limit of its chunks."""
    if isinstance(volume, Volume):
        return read_info(volume.place.store, volume.parsed_info.max_chunk_bytes)
    return read_info(store_of(volume))


def store_of(volume: Volume | SpecLike) -> Store:
    """Return the store whose root is the folder of a volume, open or named; whether one is there is not looked at."""
    return volume.place.store if isinstance(volume, Volume) else open_store(parse_spec(volume).url)


def read_scale(store: Store, info: Info, index: int) -> Scale:
    """Return a scale of a volume, parsed; errors name the volume.

    Raises
    ------
    MetadataError
        The scale is invalid.
    """
    with naming_volume(store):
        return info.scale(index)


@contextmanager
def naming_volume(store: Store) -> Iterator[None]:
    """Let errors that arise from documents alone say which volume they are about."""
    try:
        yield
    except MetadataError as error:
        raise MetadataError(error.problems, f"info of {store.url}") from None
    except (ConstraintError, ExistsError, NotFoundError, OptionError) as error:
        if store.url in str(error):
            raise
        raise type(error)(f"{store.url}: {error}") from None


def _settled(store: Store, spec: Spec, rule: Rule, max_chunk_bytes: int) -> tuple[Info, int]:
    """Return the volume and the index of the scale; where something is created, ``info`` is written."""
    if spec.mode.assumes:
        return _usable(*opened_or_created(spec, None, rule=rule), max_chunk_bytes)
    if not spec.mode.create:
        return _usable(*opened_or_created(spec, read_info(store, max_chunk_bytes), rule=rule), max_chunk_bytes)
    if not spec.mode.delete_existing:
        there = found_info(store, max_chunk_bytes)
        info, index = opened_or_created(spec, there, rule=rule)
        if info is there:
            return _usable(info, index, max_chunk_bytes)
    with store.lock(INFO_KEY):
        there = found_info(store, max_chunk_bytes)
        info, index = opened_or_created(spec, there, rule=rule)
        if info is not there:
            check_new_scale(replace(info, max_chunk_bytes=max_chunk_bytes), index)
            going = interrupted_removal(store)
            if going is not None:
                remove_volume(store, going)
            if spec.mode.delete_existing:
                store.delete(store.list())
            write_info(store, info)
        return _usable(info, index, max_chunk_bytes)


def _usable(info: Info, index: int, max_chunk_bytes: int) -> tuple[Info, int]:
    """Return both once the scale has proved to be one that we read."""
    info = replace(info, max_chunk_bytes=max_chunk_bytes)
    info.scale(index)
    return info, index


def _copy_meant(scale: Scale, spec: Spec) -> Scale:
    """Return a scale with the chunk size that the spec means as its first; other stored copies are kept."""
    meant = chunk_size_of(scale, spec)
    return replace(scale, chunk_sizes=(meant, *(size for size in scale.chunk_sizes if size != meant)))
