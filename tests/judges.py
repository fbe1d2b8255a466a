"""Other programs that read our volumes: the judges of whole files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorstore

if TYPE_CHECKING:
    from pathlib import Path


def open_with_tensorstore(folder: Path, scale: int = 0) -> Any:
    """Return TensorStore's handle of a scale of a volume on disk."""
    spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/", "scale_index": scale}
    return tensorstore.open(spec, read=True, write=True).result()


def read_with_tensorstore(folder: Path, scale: int = 0) -> np.ndarray[Any, Any]:
    """Return a scale as TensorStore reads it, [x, y, z, channel]."""
    return open_with_tensorstore(folder, scale).read().result()


def read_with_cloudvolume(folder: Path, scale: int = 0) -> np.ndarray[Any, Any]:
    """Return a scale as CloudVolume reads it, [x, y, z, channel]; absent chunks are errors."""
    from cloudvolume import CloudVolume

    return np.asarray(CloudVolume(f"file://{folder}", mip=scale, progress=False)[:])


def downsampled_by_tensorstore(folder: Path, scale: int, factor: tuple[int, int, int], method: str) -> Any:
    """Return TensorStore's downsampling of one stored scale, a handle with domain and voxels."""
    return tensorstore.downsample(open_with_tensorstore(folder, scale), [*factor, 1], method)
