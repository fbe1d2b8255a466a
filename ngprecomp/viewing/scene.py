"""The whole picture: where the viewer stands, how far away, and which panels it shows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.volume.handle import Volume

WINDOW = (1200, 640)  # pixels for the panels in the window of a small laptop
MARGIN = 1.1
THIN = 32  # times as long as it is thick
# The panels of cross sections: which axes run to the right and down.
PANELS = {"xy": (0, 1), "xz": (0, 2), "yz": (2, 1)}


def scene(volumes: Sequence[Volume]) -> dict[str, Any]:
    """Return the members of a state that show all of some volumes, in voxels of the first one."""
    if not volumes:
        return {"layout": "4panel"}
    resolution = volumes[0].resolution
    lo, hi = _hull_nm(volumes)
    extent = [high - low for low, high in zip(lo, hi, strict=True)]
    layout, panels, (width, height) = _layout(extent)
    shortest = min(resolution)
    nm_per_pixel = MARGIN * max(
        max(extent[right] / width, extent[down] / height) for right, down in (PANELS[panel] for panel in panels)
    )
    # The middle of a voxel: its border belongs to two of them.
    centre = [math.floor((a + b) / 2 / step) + 0.5 for a, b, step in zip(lo, hi, resolution, strict=True)]
    return {
        "dimensions": {axis: [step / 1e9, "m"] for axis, step in zip("xyz", resolution, strict=True)},
        "position": centre,
        "crossSectionScale": _rounded(nm_per_pixel / shortest),
        "projectionScale": _rounded(MARGIN * math.hypot(*extent) / shortest),
        "layout": layout,
    }


def _layout(extent: Sequence[float]) -> tuple[str, Sequence[str], tuple[float, float]]:
    """Return the layout, its cross sections and the pixels of one: a thin volume is shown from its flat side."""
    across = extent.index(min(extent))
    width, height = WINDOW
    if min(extent) * THIN <= max(extent):
        flat = next(panel for panel, axes in PANELS.items() if across not in axes)
        return flat, [flat], (width, height)
    return "4panel", list(PANELS), (width / 2, height / 2)


def _hull_nm(volumes: Sequence[Volume]) -> tuple[list[float], list[float]]:
    """Return the box that holds all volumes, in nm; one without voxels counts as one voxel."""
    boxes = [(volume.box, volume.resolution) for volume in volumes]
    lo = [min(box.lo[axis] * step[axis] for box, step in boxes) for axis in range(3)]
    hi = [max(max(box.hi[axis], box.lo[axis] + 1) * step[axis] for box, step in boxes) for axis in range(3)]
    return lo, hi


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")
