"""Open a scale of an existing volume."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import ConstraintError, MetadataError
from ngprecomp.format.info import Info, find_scale, match_scale
from ngprecomp.format.spec import Spec, parse_spec
from ngprecomp.storage.locate import open_store
from ngprecomp.volume.documents import read_info
from ngprecomp.volume.handle import Volume
from ngprecomp.volume.places import place_of
from ngprecomp.volume.reading import Missing, checked_missing
from ngprecomp.volume.resources import DEFAULT_CACHE_BYTES, Resources

if TYPE_CHECKING:
    from ngprecomp.format.scale import Scale
    from ngprecomp.storage.protocol import Store

SpecLike = str | os.PathLike[str] | Mapping[str, Any]
ScaleLike = int | str | Sequence[float]


def open_volume(
    spec: SpecLike,
    scale: ScaleLike | None = None,
    *,
    missing: Missing = "zero",
    threads: int = 0,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
    durable: bool = False,
) -> Volume:
    """Open one scale of a volume for reading and writing.

    Parameters
    ----------
    spec
        A path, a URL (``file://``, ``memory://``, with or without a leading ``precomputed://``) or TensorStore's
        JSON spec as a dict.
    scale
        An index, a key or a resolution in nm (x, y, z); the first scale where neither this nor the spec says it.
    missing
        What absent chunks are: ``"zero"`` reads zeros, ``"error"`` raises MissingChunkError.
    threads
        Threads that fetch and decode chunks; 0 for one per core.
    cache_bytes
        Memory for the indices of shards.
    durable
        Whether writes reach the disk before they return.

    Raises
    ------
    NotFoundError
        There is no volume, or no such scale.
    MetadataError
        ``info`` or the chosen scale is invalid.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> made = ng.create("memory://doc/open", shape=(64, 64, 8), dtype="uint8", resolution=(8, 8, 40))
    >>> ng.open("memory://doc/open", (8, 8, 40)).shape
    (64, 64, 8, 1)
    """
    missing = checked_missing(missing)
    parsed = parse_spec(spec)
    store = open_store(parsed.url)
    info = read_info(store)
    index = _chosen(info, parsed, scale)
    place = place_of(store, info, read_scale(store, info, index))
    return Volume(place, info, index, missing, durable, Resources(threads, cache_bytes))


def read_scale(store: Store, info: Info, index: int) -> Scale:
    """Return a scale of a volume, parsed; errors name the volume.

    Raises
    ------
    MetadataError
        The scale is invalid.
    """
    try:
        return info.scale(index)
    except MetadataError as error:
        raise MetadataError(error.problems, f"info of {store.url}") from None


def _chosen(info: Info, spec: Spec, scale: ScaleLike | None) -> int:
    """Return the index of the scale that spec and argument agree on."""
    wanted = []
    if spec.scale_index is not None:
        wanted.append(find_scale(info, spec.scale_index))
    if spec.key is not None or spec.resolution is not None:
        wanted.append(match_scale(info, key=spec.key, resolution=spec.resolution or (None, None, None)))
    if scale is not None:
        wanted.append(find_scale(info, scale))
    if len(set(wanted)) > 1:
        raise ConstraintError(
            f"expected one scale, but index, key and resolution name the scales {sorted(set(wanted))}"
        )
    return wanted[0] if wanted else find_scale(info, 0)
