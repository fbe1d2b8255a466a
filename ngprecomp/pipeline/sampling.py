"""A few small boxes of a source, to choose its type and its compression by."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.format.box import Box, Triple, triple

if TYPE_CHECKING:
    from ngprecomp.sources.protocol import Source

Voxels = NDArray[Any]
SAMPLES = 3
PAGE = 4  # blocks that are larger than this many samples


def sample_boxes(source: Source, size: Triple) -> list[Voxels]:
    """Return up to three boxes [x, y, z, channel] of about `size` voxels on the diagonal of a source.

    A source that decodes large pages is sampled one page deep.
    """
    extent = triple(source.shape[:3])
    if math.prod(source.block) > PAGE * math.prod(size):
        size = triple(map(min, size, (size[0], size[1], source.block[2])))
    boxes = []
    for part in range(SAMPLES):
        centre = [length * (2 * part + 1) // (2 * SAMPLES) for length in extent]
        lo = triple(max(0, c - s // 2) for c, s in zip(centre, size, strict=True))
        hi = triple(min(length, start + s) for length, start, s in zip(extent, lo, size, strict=True))
        boxes.append(Box(lo, hi))
    return [source.read(box) for box in dict.fromkeys(boxes) if not box.empty]


def looks_like_labels(samples: list[Voxels]) -> bool:
    """Whether nine of ten neighbours along x are equal, as in a segmentation and hardly ever in a picture."""
    pairs = [np.mean(sample[1:] == sample[:-1]) for sample in samples if sample.shape[0] > 1]
    return bool(pairs) and float(np.mean(pairs)) >= 0.9
