"""All that is wrong with an ``info`` document, for a report; a reader checks the scale that it uses only."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import MetadataError, Problem
from ngprecomp.format.encodings import DATA_TYPES
from ngprecomp.format.info import TYPES, Info, parse_info
from ngprecomp.format.json_text import load_json
from ngprecomp.format.members import found
from ngprecomp.format.names import escapes, key_problem
from ngprecomp.format.scale import MAX_CHUNK_BYTES, Scale, parse_scale

if TYPE_CHECKING:
    from collections.abc import Iterator

EXACT_FLOAT32 = 2**24
"""Neuroglancer keeps sizes and offsets as float32, which tells neighbouring integers apart up to here."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def document_problems(text: bytes, *, max_chunk_bytes: int = MAX_CHUNK_BYTES) -> tuple[Info | None, list[Problem]]:
    """Return the volume of an ``info`` file, None if its top level is invalid, and the problems of all scales."""
    try:
        document = load_json(text)
    except MetadataError as error:
        return None, list(error.problems)
    try:
        info = parse_info(document, max_chunk_bytes=max_chunk_bytes)
    except MetadataError as error:
        return None, [*error.problems, *_problems_of_scales_alone(document)]
    return info, info_problems(info)


def info_problems(info: Info, *, limited: bool = True) -> list[Problem]:
    """Return what keeps us from using the volume or one of its scales, and then `viewer_problems`."""
    problems = []
    if not info.scales:
        problems.append(Problem("scales", "expected at least one scale, found none"))
    for index in range(len(info.scales)):
        try:
            info.scale(index, limited=limited)
        except MetadataError as error:
            problems.extend(error.problems)
            continue
        problem = key_problem(info.scales[index]["key"])
        if problem:
            problems.append(Problem(f"scales[{index}].key", problem))
    return problems + viewer_problems(info)


def viewer_problems(info: Info) -> list[Problem]:
    """Return what we and TensorStore read, but the specification or Neuroglancer does not allow."""
    problems = []
    if info.type not in TYPES:
        problems.append(Problem("type", f"expected one of {', '.join(TYPES)}, found {found(info.type)}"))
    if info.type == "segmentation" and info.num_channels != 1:
        problems.append(Problem("num_channels", f"a segmentation has 1 channel, found {info.num_channels}"))
    for name in ("mesh", "skeletons", "segment_properties"):
        if not isinstance(info.extra.get(name, ""), str):
            problems.append(Problem(name, f"expected the path of a folder, found {found(info.extra[name])}"))
    first: dict[str, int] = {}
    sound = dict(_sound_scales(info))
    for index, document in enumerate(info.scales):
        where = f"scales[{index}]"
        key = document.get("key")
        if isinstance(key, str) and first.setdefault(key, index) != index:
            problems.append(Problem(f"{where}.key", f"{found(key)} is also the key of scale {first[key]}"))
        if index in sound:
            problems.extend(_scale_problems(sound[index], document, where))
    return problems


def doubts(info: Info) -> list[Problem]:
    """Return what the format allows and programs read, but hardly as it was meant."""
    problems = []
    scales = list(_sound_scales(info))
    for index, scale in scales:
        where = f"scales[{index}]"
        if escapes(scale.key):
            message = f"{found(scale.key)} leads out of the volume's folder: servers and writers refuse that"
            problems.append(Problem(f"{where}.key", message))
        if max(map(abs, (*scale.box.lo, *scale.box.hi))) > EXACT_FLOAT32:
            message = f"the viewer computes in float32, which blurs the coordinates of {scale.box} above 2**24"
            problems.append(Problem(f"{where}.voxel_offset", message))
    for (finer, fine), (coarser, coarse) in itertools.pairwise(scales):
        if any(b < a for a, b in zip(fine.resolution, coarse.resolution, strict=True)):
            message = f"scales go from fine to coarse: {coarse.resolution} is finer than scale {finer}"
            problems.append(Problem(f"scales[{coarser}].resolution", message))
    return problems


