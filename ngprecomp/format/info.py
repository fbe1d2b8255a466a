"""The ``info`` document of a volume as a frozen value (volume.md, "Metadata")."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, cast

from ngprecomp.errors import MetadataError, NotFoundError, OptionError
from ngprecomp.format.encodings import DATA_TYPES
from ngprecomp.format.json_text import copy_json, dump_json, load_json
from ngprecomp.format.members import Members, Resolution, found
from ngprecomp.format.scale import MAX_CHUNK_BYTES, Scale, parse_scale, scale_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

VOLUME_KIND = "neuroglancer_multiscale_volume"
TYPES = ("image", "segmentation")


@dataclass(frozen=True, slots=True)
class Info:
    """A volume: what all scales have in common, and the scales as the JSON objects that were read.

    Scales stay unparsed until they are used, so that one which we cannot decode harms nobody else. `extra`
    holds the members that we do not know, as they are. Scales whose decoded chunks take more than `max_chunk_bytes`
    are refused.
    """

    type: str
    data_type: str
    num_channels: int
    scales: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    max_chunk_bytes: int = field(default=MAX_CHUNK_BYTES, compare=False, repr=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type as NumPy's, in native byte order."""
        import numpy as np

        return np.dtype(self.data_type)

    def scale(self, index: int, *, limited: bool = True) -> Scale:
        """Return scale `index`, parsed.

        Raises
        ------
        NotFoundError
            There is no such scale.
        MetadataError
            The scale is invalid, or its chunks are larger than `max_chunk_bytes` and they are `limited`.
        """
        document = self.scale_document(index)
        limit = self.max_chunk_bytes if limited else None
        return parse_scale(document, self.data_type, self.num_channels, f"scales[{index}]", max_chunk_bytes=limit)

    def scale_document(self, index: int) -> Mapping[str, Any]:
        """Return the JSON object of scale `index`; raise `NotFoundError` if there is no such scale."""
        if not 0 <= index < len(self.scales):
            raise NotFoundError(f"scale {index} does not exist: the volume has {_listed(self)}")
        return self.scales[index]


def parse_info(document: bytes | str | Mapping[str, Any], *, max_chunk_bytes: int = MAX_CHUNK_BYTES) -> Info:
    """Return the volume that an ``info`` file, its text or its parsed object describes.

    Only the top level is checked; `problems.info_problems` checks the rest. Data types, and the types image
    and segmentation, are taken in any case, as Neuroglancer does. Other types are kept, as TensorStore does.

    Raises
    ------
    MetadataError
        With all problems of the text or of the top level.

    Examples
    --------
    >>> parse_info('{"type": "Image", "data_type": "UINT8", "num_channels": 1.0, "scales": [], "mesh": "m"}')
    Info(type='image', data_type='uint8', num_channels=1, scales=(), extra={'mesh': 'm'})
    """
    members = Members(load_json(document) if isinstance(document, (bytes, str)) else copy_json(document))
    kind = members.text("@type", default=VOLUME_KIND)
    if kind != VOLUME_KIND and members.sound("@type"):
        members.note("@type", f'expected "{VOLUME_KIND}", found {found(kind)}')
    volume_type = members.text("type")
    info = Info(
        type=volume_type.lower() if volume_type.lower() in TYPES else volume_type,
        data_type=members.choice("data_type", DATA_TYPES),
        num_channels=members.integer("num_channels", 1, 2**31 - 1),
        scales=members.objects("scales"),
        extra=members.unread(),
        max_chunk_bytes=max_chunk_bytes,
    )
    members.close()
    return info


def info_to_json(info: Info) -> dict[str, Any]:
    """Return a new document in TensorStore's form; a scale that does not parse stays as it was read."""
    document = {
        **info.extra,
        "@type": VOLUME_KIND,
        "type": info.type,
        "data_type": info.data_type,
        "num_channels": info.num_channels,
        "scales": [_rewritten(info, index) for index in range(len(info.scales))],
    }
    return cast("dict[str, Any]", copy_json(document))


def info_to_bytes(info: Info) -> bytes:
    """Return the ``info`` file, byte for byte as TensorStore writes it."""
    return dump_json(info_to_json(info))


def with_scale(info: Info, scale: Scale, *, limited: bool = True) -> Info:
    """Return the volume with one more scale, at the end: where TensorStore puts it, however fine it is.

    Raises
    ------
    MetadataError
        The scale does not fit into the volume, for example its encoding does not take the data type, or its chunks
        are too large and they are `limited`.
    """
    document = copy_json(scale_to_json(scale), "scale")
    limit = info.max_chunk_bytes if limited else None
    parse_scale(document, info.data_type, info.num_channels, max_chunk_bytes=limit)
    return replace(info, scales=(*info.scales, document))


def find_scale(info: Info, selector: int | str | Sequence[float]) -> int:
    """Return the index of the scale that is named by its index, its key or its resolution in nanometres.

    Where several scales have the key or the resolution the first is meant, as in TensorStore.

    Raises
    ------
    NotFoundError
        No scale matches; the message names those that exist.
    OptionError
        `selector` is none of the three.
    """
    chosen = parse_selector(selector)
    if isinstance(chosen, int):
        info.scale_document(chosen)
        return chosen
    return match_scale(info, key=chosen) if isinstance(chosen, str) else match_scale(info, resolution=chosen)


def parse_selector(selector: Any) -> int | str | Resolution:
    """Return what names a scale: its index, its key or its resolution in nm; NumPy's integers and arrays are welcome.

    Raises
    ------
    OptionError
        `selector` is none of the three.
    """
    if isinstance(selector, str):
        return selector
    whole: object = selector
    if type(whole) is not bool and isinstance(whole, Integral):
        return int(whole)
    try:
        x, y, z = map(float, selector)
    except (TypeError, ValueError):
        raise OptionError(f"a scale is an index, a key or 3 numbers (nm), not {selector!r}") from None
    return x, y, z


def match_scale(
    info: Info,
    *,
    key: str | None = None,
    resolution: tuple[float | None, float | None, float | None] = (None, None, None),
) -> int:
    """Return the index of the first scale with this key and this resolution; None matches everything.

    Raises
    ------
    NotFoundError
        No scale matches; the message names those that exist.
    """
    for index, document in enumerate(info.scales):
        if key is not None and document.get("key") != key:
            continue
        members = Members(document)
        sizes = members.numbers("resolution")
        asked = [(want, size) for want, size in zip(resolution, sizes, strict=True) if want is not None]
        if not asked or (not members.problems and all(want == size for want, size in asked)):
            return index
    wanted = [] if key is None else [f"key {key!r}"]
    if resolution != (None, None, None):
        wanted.append("resolution " + ",".join("any" if size is None else f"{size:g}" for size in resolution))
    asked_for = f"no scale has {' and '.join(wanted)}: " if wanted else ""
    raise NotFoundError(f"{asked_for}the volume has {_listed(info)}")


def _rewritten(info: Info, index: int) -> Mapping[str, Any]:
    try:
        return scale_to_json(info.scale(index, limited=False))
    except MetadataError:
        return info.scales[index]


def _listed(info: Info) -> str:
    """Say how many scales exist, with their keys."""
    if not info.scales:
        return "no scales"
    keys = ", ".join(found(document.get("key")) for document in info.scales)
    return f"{len(info.scales)} scale{'s' if len(info.scales) > 1 else ''}: {keys}"
