"""A source on paper: a shape and a data type without voxels, for plans of what does not exist yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import OptionError, SourceError
from ngprecomp.format.box import Triple, three, triple
from ngprecomp.volume.creating import integer_triple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from numpy.typing import DTypeLike

    from ngprecomp.format.box import Box
    from ngprecomp.sources.protocol import Voxels


@dataclass(frozen=True, slots=True)
class PaperSource:
    """What a source would tell about itself; `block` is what it would decode at once."""

    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    block: Triple
    resolution: tuple[float, float, float] | None = None
    name: str = "a volume on paper"
    axes: str = "czyx"
    voxel_offset: Triple | None = None
    notes: tuple[str, ...] = ()
    unwritten_chunks: int = 0
    files: tuple[str, ...] = ()
    decoded_bytes: int = 0

    def read(self, box: Box, pool: Executor | None = None) -> Voxels:
        """Refuse: there are no voxels.

        Raises
        ------
        SourceError
            Always.
        """
        raise SourceError(f"{self.name} holds no voxels to read")

    def close(self) -> None:
        """Do nothing."""


def paper_source(
    shape: Sequence[int],
    dtype: DTypeLike,
    block: Sequence[int] | int,
    *,
    num_channels: int = 1,
) -> PaperSource:
    """Return a source on paper, which decodes blocks of so many voxels.

    Raises
    ------
    OptionError
        Shape, channels or block are no positive integers, or there is no such type.

    Examples
    --------
    >>> paper_source((34432, 39552, 51508), "uint8", 64).shape
    (34432, 39552, 51508, 1)
    """
    size = integer_triple("shape", three(shape), 1)
    natural = integer_triple("block", three(block), 1)
    if num_channels < 1:
        raise OptionError(f"num_channels is 1 or more, found {num_channels}")
    try:
        voxel = np.dtype(dtype)
    except TypeError:
        raise OptionError(f"there is no data type {dtype!r}") from None
    return PaperSource((*size, num_channels), voxel, triple(map(min, natural, size)))
