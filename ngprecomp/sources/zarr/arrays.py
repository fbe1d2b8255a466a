"""Regions of Zarr arrays of version 2 and 3, read by zarr-python."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import NgprecompError, SourceError
from ngprecomp.sources.sharing import share
from ngprecomp.sources.stored import native, sizes
from ngprecomp.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels

PIECE_BYTES = 1 << 21  # one call of zarr costs 1 ms: chunks of 32**3 read twice as fast so as one by one
METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")


@contextlib.contextmanager
def naming_zarr_damage(name: str) -> Iterator[None]:
    """Turn whatever zarr and its codecs raise into a `SourceError` that names the array; warnings are not shown.

    Raises
    ------
    SourceError
        Anything but our own errors was raised.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on foreign files in a folder, on drafts of the specification
            yield
    except (NgprecompError, MemoryError, PermissionError):
        raise
    except Exception as error:  # each store and codec has its own kinds
        raise SourceError(f"{name} does not read as Zarr: {error or type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class ZarrArray:
    """An open `zarr.Array` in its own order; read in pieces of whole chunks or shards."""

    array: Any
    name: str
    files: tuple[str, ...]
    unwritten_chunks: int
    owned: bool = True
    decoded: Tally = field(default_factory=Tally, compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each stored axis."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the voxels, in native byte order."""
        return native(np.dtype(self.array.dtype))

    @property
    def block(self) -> tuple[int, ...]:
        """A chunk; of a shard, one of the chunks in it."""
        return tuple(map(min, self.array.chunks, self.shape))

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the chunks decoded so far, those that are not stored among them."""
        return self.decoded.total

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region, its pieces read in the threads of `pool`."""
        voxels = np.empty(sizes(region), self.dtype)

        def work(piece: Region) -> None:
            target = tuple(slice(p.start - r.start, p.stop - r.start) for p, r in zip(piece, region, strict=True))
            try:
                voxels[target] = self.array[piece]
            except (MemoryError, PermissionError):
                raise
            except Exception as error:  # each store and codec has its own kinds
                where = tuple(part.start for part in piece)
                raise SourceError(f"{self.name} is damaged near {where}: {error or type(error).__name__}") from error
            self.decoded.add(touched(piece, self.array.chunks) * self.dtype.itemsize)

        share(work, pieces(region, self._piece), pool)
        return voxels

    @property
    def _piece(self) -> tuple[int, ...]:
        """Whole chunks or shards, of small ones so many that a call is worth its while."""
        piece = list(self.array.shards or self.array.chunks)
        for axis in reversed(range(len(piece))):
            while piece[axis] < self.shape[axis] and math.prod(piece) * self.dtype.itemsize < PIECE_BYTES:
                piece[axis] *= 2
        return tuple(piece)

    def close(self) -> None:
        """Close the store unless the caller opened it."""
        if self.owned:
            self.array.store.close()


def pieces(region: Region, step: tuple[int, ...]) -> Iterator[Region]:
    """Yield the parts of a region that lie in one cell of a grid each.

    Examples
    --------
    >>> list(pieces((slice(3, 9),), (4,)))
    [(slice(3, 4, None),), (slice(4, 8, None),), (slice(8, 9, None),)]
    """
    along = [
        [
            slice(max(part.start, at), min(part.stop, at + size))
            for at in range(part.start // size * size, part.stop, size)
        ]
        for part, size in zip(region, step, strict=True)
    ]
    yield from itertools.product(*along)


def touched(region: Region, step: tuple[int, ...]) -> int:
    """Return the voxels of all chunks that share a voxel with a region."""
    counts = (-(-part.stop // size) - part.start // size for part, size in zip(region, step, strict=True))
    return int(math.prod(counts) * math.prod(step))


def local_files(array: Any) -> tuple[str, ...]:
    """Return the files that stand for an array: its metadata in a folder, the archive of a zip store."""
    root = local_root(array.store)
    if root is None:
        return ()
    if os.path.isfile(root):
        return (root,)
    folder = os.path.join(root, array.path)
    return tuple(path for name in METADATA if os.path.isfile(path := os.path.join(folder, name)))


def count_unwritten(array: Any) -> int:
    """Return how many chunks or shards of an array in a local folder are not stored; 0 for other stores."""
    root = local_root(array.store)
    if root is None or os.path.isfile(root):
        return 0
    stored = sum(
        not name.startswith(".") and name != "zarr.json"
        for _, _, names in os.walk(os.path.join(root, array.path))
        for name in names
    )
    step = array.shards or array.chunks
    grid = math.prod(-(-size // cell) for size, cell in zip(array.shape, step, strict=True))
    return int(max(0, grid - stored))


def local_root(store: Any) -> str | None:
    """Return the folder or the zip archive of a store, None where it lies elsewhere."""
    kind = type(store).__name__
    if kind == "LocalStore":
        return str(os.path.abspath(store.root))
    return str(os.path.abspath(store.path)) if kind == "ZipStore" else None
