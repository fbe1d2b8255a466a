"""Which series of a TIFF file are meant: the only one, the one named, or single pages that make up a stack."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.errors import NotFoundError, SourceError
from ngprecomp.sources.tiff.pages import Page, TiffPage, checked_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tifffile

    Series = Sequence[tifffile.TiffPageSeries]

SLICE_AXES = ("YX", "YXS", "SYX")
MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class ChosenSeries:
    """The numbers of the series that make up one array, the name of the source, and what was decided."""

    numbers: tuple[int, ...]
    name: str
    notes: tuple[str, ...] = ()


def choose_series(file: tifffile.TiffFile, path: str, dataset: str | None) -> ChosenSeries:
    """Return the series with the number `dataset`, else all but the reduced images if they are one array.

    Programs that write page by page make each page a series of its own: pages that are all alike but for
    their compression are slices along z.

    Raises
    ------
    NotFoundError
        There is no series of this number.
    SourceError
        Several series could be meant; the message lists them.
    """
    if dataset is not None:
        if not dataset.isdecimal() or int(dataset) >= len(file.series):
            raise NotFoundError(f"{path} holds no series {dataset!r}; its series are {_listed(file)}")
        return ChosenSeries((int(dataset),), f"{path}:{dataset}")
    largest = max(math.prod(one.keyframe.shape) for one in file.series)
    numbers = tuple(number for number, one in enumerate(file.series) if not _is_reduced(one, largest))
    series = [file.series[number] for number in numbers]
    if len(series) > 1 and not _are_slices(series):
        raise SourceError(
            f"{path} holds {len(file.series)} series of pages, name one as FILE:NUMBER; they are {_listed(file)}"
        )
    return ChosenSeries(numbers, path, _notes(file.series, series))


def told_shape(series: Series) -> tuple[tuple[int, ...], str]:
    """Return shape and axes of the chosen series together, as tifffile spells them.

    One series comes without the axes of one voxel that tifffile squeezes away; over several lies an axis Q.
    """
    first = series[0]
    if len(series) == 1:
        return tuple(int(size) for size in first.get_shape(squeeze=True)), first.get_axes(squeeze=True)
    return (sum(len(one) for one in series), *first.keyframe.shape), f"Q{first.keyframe.axes}"


def checked_pages(series: Series, name: str) -> list[Page]:
    """Return all pages of the chosen series in their order, each checked as far as its header tells.

    Raises
    ------
    SourceError
        A page is missing, or its data leave the file or cannot be as large as it claims.
    """
    pages: list[TiffPage] = [one[number] for one in series for number in range(len(one))]
    if None in pages:
        raise SourceError(f"{name}: page {pages.index(None)} of the series is missing in the file")
    if len(series) > 1:  # tifffile gathers pages of the same compression: the file's order is that of the slices
        pages.sort(key=lambda page: page.treeindex)
    return [checked_page(page, name) for page in pages]


def _is_reduced(series: tifffile.TiffPageSeries, largest: int) -> bool:
    """Whether a series is a smaller image of another: it says so, or hangs below its page."""
    page = series.keyframe
    return (page.is_reduced or page.is_subifd) and math.prod(page.shape) < largest


def _are_slices(series: Series) -> bool:
    """Whether all are single pages, or such as tifffile gathers by their headers, and all pages are alike."""
    alike = {(page.shape, page.axes, page.dtype, page.photometric) for page in (one.keyframe for one in series)}
    return len(alike) == 1 and all(_is_loose(one) and one.keyframe.axes in SLICE_AXES for one in series)


def _is_loose(series: tifffile.TiffPageSeries) -> bool:
    page = series.keyframe
    if series.kind not in ("generic", "shaped", "uniform"):  # the images of an OME file may be fields of view
        return False
    gathered = series.kind == "generic" or math.prod(series.shape) == math.prod(page.shape)
    return gathered and not (series.is_multifile or page.is_subifd or page.is_mask)


def _notes(all_series: Series, kept: Series) -> tuple[str, ...]:
    """Return sentences on the reduced images that are left aside."""
    levels = max(len(one.levels) for one in kept)
    notes: tuple[str, ...] = ()
    if levels > 1:
        notes = (f"level 0 of the {levels} resolutions in the file",)
    if left_out := len(all_series) - len(kept):
        shapes = sorted({str(one.shape) for one in all_series if one not in kept})
        notes += (f"reduced images left out: {left_out} of shape {', '.join(shapes[:MOST_LISTED])}",)
    return notes


def _listed(file: tifffile.TiffFile) -> str:
    """Return the series with their shapes and types."""
    lines = [f"{number} {one.shape} {one.dtype}" for number, one in enumerate(file.series)]
    more = f" and {len(lines) - MOST_LISTED} more" if len(lines) > MOST_LISTED else ""
    return ", ".join(lines[:MOST_LISTED]) + more
