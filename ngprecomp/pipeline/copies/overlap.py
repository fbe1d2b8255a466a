"""Whether what a copy writes, or clears away, is what it reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ngprecomp.errors import OptionError
from ngprecomp.storage.local import LocalStore
from ngprecomp.volume.removal import removable_places

if TYPE_CHECKING:
    from ngprecomp.format.info import Info
    from ngprecomp.pipeline.copies.plan import CopyPlan
    from ngprecomp.storage.protocol import Store


def refuse_overlap(source: Store, target: Store, plan: CopyPlan, replaced: Info | None) -> None:
    """Refuse a copy into folders of its source, also where symbolic links or ``..`` in a key lead there.

    Raises
    ------
    OptionError
        A folder of the volume that is copied is one of the new volume, or of the one that it replaces.
    """
    reading = [_real(source, ""), *(_real(source, transfer.source.folder) for transfer in plan.transfers)]
    writing = [_real(target, ""), *(_real(target, transfer.target.folder) for transfer in plan.transfers)]
    if replaced is not None:
        writing += [_real(place.store, place.folder) for place in removable_places(target, replaced)]
    both = [folder for folder in writing if folder in reading]
    if both:
        raise OptionError(f"{both[0]} is both source and destination")


def _real(store: Store, folder: str) -> str:
    """Return the one name of a folder, whichever path leads there."""
    if isinstance(store, LocalStore):
        return os.path.realpath(os.path.join(store.root, folder))
    return os.path.normpath(f"{store.url}/{folder}")
