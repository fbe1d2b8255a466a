"""From a scale in an ``info`` document to the place where its chunks lie."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from ngprecomp.chunks.place import Place
from ngprecomp.errors import OptionError
from ngprecomp.format.names import escapes, resolve_key

if TYPE_CHECKING:
    from ngprecomp.format.info import Info
    from ngprecomp.format.scale import Scale
    from ngprecomp.storage.protocol import Store

INFO_KEY = "info"


def place_of(
    store: Store, info: Info, scale: Scale, *, compression: str = "", compress_level: int | None = None
) -> Place:
    """Return the place of a scale whose volume is the root of `store`; ``..`` in its key is followed lexically."""
    folder = posixpath.normpath(scale.key) if escapes(scale.key) else resolve_key("", scale.key)
    return Place(store, folder, scale, info.dtype, info.num_channels, compression, compress_level)


def refuse_escape(scale: Scale, what: str) -> None:
    """Refuse to change files outside of the volume's folder.

    Raises
    ------
    OptionError
        The key of the scale leads out of the folder.
    """
    if escapes(scale.key):
        raise OptionError(f"will not {what} scale {scale.key!r}: its key leads out of the volume's folder")
