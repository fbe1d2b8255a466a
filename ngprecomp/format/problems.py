"""All that is wrong with an ``info`` document, for a report; a reader checks the scale that it uses only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ngprecomp.errors import MetadataError, Problem
from ngprecomp.format.info import TYPES, Info
from ngprecomp.format.members import found
from ngprecomp.format.names import key_problem
from ngprecomp.format.scale import MAX_CHUNK_BYTES, Scale

if TYPE_CHECKING:
    from collections.abc import Mapping


def info_problems(info: Info, *, max_chunk_bytes: int | None = MAX_CHUNK_BYTES) -> list[Problem]:
    """Return what keeps us from using the volume or one of its scales, and then `viewer_problems`."""
    problems = []
    if not info.scales:
        problems.append(Problem("scales", "expected at least one scale, found none"))
    for index in range(len(info.scales)):
        try:
            info.scale(index, max_chunk_bytes=max_chunk_bytes)
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
    first: dict[str, int] = {}
    for index, document in enumerate(info.scales):
        where = f"scales[{index}]"
        key = document.get("key")
        if isinstance(key, str) and first.setdefault(key, index) != index:
            problems.append(Problem(f"{where}.key", f"{found(key)} is also the key of scale {first[key]}"))
        try:
            scale = info.scale(index, max_chunk_bytes=None)
        except MetadataError:
            continue
        problems.extend(_scale_problems(scale, document, where))
    return problems


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
