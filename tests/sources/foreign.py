"""What the tests of foreign files share: a volume without symmetries, and what is expected of a source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.sources.opening import open_source
from tests.sources.reading import check_reads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = (9, 7, 5)  # x, y, z
CORNERS = {(0, 0, 0): 11, (8, 0, 0): 22, (0, 6, 0): 33, (0, 0, 4): 44, (8, 6, 0): 55, (1, 2, 3): 66}
HIGH = 60_000  # beyond int16, added to the voxels where the type has room


def voxel(x: int, y: int, z: int, c: int = 0) -> int:
    """Return the value of a voxel, which the file holds at this place in whatever order."""
    return CORNERS.get((x, y, z), 100) + 3 * c


def zyx(dtype: str = "uint16", c: int = 0) -> np.ndarray[Any, Any]:
    """Return one channel as most files hold it."""
    x_size, y_size, z_size = SIZE
    rows = [[[voxel(x, y, z, c) for x in range(x_size)] for y in range(y_size)] for z in range(z_size)]
    return np.array(rows, dtype)


def czyx(channels: int, dtype: str = "uint16") -> np.ndarray[Any, Any]:
    """Return several channels, one behind the other."""
    return np.stack([zyx(dtype, c) for c in range(channels)])


@dataclass(frozen=True)
class Foreign:
    """A file as another program writes it, and what must come of it.

    `write` makes the file in a folder and may return the name by which it is opened.
    """

    name: str
    write: Callable[[Path], Any]
    resolution: tuple[float, float, float] | None = None
    offset: tuple[int, int, int] | None = None
    channels: int = 1
    size: tuple[int, int, int] = SIZE
    dtype: str = "uint16"
    notes: tuple[str, ...] = ()
    axes: str | None = None
    add: int = 0


def check_foreign(folder: Path, case: Foreign) -> None:
    """Open the file unaided, or with the axes of the case, and compare all that is expected."""
    path = case.write(folder) or next(folder.iterdir())
    source = open_source(path, axes=case.axes)
    notes = "\n".join(source.notes)
    x_size, y_size, z_size = case.size
    assert source.shape == (*case.size, case.channels), notes
    if case.resolution is None:
        assert source.resolution is None, notes
        assert not re.search(r"voxel size \d", notes), notes
    else:
        assert source.resolution is not None, notes
        np.testing.assert_allclose(source.resolution, case.resolution, rtol=1e-6)
        assert "voxel size" in notes
    assert source.voxel_offset == case.offset, notes
    for said in case.notes:
        assert said in notes, notes
    expected = np.array(
        [
            [
                [[voxel(x, y, z, c) + case.add for c in range(case.channels)] for z in range(z_size)]
                for y in range(y_size)
            ]
            for x in range(x_size)
        ],
        case.dtype,
    )
    check_reads(source, expected)
