"""The other scales of an open volume."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ngprecomp.errors import MetadataError
from ngprecomp.format.info import find_scale
from ngprecomp.volume.places import place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.format.scale import Scale
    from ngprecomp.volume.handle import Volume


def at_scale(volume: Volume, selector: int | str | Sequence[float]) -> Volume:
    """Return another scale of an open volume: by index, key or resolution in nm; threads and cache are shared.

    Raises
    ------
    NotFoundError
        There is no such scale.
    MetadataError
        It is invalid.
    """
    index = find_scale(volume.parsed_info, selector)
    place = place_of(volume.place.store, volume.parsed_info, volume.parsed_info.scale(index))
    return replace(volume, place=place, scale_index=index)


def usable_scales(volume: Volume) -> dict[int, Scale]:
    """Return the scales that can be read, by their index."""
    scales = {}
    for index in range(len(volume.parsed_info.scales)):
        try:
            scales[index] = volume.parsed_info.scale(index)
        except MetadataError:
            continue
    return scales
