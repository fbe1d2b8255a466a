"""Read encoded chunks, sharded or not behind one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.chunks.limits import encoded_limit
from ngprecomp.chunks.sharded import read_together
from ngprecomp.chunks.unsharded import read_unsharded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ngprecomp.chunks.cache import LruCache
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple


def read_encoded(place: Place, position: Triple, cache: LruCache | None = None) -> bytes | None:
    """Return the encoded chunk at a grid position, None if it is absent.

    Raises
    ------
    DecodeError
        The file, the shard or an index is damaged; the sentence names the chunk.
    """
    (encoded,) = read_batch(place, [position], cache)
    return encoded


def read_batch(place: Place, positions: Sequence[Triple], cache: LruCache | None = None) -> Iterator[bytes | None]:
    """Yield the encoded chunks at grid positions, None for those that are absent.

    Those of a sharded scale lie in one shard: they are looked up together. A remote store is asked for them at once.

    Raises
    ------
    DecodeError
        As for one chunk.
    """
    if place.scale.sharding is None:
        for position in positions:
            with place.naming(position):
                encoded = read_unsharded(place, position, encoded_limit(place, position))
            yield encoded
        return
    yield from read_together(place, positions, cache, inflate=True)
