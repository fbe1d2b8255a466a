"""Change what ``info`` says of a volume, where that needs no voxel to be written anew."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ngprecomp.chunks.checksums import checksum_documents, checksum_folder
from ngprecomp.chunks.listing import chunk_files
from ngprecomp.errors import ExistsError, OptionError
from ngprecomp.format.info import Info, find_scale, info_to_json
from ngprecomp.format.names import escapes, key_problem
from ngprecomp.format.problems import info_problems
from ngprecomp.format.scale import scale_to_json
from ngprecomp.storage.copying import copy_object
from ngprecomp.volume.creating import integer_triple, parse_resolution
from ngprecomp.volume.documents import change_info, read_info
from ngprecomp.volume.opening import store_of
from ngprecomp.volume.places import check_new_scale, folder_mate, place_of, refuse_escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ngprecomp.format.lengths import LengthsLike
    from ngprecomp.format.scale import Scale
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.handle import Volume
    from ngprecomp.volume.opening import SpecLike


def set_info(
    volume: Volume | SpecLike,
    *,
    resolution: LengthsLike | None = None,
    shift: Sequence[int] | None = None,
    type: str | None = None,
    rename_scale: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """Correct the ``info`` of a volume, and return the new document.

    The change is checked as a whole and written at once, under the lock of ``info``; handles that are open keep what
    they have read.

    Parameters
    ----------
    volume
        An open volume, or a path, URL or JSON spec.
    resolution
        The voxel size of the finest scale, x, y, z in nm or with units; the others keep their ratios to it.
    shift
        Voxels of the finest scale that are added to the offset of the whole volume, x, y, z. All scales must be
        sharded: the names of chunk files hold the offset.
    type
        ``"image"`` or ``"segmentation"``.
    rename_scale
        The key of a scale and its new key: its chunks are copied to the new folder, then ``info`` changes, then the
        old ones go, so an interruption at any moment leaves a whole volume and perhaps files that belong to none.

    Raises
    ------
    OptionError
        Nothing is asked for, a coarser scale would begin inside of a voxel, or the result would be worse than before
        for a reader; all its problems are listed.
    ExistsError
        The new key is taken.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/set", shape=(8, 8, 8), dtype="uint8", resolution=(4, 4, 4))
    >>> ng.set_info(vol, resolution="8,8,40nm", type="segmentation")["scales"][0]["resolution"]
    [8.0, 8.0, 40.0]
    """
    store = store_of(volume)
    if resolution is None and shift is None and type is None and rename_scale is None:
        raise OptionError("nothing to set: give resolution, shift, type or rename_scale")

    def change(info: Info) -> Info:
        new = info if type is None else replace(info, type=type)
        if resolution is not None:
            new = _with_resolution(new, parse_resolution(resolution))
        if shift is not None:
            new = _shifted(new, shift)
        _refuse_worse(info, new)
        return new

    if rename_scale is not None:
        _refuse_worse(read_info(store), change(read_info(store)))
        _rename(store, *rename_scale)
    return info_to_json(change_info(store, change))


def _with_resolution(info: Info, finest: tuple[float, float, float]) -> Info:
    scales = _scales(info)
    ratios = [new / old for new, old in zip(finest, scales[0].resolution, strict=True)]
    # Rounded, because the binary tail of a quotient would show in every document.
    return _rewritten(
        info,
        [
            {"resolution": [float(f"{step * ratio:.12g}") for step, ratio in zip(one.resolution, ratios, strict=True)]}
            for one in scales
        ],
    )


def _shifted(info: Info, shift: Sequence[int]) -> Info:
    scales = _scales(info)
    steps = integer_triple("shift", shift)
    members = []
    for scale in scales:
        if scale.sharding is None:
            raise OptionError(
                f"scale {scale.key} is not sharded: the names of its chunk files hold the offset; "
                "convert the volume with another voxel offset instead"
            )
        factors = [step / fine for step, fine in zip(scale.resolution, scales[0].resolution, strict=True)]
        moved = [step / factor for step, factor in zip(steps, factors, strict=True)]
        if any(abs(step - round(step)) > 1e-6 for step in moved):
            least = ", ".join(str(math.ceil(factor - 1e-6)) for factor in factors)
            raise OptionError(
                f"a shift by {steps} voxels is none by whole voxels of scale {scale.key}, each of which holds "
                f"{least} of the finest along x, y, z"
            )
        offset = [lo + round(step) for lo, step in zip(scale.voxel_offset, moved, strict=True)]
        members.append({"voxel_offset": offset})
    return _rewritten(info, members)


def _scales(info: Info) -> list[Scale]:
    if not info.scales:
        raise OptionError("the volume has no scale")
    return [info.scale(index, limited=False) for index in range(len(info.scales))]


def _rewritten(info: Info, members: Sequence[Mapping[str, Any]]) -> Info:
    """Return the volume with other members in its scales; those that we do not know stay."""
    documents = [{**scale_to_json(scale), **changed} for scale, changed in zip(_scales(info), members, strict=True)]
    return replace(info, scales=tuple(documents))


def _refuse_worse(old: Info, new: Info) -> None:
    known = {str(problem) for problem in info_problems(old, limited=False)}
    worse = [str(one) for one in info_problems(new, limited=False) if str(one) not in known]
    if worse:
        raise OptionError("; ".join(worse))


def _rename(store: Store, old: str, new: str) -> None:
    """Move the chunks of a scale to another key."""
    info = read_info(store)
    index = find_scale(info, old)
    scale = info.scale(index, limited=False)
    refuse_escape(scale, "rename")
    if key_problem(new) or escapes(new):
        raise OptionError(f"the key of a scale is a folder in that of the volume, found {new!r}")

    def renamed(now: Info) -> Info:
        if now.scales != info.scales:
            raise OptionError(f"the scales of {store.url} were changed at the same time: try again")
        document = {**now.scales[index], "key": new}
        changed = replace(now, scales=(*now.scales[:index], document, *now.scales[index + 1 :]))
        check_new_scale(changed, index)
        return changed

    target = renamed(info)
    before, after = place_of(store, info, scale), place_of(store, target, target.scale(index, limited=False))
    if next(store.list(after.key("")), None) is not None:
        raise ExistsError(f"{store.url}/{new} holds files already")
    moved = {key: after.key(key.removeprefix(before.key(""))) for key in chunk_files(before)}
    for old_copy, new_copy in zip(before.copies, after.copies, strict=True):
        start, begin = checksum_folder(old_copy), checksum_folder(new_copy)
        moved |= {key: begin + key.removeprefix(start) for key in checksum_documents(old_copy)}
    for key, to in moved.items():
        copy_object(store, key, store, to)
    change_info(store, renamed)
    if folder_mate(info, index) is None:
        store.delete(moved)
        store.sweep(before.folder)