def peer_remarks(info: Info) -> list[Problem]:
    """Return what Neuroglancer reads, but TensorStore or CloudVolume does not, or not rightly."""
    remarks = []
    for index, scale in _sound_scales(info):
        document, where = info.scales[index], f"scales[{index}]"
        images = scale.encoding in ("jpeg", "png")
        if scale.encoding in ("jxl", "compresso"):
            remarks.append(Problem(f"{where}.encoding", f"TensorStore opens no scale beside one of {scale.encoding}"))
        if document["encoding"] != scale.encoding:
            message = f"TensorStore takes lower case only, found {found(document['encoding'])}"
            remarks.append(Problem(f"{where}.encoding", message))
        if images and info.num_channels > 1:
            message = f"CloudVolume mixes up the {info.num_channels} channels of {scale.encoding}"
            remarks.append(Problem(f"{where}.encoding", message))
        if scale.encoding == "png" and info.data_type == "uint16":
            remarks.append(Problem(f"{where}.encoding", "CloudVolume reads no png of uint16"))
        for name in ("size", "voxel_offset"):
            if any(isinstance(side, float) for side in document.get(name, ())):
                message = f"CloudVolume wants integers without a point, found {found(document[name])}"
                remarks.append(Problem(f"{where}.{name}", message))
    return remarks


def text_remarks(text: bytes) -> list[Problem]:
    """Return what is unusual in the text of a sound ``info``: a byte order mark, members that are written twice.

    Examples
    --------
    >>> for problem in text_remarks(b'{"type": "image", "scales": [{"key": "a", "key": "b"}]}'):
    ...     print(problem)
    scales[0].key: the member is written twice; readers take the last one
    """
    problems = []
    if text.startswith(BYTE_ORDER_MARK):
        problems.append(Problem("", "the text begins with a byte order mark, which CloudVolume refuses"))
    pairs = json.loads(str(text, "utf-8-sig"), object_pairs_hook=_Pairs)
    problems.extend(Problem(path, "the member is written twice; readers take the last one") for path in _twice(pairs))
    return problems


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object in the order of the text, those that are written twice included."""


def _twice(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, member in value:
            inside = f"{path}.{name}" if path else name
            if name in seen:
                yield inside
            seen.add(name)
            yield from _twice(member, inside)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _twice(member, f"{path}[{index}]")


def _sound_scales(info: Info) -> Iterator[tuple[int, Scale]]:
    """Yield the scales that parse, with their indices."""
    for index in range(len(info.scales)):
        try:
            yield index, info.scale(index, limited=False)
        except MetadataError:
            continue


def _problems_of_scales_alone(document: object) -> Iterator[Problem]:
    """Yield the problems of all scales beneath an invalid top level, as far as they do not depend on it."""
    scales = document.get("scales") if isinstance(document, Mapping) else None
    for index, scale in enumerate(scales if isinstance(scales, list) else ()):
        where = f"scales[{index}]"
        if not isinstance(scale, Mapping):
            continue
        try:
            parse_scale(scale, DATA_TYPES[0], 1, where, max_chunk_bytes=None)
        except MetadataError as error:
            yield from (problem for problem in error.problems if problem.where != f"{where}.encoding")


def _scale_problems(scale: Scale, document: Mapping[str, Any], where: str) -> list[Problem]:
    problems = []
    if 0 in scale.size:
        problems.append(Problem(f"{where}.size", f"the viewer needs at least one voxel, found {list(scale.size)}"))
    if min(scale.resolution) <= 0 or any(isinstance(size, str) for size in document["resolution"]):
        wanted = "the viewer needs 3 positive numbers"
        problems.append(Problem(f"{where}.resolution", f"{wanted}, found {found(document['resolution'])}"))
    if "sharding" in document and scale.sharding is None:
        problems.append(Problem(f"{where}.sharding", "the viewer refuses null: leave the member out"))
    if not isinstance(document.get("hidden", False), bool):
        problems.append(Problem(f"{where}.hidden", f"expected true or false, found {found(document['hidden'])}"))
    return problems
