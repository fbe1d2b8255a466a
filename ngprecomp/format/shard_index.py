"""The two indices inside a shard, decompressed: shard index and minishard index (sharded.md).

A shard counts its offsets from the end of the shard index, modulo 2**64; here they count from its first byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ngprecomp.errors import DecodeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

ENTRY_BYTES = 16
CHUNK_BYTES = 24
_UINT64 = np.dtype("<u8")
_MAX_FILE_BYTES = 2**63 - 1

Buffer = bytes | bytearray | memoryview


class MinishardIndex(NamedTuple):
    """The chunks of a minishard in ascending order of their ids."""

    ids: NDArray[np.uint64]
    starts: NDArray[np.int64]
    """Offsets in the file at which the chunks start."""
    sizes: NDArray[np.int64]
    """Stored bytes of the chunks, compressed where the sharding says so."""

    def find(self, chunk_id: int) -> tuple[int, int] | None:
        """Return start and size of a chunk, None if it is absent."""
        at = int(self.ids.searchsorted(np.uint64(chunk_id)))
        if at == len(self.ids) or int(self.ids[at]) != chunk_id:
            return None
        return int(self.starts[at]), int(self.sizes[at])


def decode_shard_index(
    data: Buffer, minishard_count: int, *, index_bytes: int | None = None, file_bytes: int | None = None
) -> NDArray[np.int64]:
    """Return where minishard indices start and end in the file, [n, 2]; an empty one starts where it ends.

    Parameters
    ----------
    data
        The entries of `minishard_count` neighbouring minishards.
    index_bytes
        Length of the whole shard index where `data` is a part of it.
    file_bytes
        Length of the file; known, it bounds what the entries may say.

    Raises
    ------
    DecodeError
        `data` has another length, or a minishard index lies outside the file or ends before it starts.

    Examples
    --------
    >>> decode_shard_index(encode_shard_index([[0, 0], [100, 124]]), 2).tolist()
    [[32, 32], [100, 124]]
    """
    if len(data) != ENTRY_BYTES * minishard_count:
        raise DecodeError(
            f"expected {ENTRY_BYTES * minishard_count} bytes of shard index for {minishard_count} "
            f"minishards, found {len(data)}"
        )
    front = len(data) if index_bytes is None else index_bytes
    end_of_file = _MAX_FILE_BYTES if file_bytes is None else file_bytes
    if front > end_of_file:
        raise DecodeError(f"expected a shard index of {front} bytes, found a file of {end_of_file} bytes")
    relative = np.frombuffer(data, _UINT64).reshape(-1, 2)
    # Where an empty minishard would lie means nothing, whatever the entry says.
    relative = np.where(relative[:, :1] == relative[:, 1:], np.uint64(0), relative)
    start, end = relative[:, 0], relative[:, 1]
    wrong = (end < start) | (end > np.uint64(end_of_file - front))
    if wrong.any():
        at = int(wrong.argmax())
        raise DecodeError(
            f"a minishard index cannot lie from byte {front + int(start[at])} to byte "
            f"{front + int(end[at])}{_in_file(file_bytes)}"
        )
    return relative.astype(np.int64) + front


def encode_shard_index(bounds: ArrayLike) -> bytes:
    """Return the shard index of minishards whose indices start and end at these offsets, [n, 2], of the file.

    Examples
    --------
    >>> encode_shard_index([[7, 7], [32, 56]]) == bytes(16) + bytes(8) + (24).to_bytes(8, "little")
    True
    """
    absolute = np.asarray(bounds, np.uint64).reshape(-1, 2)
    front = np.uint64(ENTRY_BYTES * len(absolute))
    empty = absolute[:, :1] == absolute[:, 1:]
    assert np.all(empty[:, 0] | ((absolute[:, 0] >= front) & (absolute[:, 0] < absolute[:, 1])))
    return np.where(empty, np.uint64(0), absolute - front).astype(_UINT64).tobytes()


def decode_minishard_index(
    data: Buffer,
    index_bytes: int,
    *,
    max_entries: int | None = None,
    file_bytes: int | None = None,
    min_bytes: int = 1,
) -> MinishardIndex:
    """Return the chunks that a minishard lists.

    Parameters
    ----------
    data
        The decompressed index.
    index_bytes
        Length of the shard index at the front of the file.
    max_entries
        Most chunks that can lie in one minishard.
    file_bytes
        Length of the file; known, it bounds where chunks may lie.
    min_bytes
        Fewest bytes of a chunk: sharded stores of other things than voxels may hold empty values.

    Raises
    ------
    DecodeError
        The length is no multiple of 24 or beyond `max_entries`, an id is listed twice, or a chunk is too short,
        lies in the shard index or outside the file.

    Examples
    --------
    >>> index = decode_minishard_index(encode_minishard_index([7, 3], [116, 16], [10, 100], 16), 16)
    >>> index.ids.tolist(), index.find(7), index.find(8)
    ([3, 7], (116, 10), None)
    """
    if len(data) % CHUNK_BYTES:
        raise DecodeError(f"expected {CHUNK_BYTES} bytes of minishard index for each chunk, found {len(data)} bytes")
    count = len(data) // CHUNK_BYTES
    if max_entries is not None and count > max_entries:
        raise DecodeError(f"expected a minishard of at most {max_entries} chunks, found {count}")
    rows = np.frombuffer(data, _UINT64).astype(np.uint64, copy=False).reshape(3, count)
    ids = np.cumsum(rows[0], dtype=np.uint64)
    sizes = rows[2]
    ends = np.uint64(index_bytes) + np.cumsum(rows[1] + sizes, dtype=np.uint64)
    starts = ends - sizes
    if not np.all(ids[1:] > ids[:-1]):
        order = np.argsort(ids, kind="stable")
        ids, starts, sizes = ids[order], starts[order], sizes[order]
        _check_twice(ids)
    _check_sizes(ids, sizes, min_bytes)
    _check_places(ids, starts, sizes, index_bytes, file_bytes)
    return MinishardIndex(ids, starts.astype(np.int64), sizes.astype(np.int64))


def encode_minishard_index(ids: ArrayLike, starts: ArrayLike, sizes: ArrayLike, index_bytes: int) -> bytes:
    """Return the index of a minishard, before compression.

    Parameters
    ----------
    ids, starts, sizes
        Chunk ids in any order, the offsets in the file at which the chunks start, their stored bytes.
    index_bytes
        Length of the shard index at the front of the file.
    """
    listed = np.array([ids, starts, sizes], np.uint64)
    id_, start, size = listed[:, np.argsort(listed[0], kind="stable")]
    assert np.all(id_[1:] > id_[:-1]), "a chunk is listed twice"
    previous_end = np.roll(start + size, 1)
    previous_end[:1] = index_bytes
    # Differences wrap modulo 2**64, as the format wants where chunks do not ascend in the file.
    rows = np.stack([np.diff(id_, prepend=np.uint64(0)), start - previous_end, size])
    return rows.astype(_UINT64).tobytes()


def _check_twice(ids: NDArray[np.uint64]) -> None:
    """Raise for a chunk that is listed twice; the ids ascend."""
    twice = ids[1:] == ids[:-1]
    if twice.any():
        raise DecodeError(f"chunk {ids[int(twice.argmax())]} is listed twice in its minishard index")


def _check_sizes(ids: NDArray[np.uint64], sizes: NDArray[np.uint64], min_bytes: int) -> None:
    """Raise for a chunk that is too short."""
    short = sizes < np.uint64(min_bytes)
    if short.any():
        at = int(short.argmax())
        raise DecodeError(f"chunk {ids[at]} is listed with {sizes[at]} bytes in its minishard index")


def _check_places(
    ids: NDArray[np.uint64],
    starts: NDArray[np.uint64],
    sizes: NDArray[np.uint64],
    index_bytes: int,
    file_bytes: int | None,
) -> None:
    """Raise for a chunk that lies in the shard index or outside the file."""
    end_of_file = np.uint64(_MAX_FILE_BYTES if file_bytes is None else file_bytes)
    ends = starts + sizes
    # A sum that wraps modulo 2**64 is smaller than its parts.
    outside = (starts < np.uint64(index_bytes)) | (ends > end_of_file) | (ends < starts)
    if outside.any():
        at = int(outside.argmax())
        raise DecodeError(
            f"chunk {ids[at]} is listed with {sizes[at]} bytes from byte {starts[at]}: expected it after the "
            f"{index_bytes} bytes of the shard index{_in_file(file_bytes)}"
        )


def _in_file(file_bytes: int | None) -> str:
    return "" if file_bytes is None else f" in a file of {file_bytes} bytes"
