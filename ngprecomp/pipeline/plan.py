"""What a conversion would do, of a source or of a volume that is only on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import OptionError
from ngprecomp.pipeline.conversion.defaults import default_chunk_size
from ngprecomp.pipeline.conversion.forecast import Forecast
from ngprecomp.pipeline.conversion.paper import paper_source
from ngprecomp.pipeline.convert import Where, convert
from ngprecomp.volume.creating import parse_resolution

if TYPE_CHECKING:
    from collections.abc import Sequence

NOWHERE = "memory://plan"


def plan(
    source: Any = None,
    destination: Where = NOWHERE,
    *,
    shape: Sequence[int] | None = None,
    block: Sequence[int] | int | None = None,
    num_channels: int = 1,
    **options: Any,
) -> Forecast:
    """Tell what `convert` would do: scales, files, bytes, tasks, memory, requests, how often the source is decoded.

    Nothing is written, and nothing is read but samples. A volume on paper takes a moment, however large it is.

    Parameters
    ----------
    source, destination
        As `convert` takes them; a destination in a bucket has more threads.
    shape, block, num_channels
        Instead of a source: its voxels along x, y, z, the voxels that it decodes at once (by default a chunk of the
        volume), and its channels. Needs `dtype`.
    **options
        All others of `convert`.

    Raises
    ------
    OptionError
        An option is invalid, or neither a source nor a shape is given, or both.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> told = ng.plan(shape=(34432, 39552, 51508), dtype="uint8", memory="8GB", workers=2)
    >>> told.source_bytes, len(told.scales), told.files, told.tasks
    (70146399731712, 11, 307132, 4707)
    """
    if (source is None) == (shape is None):
        raise OptionError("a plan is made of a source, or of a shape with a dtype")
    if shape is not None:
        dtype = options.get("dtype")
        if dtype is None:
            raise OptionError(f"a volume on paper of shape {tuple(shape)} needs a dtype")
        resolution = parse_resolution(options.get("resolution") or (1, 1, 1))
        chunk_size = options.get("chunk_size") or default_chunk_size(resolution)
        source = paper_source(shape, dtype, block or chunk_size, num_channels=num_channels)
        labels = source.dtype in (np.dtype("uint32"), np.dtype("uint64"))
        options.setdefault("type", "segmentation" if labels else "image")
    forecast = convert(source, destination, **{**options, "dry_run": True})
    assert isinstance(forecast, Forecast), "a dry run returns a forecast"
    return forecast
