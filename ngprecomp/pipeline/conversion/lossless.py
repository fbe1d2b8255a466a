"""Voxels in another data type if every value survives; otherwise the sentence that names what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.errors import OptionError, SourceError
from ngprecomp.volume.values import converted

if TYPE_CHECKING:
    from collections.abc import Iterator

Voxels = NDArray[Any]
PIECE = 1 << 17  # voxels converted at a time: the checks stay in the cache and hold no second copy of a block

# The type in which a volume holds what a viewer cannot show as it is, if every value survives.
IMAGE_TYPES = {
    "bool": ("uint8",),
    "int64": ("int32", "uint32", "uint64"),
    "float16": ("float32",),
    "float64": ("float32",),
}
LABEL_TYPES = {
    **dict.fromkeys(("bool", "uint8", "int8", "uint16", "int16", "int32", "float16", "float32"), ("uint32",)),
    **dict.fromkeys(("int64", "float64"), ("uint64",)),
}


def survives(voxels: Voxels, dtype: np.dtype[Any]) -> bool:
    """Whether every value is the same in another type; floats may not lose a digit either."""
    return all(_kept(piece, dtype) is not None for piece in pieces(voxels))


def lossless(voxels: Voxels, dtype: np.dtype[Any], *, rounding: bool, labels: bool, where: str) -> Voxels:
    """Return voxels in another type, Fortran-ordered.

    `rounding` lets floats lose digits, because their type was asked for, and takes floats for labels even where they
    are so large that their own type may have rounded them.

    Raises
    ------
    SourceError
        A value does not survive; the sentence says `where`, and which option would allow it.
    """
    found = np.empty(voxels.shape, dtype, order="F")
    for piece, target in zip(pieces(voxels), pieces(found), strict=True):
        kept = _rounded(piece, dtype) if rounding and dtype.kind == "f" else _kept(piece, dtype)
        if kept is None or (labels and not rounding and not _certain(piece)):
            raise SourceError(_refusal(voxels, dtype, labels=labels, where=where))
        target[...] = kept
    return found


def pieces(voxels: Voxels) -> Iterator[Voxels]:
    """Yield the voxels in memory order, in short one-dimensional views of Fortran-ordered arrays."""
    flat = voxels.reshape(-1, order="F")
    for start in range(0, flat.size, PIECE):
        yield flat[start : start + PIECE]


def _rounded(piece: Voxels, dtype: np.dtype[Any]) -> Voxels | None:
    """Return floats of another type; None if a number became infinite."""
    with np.errstate(over="ignore"):
        new = piece.astype(dtype)
    return new if np.array_equal(np.isinf(new), np.isinf(piece)) else None


def _kept(piece: Voxels, dtype: np.dtype[Any]) -> Voxels | None:
    """Return the same numbers in another type; None if one of them does not exist there."""
    try:
        new = converted(piece, dtype)
    except OptionError:
        return None
    both = piece.dtype.kind == dtype.kind == "f"
    return new if not both or np.array_equal(new.astype(piece.dtype), piece, equal_nan=True) else None


def _certain(piece: Voxels) -> bool:
    """Whether labels are so small that a file of floats cannot have rounded them."""
    return piece.dtype.kind != "f" or not piece.size or bool(piece.max() < 2 ** (np.finfo(piece.dtype).nmant + 1))


def _refusal(voxels: Voxels, dtype: np.dtype[Any], *, labels: bool, where: str) -> str:
    low, high = voxels.min(), voxels.max()
    found = f"{where} holds {voxels.dtype} values from {low} to {high}"
    if labels:
        if _kept(voxels.reshape(-1, order="F"), dtype) is not None:
            return (
                f"{found}, and labels of {2 ** (np.finfo(voxels.dtype).nmant + 1)} or more may have been rounded when "
                f"they became {voxels.dtype}; --dtype {dtype} takes them as they are"
            )
        return f"{found} which do not all survive in {dtype} as labels; {_label_advice(voxels)}"
    return f"{found} which do not all survive in {dtype}; {_image_advice(voxels, dtype)}"


def _label_advice(voxels: Voxels) -> str:
    for name in ("uint64", "int32"):
        if survives(voxels, np.dtype(name)):
            return f"--dtype {name} keeps " + ("them" if name == "uint64" else "negative labels")
    if voxels.dtype.kind == "f":
        grey = "--type image" + ("" if voxels.dtype.itemsize <= 4 else " --dtype float32")
        return f"labels are whole numbers; {grey} takes them for grey values"
    return "--type image --dtype float32 takes them for grey values and rounds them"


def _image_advice(voxels: Voxels, dtype: np.dtype[Any]) -> str:
    onto = "uint8" if dtype == np.uint64 else dtype  # a contrast takes no 64 bits
    scale = f"--range LOW,HIGH or --percentile 0.5,99.8 with --dtype {onto} scales them"
    if dtype.kind == "f":
        rounded = _rounded(voxels.reshape(-1, order="F"), dtype) is not None
        return "--dtype float32 rounds them" if rounded else scale
    for name in ("uint8", "uint16", "int16", "int32", "uint32", "uint64"):
        if survives(voxels, np.dtype(name)):
            return f"--dtype {name} keeps them, {scale}"
    return f"--dtype float32 rounds them, {scale}"
