"""Label statistics the obvious way: look at the coordinates of each label."""

from __future__ import annotations

import numpy as np


def label_statistics(labels: np.ndarray) -> dict[int, tuple[int, list[int], list[int], list[int]]]:
    """Return voxels, sums of coordinates and the half-open bounding box of every label of [x, y, z]."""
    found = {}
    for label in np.unique(labels):
        at = np.argwhere(labels == label)
        found[int(label)] = (len(at), at.sum(0).tolist(), at.min(0).tolist(), (at.max(0) + 1).tolist())
    return found
