"""The table of labels: statistics of blocks added up exactly, and what is printed and written of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.storage.temporary import Temporary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ngprecomp.format.box import Box, Triple
    from ngprecomp.kernels.label_statistics import Statistics
    from ngprecomp.volume.handle import Volume

HALF = 32
MERGE_ROWS = 1 << 18  # at least so many rows of blocks are added at once
ROWS_AT_ONCE = 1 << 14
SHOWN = 10
COLUMNS = ("id", "voxels", "x", "y", "z", "x0", "x1", "y0", "y1", "z0", "z1", "x_nm", "y_nm", "z_nm")


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """One row for each label, in ascending order.

    Attributes
    ----------
    ids
        [n], of the volume's own type.
    voxels
        [n] int64.
    lo, hi
        [n, 3] int64, the half-open bounding box, x, y, z, absolute voxels.
    centroids
        [n, 3] float64, the mean of the coordinates of the label's voxels, x, y, z; voxel 5 counts as 5.
    resolution
        Voxel size in nm.
    box
        What was counted.
    absent
        Chunks that were not there and counted as zeros.
    notes
        How the box was understood.
    """

    ids: NDArray[Any]
    voxels: NDArray[np.int64]
    lo: NDArray[np.int64]
    hi: NDArray[np.int64]
    centroids: NDArray[np.float64]
    resolution: tuple[float, float, float]
    box: Box
    absent: int
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def centres_nm(self) -> NDArray[np.float64]:
        """[n, 3] centroids in nm, where voxel 5 reaches from 5 to 6 times the voxel size."""
        centres: NDArray[np.float64] = (self.centroids + 0.5) * np.array(self.resolution)
        return centres

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table; the file appears whole, and replaces one that is there."""
        with Temporary(os.fspath(path)) as file:
            at = 0
            for lines in self._lines():
                file.write(at, lines)
                at += len(lines)
            file.publish(durable=False)

    def _lines(self) -> Iterator[bytes]:
        """Yield the text of the table, some thousand rows at a time."""
        yield (",".join(COLUMNS) + "\n").encode()
        bounds = np.stack([self.lo, self.hi], axis=2).reshape(-1, 6)
        nm = self.centres_nm
        for first in range(0, len(self), ROWS_AT_ONCE):
            part = slice(first, first + ROWS_AT_ONCE)
            columns = (self.ids, self.voxels, self.centroids, bounds, nm)
            rows = zip(*(column[part].tolist() for column in columns), strict=True)
            yield "".join(
                f"{label},{voxels},{_numbers(at)},{','.join(map(str, box))},{_numbers(centre)}\n"
                for label, voxels, at, box, centre in rows
            ).encode()

    def __str__(self) -> str:
        total = int(self.voxels.sum())
        lines = [f"{len(self):,} labels with {total:,} voxels in {self.box}", *self.notes]
        if self.absent:
            lines.append(f"{self.absent} chunks are absent and were counted as zeros")
        order = np.argsort(-self.voxels, kind="stable")[:SHOWN]
        lines += [
            f"  {self.ids[at]}: {self.voxels[at]:,} voxels, centre {_numbers(self.centroids[at])}" for at in order
        ]
        if len(self) > SHOWN:
            lines.append(f"  ... the {SHOWN} largest of {len(self):,}")
        return "\n".join(lines)


def _numbers(values: Any) -> str:
    return ",".join(f"{value:.10g}" for value in values)


class Totals:
    """Statistics of blocks, added up; coordinates count from `origin`, so that no sum is of numbers below zero."""

    def __init__(self, dtype: np.dtype[Any], origin: Triple) -> None:
        self._origin = np.array(origin, np.int64)
        self._ids: NDArray[Any] = np.empty(0, dtype)
        # Voxels, sums of coordinates cut into halves of 32 bits (they may pass 2**64), lowest, highest.
        self._rows: NDArray[np.int64] = np.empty((0, 13), np.int64)
        self._waiting: list[tuple[NDArray[Any], NDArray[np.int64]]] = []
        self._waiting_rows = 0

    def add(self, found: Statistics, lo: Triple) -> None:
        """Add the statistics of a block whose first voxel is at `lo`."""
        shift = np.array(lo, np.int64) - self._origin
        sums = found.sums.astype(np.uint64) + found.voxels.astype(np.uint64)[:, None] * shift.astype(np.uint64)
        high, low = (sums >> np.uint64(HALF)).astype(np.int64), (sums & np.uint64(2**HALF - 1)).astype(np.int64)
        rows = np.concatenate([found.voxels[:, None], high, low, found.lo + shift, found.hi + shift], axis=1)
        self._waiting.append((found.ids, rows))
        self._waiting_rows += len(rows)
        if self._waiting_rows > max(MERGE_ROWS, len(self._ids)):
            self._merge()

    def _merge(self) -> None:
        """Add the rows that wait; each row is sorted a logarithmic number of times."""
        ids = np.concatenate([self._ids, *(ids for ids, _ in self._waiting)])
        rows = np.concatenate([self._rows, *(rows for _, rows in self._waiting)])
        self._waiting, self._waiting_rows = [], 0
        order = np.argsort(ids, kind="stable")
        ids, rows = ids[order], rows[order]
        first = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))[: len(ids)]
        self._ids = ids[first]
        if len(ids):
            added = np.add.reduceat(rows[:, :7], first)
            low, high = np.minimum.reduceat(rows[:, 7:10], first), np.maximum.reduceat(rows[:, 10:], first)
            self._rows = np.concatenate([added, low, high], axis=1)

    def table(
        self, volume: Volume, box: Box, background: int | None, absent: int, notes: tuple[str, ...]
    ) -> LabelTable:
        """Return the table of all labels but the background."""
        self._merge()
        keep = np.ones(len(self._ids), bool) if background is None else self._ids != background
        ids, rows = self._ids[keep], self._rows[keep]
        voxels = rows[:, 0]
        means = (rows[:, 1:4] * float(2**HALF) + rows[:, 4:7]) / voxels[:, None]
        return LabelTable(
            ids,
            voxels,
            rows[:, 7:10] + self._origin,
            rows[:, 10:] + self._origin,
            means + self._origin,
            volume.resolution,
            box,
            absent,
            notes,
        )
