"""Arrays whose stored values stand for others on a straight line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels
    from ngprecomp.sources.stored import StoredArray


@dataclass(frozen=True, slots=True)
class ScaledArray:
    """``slope * stored + intercept``, computed in float64 and given as float32."""

    stored: StoredArray
    slope: float
    intercept: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each stored axis."""
        return self.stored.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32."""
        return np.dtype(np.float32)

    @property
    def block(self) -> tuple[int, ...]:
        """The unit of reading of the stored values."""
        return self.stored.block

    @property
    def unwritten_chunks(self) -> int:
        """Those of the stored values."""
        return self.stored.unwritten_chunks

    @property
    def files(self) -> tuple[str, ...]:
        """Those of the stored values."""
        return self.stored.files

    @property
    def decoded_bytes(self) -> int:
        """Those of the stored values."""
        return self.stored.decoded_bytes

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region of the computed values, in the memory order of the stored ones."""
        stored = self.stored.read(region, pool)
        voxels = np.empty_like(stored, np.float32)
        parts = zip(stored.T, voxels.T, strict=True) if stored.flags.f_contiguous else zip(stored, voxels, strict=True)
        for part, target in parts:  # one by one: the float64 values of all would be twice what is returned
            target[...] = part * np.float64(self.slope) + self.intercept
        return voxels

    def close(self) -> None:
        """Close what holds the stored values."""
        self.stored.close()
