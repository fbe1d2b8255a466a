"""Where the chunks of one scale lie and what they hold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import DecodeError, EncodeError, FormatError
from ngprecomp.format.names import join, key_problem, shard_name

if TYPE_CHECKING:
    import numpy as np

    from ngprecomp.format.box import Box, Triple
    from ngprecomp.format.grid import Grid
    from ngprecomp.format.scale import Scale
    from ngprecomp.format.sharding import Sharding
    from ngprecomp.storage.protocol import Store

PLAIN_GZIP = "plain-gzip"


@dataclass(frozen=True, slots=True)
class Place:
    """One scale in one store: `folder` is its key resolved to a prefix of the store, without a trailing slash.

    `compression` names the outer compression of new unsharded chunks: ``""`` none, ``"gzip"`` as CloudVolume's, on
    disks under names that end in ``.gz``, in buckets with a content encoding; ``"plain-gzip"`` under names without
    a suffix as ndm's. `compress_level` is the level of any gzip, None for the default of the encoding.
    `store_zeros` keeps chunks that become all zero. Jobs write `checksums` of the chunks that they make. `grid` is
    the chunk grid, in absolute voxel coordinates.
    """

    store: Store
    folder: str
    scale: Scale
    data_type: str
    num_channels: int
    compression: str = ""
    compress_level: int | None = None
    store_zeros: bool = False
    checksums: bool = False
    grid: Grid = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", self.scale.grid)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a voxel in native byte order."""
        import numpy as np  # not for those who only list files

        return np.dtype(self.data_type)

    @property
    def copies(self) -> tuple[Place, ...]:
        """The stored copies of the scale: one for each of its chunk sizes, with all voxels."""
        scales = (replace(self.scale, chunk_sizes=(size,)) for size in self.scale.chunk_sizes)
        return tuple(replace(self, scale=scale) for scale in scales)

    @property
    def sharding(self) -> Sharding:
        """The sharding of a sharded scale."""
        assert self.scale.sharding is not None, "the scale is not sharded"
        return self.scale.sharding

    def shard_key(self, number: int) -> str:
        """Return the store key of a shard."""
        return self.key(shard_name(number, self.sharding.shard_bits))

    def key(self, name: str) -> str:
        """Return the store key of a file of this scale.

        Raises
        ------
        FormatError
            The key of the scale names no folder. Its metadata can be looked at, its chunks cannot be reached.
        """
        problem = key_problem(self.scale.key)
        if problem:
            raise FormatError(f"the key of scale {self.scale.key!r} in {self.store.url} names no folder: {problem}")
        return join(self.folder, name)

    def chunk_shape(self, position: Triple) -> tuple[int, int, int, int]:
        """Return x, y, z and channels of the chunk at `position`, cut at the end of the volume."""
        return (*self.grid.cell(position).size, self.num_channels)

    def describe(self, position: Triple) -> str:
        """Return how messages name a chunk."""
        cell: Box = self.grid.cell(position)
        return f"chunk {cell} of scale {self.scale.key!r} in {self.store.url}"

    def naming(self, position: Triple) -> _Naming:
        """Let errors of encoding and decoding begin with the chunk they are about."""
        return _Naming(self, position)


@dataclass(frozen=True, slots=True)
class _Naming:
    """The context of one chunk: no generator, which would cost each chunk 1.4 us."""

    place: Place
    position: Triple

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (DecodeError, EncodeError)):
            raise type(error)(f"{self.place.describe(self.position)}: {error}") from error
