"""Image or segmentation: what the voxels of a source look like, and how sure that is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.pipeline.conversion.sampling import is_constant

if TYPE_CHECKING:
    from ngprecomp.sources.protocol import Source

Voxels = NDArray[Any]

LABEL_NAME = re.compile("label|seg|neuron_ids|mask|instance|annot", re.IGNORECASE)
WIDE = ("uint64", "int64", "uint32", "int32")
# Of the neighbours of an EM segmentation 0.998 are equal, 0.83 when only every 8th voxel is left; of those of an EM
# picture of 8 bits 0.02, and 0.35 when it is blurred over 8 voxels.
REGIONS = 0.75
PICTURE = 0.5
IF_LABELS = "(--type segmentation if they are labels)"
IF_GREY = "(--type image if they are grey values)"


def detect_type(source: Source, samples: list[Voxels]) -> tuple[str, str]:
    """Return the type of a volume and why; where that is a guess, the reason ends with the option against it.

    Labels are integers without a sign in one channel, mostly equal to their neighbours. That decides for 32 and 64
    bits, which cameras do not deliver; narrower ones need a name that says so as well, because masks and thresholded
    pictures look the same. uint64 is always taken for labels.
    """
    name, channels = source.dtype.name, source.shape[3]
    share, named = equal_neighbours(samples), LABEL_NAME.search(source.name)
    regions = share is not None and share >= REGIONS
    like_labels = f" in regions of equal values, as labels are {IF_LABELS}"
    if source.dtype.kind not in "iub":
        return "image", f"{name} voxels" + (like_labels if regions else "")
    if channels > 1:
        return "image", f"{name} voxels with {channels} channels {IF_LABELS}"
    if any(sample.size and sample.min() < 0 for sample in samples):
        return "image", f"negative values {IF_LABELS}"
    if name in WIDE:
        return _wide(name, share, named is not None)
    if regions and named:
        return "segmentation", f"regions of equal values, and the name says {named[0]!r} {IF_GREY}"
    return "image", f"{name} voxels" + (like_labels if regions else f" {IF_LABELS}")


def _wide(name: str, share: float | None, named: bool) -> tuple[str, str]:
    """Decide for integers of 32 and 64 bits."""
    if share is None:
        labels, look = named or name != "int32", ", all equal where sampled"
    elif share >= REGIONS:
        labels, look = True, " in regions of equal values"
    else:
        labels = share >= PICTURE or named or name == "uint64"
        look = f", {share:.0%} of them equal to their neighbours"
    return (
        ("segmentation", f"{name} voxels{look} {IF_GREY}") if labels else ("image", f"{name} voxels{look} {IF_LABELS}")
    )


def equal_neighbours(samples: list[Voxels]) -> float | None:
    """Return which part of the neighbours are equal, along the axis where most are; None if no values differ.

    Pairs of zeros do not count, nor do samples of one value: a background or a margin is no sign of labels. The best
    axis counts because thin labels that run along one axis have equal neighbours along that one only.

    Examples
    --------
    >>> voxels = np.zeros((9, 9, 2, 1), "uint8")
    >>> equal_neighbours([voxels])
    >>> voxels[2:7] = 5
    >>> equal_neighbours([voxels])
    1.0
    """
    equal, counted = [0, 0, 0], [0, 0, 0]
    for sample in samples:
        if is_constant(sample):
            continue
        for axis in range(3):
            along = np.moveaxis(sample, axis, 0)
            same = along[1:] == along[:-1]
            empty = int(np.count_nonzero(same & (along[1:] == 0)))
            equal[axis] += int(np.count_nonzero(same)) - empty
            counted[axis] += same.size - empty
    return max((same / pairs for same, pairs in zip(equal, counted, strict=True) if pairs), default=None)
