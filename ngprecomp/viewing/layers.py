"""Layers of Neuroglancer, set up so that a volume shows what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.viewing.contrast import range_control
from ngprecomp.viewing.samples import sample
from ngprecomp.viewing.shaders import GREY, RGB, channels_shader, range_name
from ngprecomp.volume.colours import is_rgb, shown_channels

if TYPE_CHECKING:
    from ngprecomp.volume.handle import Volume

SELECTED = 10
# Where segments are selected the others are hidden, unless they are given some opacity.
NOT_SELECTED_ALPHA = 0.25


def layer(name: str, source: str, volume: Volume | None) -> dict[str, Any]:
    """Return the layer of a volume whose files are at the URL `source`.

    Contrast, for each channel of its own, and the segments that are selected are those of a coarse scale. Without a
    `volume` the viewer finds out what it is, and shows the whole range of its type.
    """
    found = {"name": name, "source": f"precomputed://{source}"}
    if volume is None:
        return {"type": "auto", **found}
    if volume.parsed_info.type == "segmentation":
        return {"type": "segmentation", **found, **_segments(volume)}
    return {"type": "image", **found, **_image(volume)}


def _image(volume: Volume) -> dict[str, Any]:
    channels = shown_channels(volume.parsed_info.type, volume.dtype, volume.place.num_channels)
    if is_rgb(volume.dtype, volume.place.num_channels):
        return {"shader": RGB}
    samples = sample(volume) or [np.zeros((1, 1, 1, channels), volume.dtype)]
    controls = [
        range_control(np.concatenate([voxels[..., channel].ravel(order="K") for voxels in samples]))
        for channel in range(channels)
    ]
    if volume.place.num_channels == 1:
        return {"shader": GREY, "shaderControls": {"normalized": controls[0]}}
    named = {range_name(channel): {**control, "channel": [channel]} for channel, control in enumerate(controls)}
    return {"shader": channels_shader(channels), "shaderControls": named}


def _segments(volume: Volume) -> dict[str, Any]:
    """Return the largest segments as selected ones, the others paler."""
    samples = [voxels[voxels != 0] for voxels in sample(volume)]
    if not samples:
        return {}
    labels, counts = np.unique(np.concatenate(samples), return_counts=True)
    largest = labels[np.argsort(-counts, kind="stable")[:SELECTED]]
    return {"segments": [str(label) for label in largest.tolist()], "notSelectedAlpha": NOT_SELECTED_ALPHA}
