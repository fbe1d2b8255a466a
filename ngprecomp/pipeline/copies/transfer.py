"""One chunk from one place to another: as it is encoded where that is the same there, else what a box leaves of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.chunks.coding import check_chunk, decode_chunk, encode_stored, encoding_of
from ngprecomp.chunks.deflating import deflate_chunk
from ngprecomp.chunks.limits import encoded_limit
from ngprecomp.chunks.place import PLAIN_GZIP
from ngprecomp.chunks.sharded import read_sharded
from ngprecomp.chunks.unsharded import read_file
from ngprecomp.codecs.compression import decompress
from ngprecomp.errors import MissingChunkError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.encodings import WRITABLE
from ngprecomp.format.sharding import chunks_per_shard

if TYPE_CHECKING:
    from ngprecomp.chunks.cache import LruCache
    from ngprecomp.chunks.place import Place
    from ngprecomp.pipeline.engine.cells import Voxels
    from ngprecomp.volume.reading import Missing

COMPRESSIONS = {"raw": "", PLAIN_GZIP: "gzip"}  # other names of the same


@dataclass(frozen=True, slots=True)
class Transfer:
    """The voxels of one scale, from where its chunks lie to where they, or those of a part of it, shall lie."""

    source: Place
    target: Place

    @property
    def as_stored(self) -> bool:
        """Whether chunks need no decoding, but for those that the end of the target cuts."""
        old, new = self.source.grid, self.target.grid
        begins = zip(old.domain.lo, new.domain.lo, new.chunk, strict=True)
        return (
            encoding_of(self.source.scale) == encoding_of(self.target.scale)
            and old.chunk == new.chunk
            and all((begin - first) % step == 0 for first, begin, step in begins)
        )

    @property
    def cuts(self) -> bool:
        """Whether the target ends inside of chunks of the source."""
        last = triple(count - 1 for count in self.target.grid.shape)
        return not self.target.grid.domain.empty and not self.keeps(last)

    @property
    def whole_shards(self) -> bool:
        """Whether shards may stay as they are, byte for byte."""
        sharding = self.target.scale.sharding
        return (
            sharding is not None
            and sharding == self.source.scale.sharding
            and chunks_per_shard(sharding, self.target.grid.shape) is not None
            and self.as_stored
            and self.source.grid == self.target.grid
            and self.target.compress_level is None
        )

    def position(self, position: Triple) -> Triple:
        """Return the position in the source of a chunk of the target."""
        begin = self.target.grid.domain.relative_to(self.source.grid.domain.lo).lo
        return triple(at + lo // step for at, lo, step in zip(position, begin, self.target.grid.chunk, strict=True))

    def keeps(self, position: Triple) -> bool:
        """Whether a chunk of the target has the voxels of one of the source."""
        return self.target.grid.cell(position) == self.source.grid.cell(self.position(position))


@dataclass(frozen=True, slots=True)
class Carried:
    """A chunk as its target stores it (None: it is left out), the bytes that were read, and whether it was absent."""

    stored: bytes | None
    read_bytes: int = 0
    absent: bool = False


def carried_chunk(
    transfer: Transfer, position: Triple, missing: Missing, cache: LruCache, *, skip_empty: bool = False
) -> Carried:
    """Return a chunk of the target of a transfer that goes `as_stored`.

    Absent chunks are zeros, which are stored unless `skip_empty`; those of an encoding that we do not write stay
    absent.

    Raises
    ------
    DecodeError
        The chunk is damaged, as far as `check_chunk` sees that.
    MissingChunkError
        It is absent and `missing` is ``"error"``.
    """
    source, target = transfer.source, transfer.target
    there = transfer.position(position)
    found = _read(source, there, cache)
    if found is None:
        if missing == "error":
            raise MissingChunkError(f"{source.describe(there)} is absent")
        left_out = skip_empty or target.scale.encoding not in WRITABLE
        return Carried(None if left_out else _stored(target, position, _zeros(target, position)), absent=True)
    data, compression = found
    with source.naming(there):
        encoded = decompress(data, compression, encoded_limit(source, there))
    keeps = transfer.keeps(position)
    if keeps:
        check_chunk(source, there, encoded)
    if skip_empty or not keeps:
        voxels = decode_chunk(source, there, encoded)
        x, y, z, _ = target.chunk_shape(position)
        if skip_empty and not voxels[:x, :y, :z].any():
            return Carried(None, len(data))
        if not keeps:
            return Carried(_stored(target, position, voxels), len(data))
    same = compression == _compression(target) and target.compress_level is None
    return Carried(data if same else deflate_chunk(target, encoded), len(data))


def check_stored(place: Place, position: Triple, stored: bytes) -> None:
    """Look whether bytes are a chunk of a sharded scale as its shard stores it.

    Raises
    ------
    DecodeError
        They are not; the sentence names the chunk.
    """
    with place.naming(position):
        encoded = decompress(stored, _compression(place), encoded_limit(place, position))
    check_chunk(place, position, encoded)


def _read(place: Place, position: Triple, cache: LruCache) -> tuple[bytes, str] | None:
    """Return a chunk as it is stored, with the name of its compression (``""``: none); None if it is absent."""
    if place.scale.sharding is None:
        with place.naming(position):
            return read_file(place, position, encoded_limit(place, position))
    stored = read_sharded(place, position, cache)
    return None if stored is None else (stored, _compression(place))


def _compression(place: Place) -> str:
    name = place.compression if place.scale.sharding is None else place.scale.sharding.data_encoding
    return COMPRESSIONS.get(name, name)


def _stored(place: Place, position: Triple, voxels: Voxels) -> bytes:
    """Return a chunk as it is stored; its voxels are the first of `voxels`."""
    return encode_stored(place, position, voxels, Box.of_size(place.grid.cell(position).size))


def _zeros(place: Place, position: Triple) -> Voxels:
    return np.zeros(place.chunk_shape(position), place.dtype, order="F")
