"""Colours of voxels: Neuroglancer's for labels, grey or one colour for each channel for images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Values = NDArray[Any]
Pixels = NDArray[np.uint8]
Range = tuple[float, float]

# Red, green, blue of the channels of an image with several; further channels are not shown.
CHANNEL_COLOURS = (
    (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 0.5, 0), (1, 1, 1),
)  # fmt: skip
# Of the values that are black and white; what is darker or brighter than nearly all voxels tells little.
PERCENTILES = (0.5, 99.5)

_C1, _C2 = np.uint32(0xCC9E2D51), np.uint32(0x1B873593)
_STEP = np.uint32(0xE6546B64)


def shown_channels(volume_type: str, dtype: np.dtype[Any], num_channels: int) -> int:
    """Return how many of the channels are shown: the first of labels, as many of an image as have a colour."""
    if volume_type == "segmentation":
        return 1
    return num_channels if is_rgb(dtype, num_channels) else min(num_channels, len(CHANNEL_COLOURS))


def is_rgb(dtype: np.dtype[Any], num_channels: int) -> bool:
    """Whether the channels of an image are red, green and blue."""
    return dtype == np.uint8 and num_channels == 3


def shown_ranges(samples: Sequence[Values], dtype: np.dtype[Any], num_channels: int) -> list[Range]:
    """Return for each channel of some samples [..., channel] the values to show as black and fully bright.

    All values are shown of red, green and blue. `num_channels` are those of the volume.
    """
    channels = samples[0].shape[-1]
    if is_rgb(dtype, num_channels):
        return [(0.0, 255.0)] * channels
    values = np.concatenate([sample.reshape(-1, channels) for sample in samples])
    return [shown_range(values[:, channel]) for channel in range(channels)]


def shown_range(values: Values) -> Range:
    """Return the values to show as black and white: percentiles of what is finite and not zero, if there is any.

    Zero is left out because it stands for no data: padding, and chunks that are absent. One value alone is shown
    white on the black of zero.

    Examples
    --------
    >>> shown_range(np.array([0, 0, 90, 100, 110, 255], np.uint8)), shown_range(np.array([0, 7]))
    ((90.0, 255.0), (0.0, 7.0))
    """
    found = values[np.isfinite(values) & (values != 0)]
    if not found.size:
        return 0.0, 1.0
    low, high = (float(end) for end in np.percentile(found, PERCENTILES, method="nearest"))
    return (low, high) if low < high else (min(low, 0.0), max(high, 0.0))


def image_colours(values: Values, ranges: list[Range]) -> Pixels:
    """Return the colours of an image [..., channel] as [..., 3]; one channel is grey, several are added up.

    Parameters
    ----------
    ranges
        For each channel the values that are black and fully bright.
    """
    colours = ((1, 1, 1),) if len(ranges) == 1 else CHANNEL_COLOURS
    shown = np.zeros((*values.shape[:-1], 3))
    for channel, (low, high) in enumerate(ranges):
        bright = np.nan_to_num((values[..., channel].astype(np.float64) - low) / (high - low)).clip(0, 1)
        shown += bright[..., np.newaxis] * colours[channel]
    return _as_bytes(shown.clip(0, 1))


def segment_colours(labels: Values) -> Pixels:
    """Return the colours that Neuroglancer gives to labels (seed 0) as [..., 3]; label 0 is black.

    Low and high word of a label are mixed into 32 bits as MurmurHash3 does, without its final step. The lowest byte
    is the hue, the next one the saturation, from one half to full; the value is always full.

    Examples
    --------
    >>> segment_colours(np.array([0, 1, 2**63], np.uint64)).tolist()
    [[0, 0, 0], [94, 128, 255], [125, 255, 164]]
    """
    words = labels.astype(np.uint64)
    mixed = np.zeros(words.shape, np.uint32)
    for word in (words.astype(np.uint32), (words >> np.uint64(32)).astype(np.uint32)):
        mixed = _rotated(mixed ^ (_rotated(word * _C1, 15) * _C2), 13) * np.uint32(5) + _STEP
    hue = (mixed & np.uint32(255))[..., np.newaxis] / 255 * 6
    saturation = 0.5 + (mixed >> np.uint32(8) & np.uint32(255))[..., np.newaxis] / 510
    pure = np.concatenate([abs(hue - 3) - 1, 2 - abs(hue - 2), 2 - abs(hue - 4)], axis=-1).clip(0, 1)
    colours = _as_bytes(1 - saturation * (1 - pure))
    colours[words == 0] = 0
    return colours


def _rotated(words: Values, bits: int) -> Values:
    """Return 32-bit words rotated to the left."""
    return (words << np.uint32(bits)) | (words >> np.uint32(32 - bits))


def _as_bytes(shares: Values) -> Pixels:
    """Return numbers from 0 to 1 as 0 to 255."""
    pixels: Pixels = np.rint(255 * shares).astype(np.uint8)
    return pixels
