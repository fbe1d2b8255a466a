"""The page of each file of a stack, parsed only where its header is not that of the first file."""

from __future__ import annotations

import math
import os
import threading
from typing import TYPE_CHECKING

from ngprecomp.errors import SourceError
from ngprecomp.sources.tiff.file import opened
from ngprecomp.sources.tiff.known_header import KnownHeader, known_header
from ngprecomp.sources.tiff.metadata import check_promises
from ngprecomp.sources.tiff.pages import Page, TiffPage, check_page, checked_page

if TYPE_CHECKING:
    import tifffile


class SlicePages:
    """Looks up pages; the header of the first file is parsed once in each process."""

    def __init__(self, first: str) -> None:
        self._first = first
        self._lock = threading.Lock()
        self._parsed: tuple[Page, KnownHeader | None] | None = None

    def __reduce__(self) -> tuple[type[SlicePages], tuple[str]]:
        return SlicePages, (self._first,)

    def page(self, path: str) -> Page:
        """Return the page of a file as it is now, checked as far as its header tells.

        Raises
        ------
        SourceError
            The file holds several pages or is damaged.
        """
        page = self._alike(path)
        if page is not None:
            check_page(page, path)
            return page
        with opened(path) as file:
            return _parsed(file, path)

    def _alike(self, path: str) -> Page | None:
        """Return the page of a file whose header is like that of the first one, None for others."""
        first, known = self._of_first()
        if known is None:
            return None
        try:
            with open(path, "rb", buffering=0) as file:
                strips = known.strips(file.fileno())
                size = os.fstat(file.fileno()).st_size
        except OSError:  # `opened` says what is wrong
            return None
        return None if strips is None else Page(first.keyframe, path, size, first.index, *strips, first.jpegtables)

    def _of_first(self) -> tuple[Page, KnownHeader | None]:
        """Return the page of the first file, and its header if others may be compared with it."""
        with self._lock:
            if self._parsed is None:
                with opened(self._first) as file:
                    page = _parsed(file, self._first)
                    self._parsed = page, known_header(file, page.keyframe)
            return self._parsed


def _parsed(file: tifffile.TiffFile, path: str) -> Page:
    check_promises(file, path)
    return checked_page(slice_page(file, path), path)


def slice_page(file: tifffile.TiffFile, path: str) -> TiffPage:
    """Return the only page of a file, or the only one that is no thumbnail of it.

    Thumbnails say that they are reduced images, or have at most half the width and half the length.

    Raises
    ------
    SourceError
        The file holds several slices.
    """
    pages: list[TiffPage] = list(file.pages) if file.pages.is_multipage else [file.pages[0]]
    full = max(pages, key=lambda page: math.prod(page.shape))
    only = all(page is full or page.is_reduced or _is_smaller(page, full) for page in pages)
    if not only or (file.imagej_metadata or {}).get("images", 1) > 1:
        raise SourceError(f"{path} holds several pages; each file of a stack holds one slice")
    return full


def _is_smaller(page: TiffPage, full: TiffPage) -> bool:
    return bool(2 * page.imagewidth <= full.imagewidth and 2 * page.imagelength <= full.imagelength)
