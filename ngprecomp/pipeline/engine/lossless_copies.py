"""Lossless copies of scales that are stored with losses, for the round that makes the next scale from them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ngprecomp.storage.local import LocalStore
from ngprecomp.volume.places import JOURNAL_FOLDER

if TYPE_CHECKING:
    from ngprecomp.pipeline.engine.footprints import Cut
    from ngprecomp.pipeline.engine.making import Running
    from ngprecomp.storage.protocol import Store

LOSSY = ("jpeg",)


def copies_are_kept(running: Running) -> bool:
    """Whether copies lie at the destination, beside the journal: where other machines or processes read them."""
    return running.part is not None or (running.tasks is not None and not running.tasks.on_machine)


def with_kept_copy(cut: Cut, stage: int, number: int) -> Cut:
    """Return a round that leaves a copy beside the journal if its last scale is lossy; it goes away with the journal.

    Whether its files are there counts when the round is looked for again.
    """
    return _with_copy(cut, cut.round.targets[-1].places[-1].store, f"{JOURNAL_FOLDER}/lossless-{stage}-{number}")


def with_temporary_copy(cut: Cut, folder: str) -> Cut:
    """Return a round that leaves a copy in a folder of this machine if its last scale is lossy."""
    return _with_copy(cut, LocalStore(folder), "lossless")


def _with_copy(cut: Cut, store: Store, folder: str) -> Cut:
    top = cut.round.targets[-1]
    lossy = top.places[-1]
    if lossy.scale.encoding not in LOSSY:
        return cut
    scale = replace(
        lossy.scale, key=folder, voxel_offset=top.grid.domain.lo, encoding="raw", jpeg_quality=None, sharding=None
    )
    copy = replace(lossy, store=store, folder=folder, scale=scale, compression="")
    written = replace(cut.round, targets=(*cut.round.targets[:-1], replace(top, places=(*top.places, copy))))
    return replace(cut, round=written)
