"""What every source must do: give back the array that made its file, whole and in parts."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.format.box import Box

if TYPE_CHECKING:
    from ngprecomp.sources.protocol import Source


def read_all(source: Source) -> np.ndarray[Any, Any]:
    return source.read(Box.of_size(source.shape[:3]))


def check_reads(source: Source, expected: np.ndarray[Any, Any]) -> None:
    """Compare with `expected` [x, y, z, channel]: whole, part of it, in a pool, after pickling, an empty box."""
    assert source.shape == expected.shape
    assert source.dtype == expected.dtype
    assert source.dtype.isnative
    assert all(1 <= block <= size for block, size in zip(source.block, source.shape, strict=False))
    assert all(note.strip() for note in source.notes)
    assert all(os.path.isabs(path) and os.path.isfile(path) for path in source.files)
    whole = read_all(source)
    assert whole.flags.f_contiguous
    assert whole.dtype == expected.dtype
    np.testing.assert_array_equal(whole, expected)
    lo = tuple(size // 3 for size in source.shape[:3])
    part = Box(lo, tuple(max(start + 1, size * 3 // 4) for start, size in zip(lo, source.shape, strict=False)))
    with ThreadPoolExecutor(2) as pool:
        read = source.read(part, pool)
    assert read.flags.f_contiguous
    np.testing.assert_array_equal(read, expected[part.slices])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read(part), expected[part.slices])
    assert source.read(Box(lo, lo)).shape == (0, 0, 0, source.shape[3])
    source.close()


def xyzc(array: np.ndarray[Any, Any], axes: str) -> np.ndarray[Any, Any]:
    """Turn an array of the axes into [x, y, z, channel], spelled out with einsum."""
    full = array
    for letter in "xyzc":
        if letter not in axes:
            full, axes = full[np.newaxis], letter + axes
    return np.einsum(f"{axes}->xyzc", full)


def noise(shape: tuple[int, ...], dtype: str = "uint16", seed: int = 0) -> np.ndarray[Any, Any]:
    """Return values over the whole range of a type: labels of 2**63 and above among them."""
    random = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return random.integers(0, 2, shape).astype(bool)
    if kind.kind == "f":
        return random.normal(size=shape).astype(kind)
    native = kind.newbyteorder("=")
    low, high = np.iinfo(native).min, np.iinfo(native).max
    return random.integers(low, high, shape, native, endpoint=True).astype(kind)
