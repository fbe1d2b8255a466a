"""Which shard and which minishard a chunk lies in (sharded.md, "Chunk identifiers")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ngprecomp.format.sharding import Sharding


def locate(sharding: Sharding, chunk_ids: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the shard numbers and the minishards of chunk ids, uint64 arrays of their shape.

    Examples
    --------
    >>> from ngprecomp.format.sharding import Sharding
    >>> locate(Sharding(1, "identity", 2, 3), np.array([0, 2, 9, 63], np.uint64))
    (array([0, 0, 1, 7], dtype=uint64), array([0, 1, 0, 3], dtype=uint64))
    """
    ids = np.asarray(chunk_ids, np.uint64)
    hashed = _shifted(ids, sharding.preshift_bits)
    if sharding.hash == "murmurhash3_x86_128":
        # Imported here: most volumes do not hash, and need no Numba for that.
        from ngprecomp.kernels.murmur3 import murmurhash3_x86_128

        hashed = murmurhash3_x86_128(hashed)
    shards = _shifted(hashed, sharding.minishard_bits) & np.uint64(2**sharding.shard_bits - 1)
    return shards, hashed & np.uint64(2**sharding.minishard_bits - 1)


def _shifted(values: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    """Return ``values >> bits`` for 0 to 64 bits; C leaves a shift by 64 undefined."""
    return values >> np.uint64(bits) if bits < 64 else np.zeros_like(values)
