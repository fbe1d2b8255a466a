"""Strips of a page wherever they lie in the file: in any order, with gaps between them, or left out."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngprecomp.errors import SourceError
from ngprecomp.format.box import Box
from ngprecomp.sources.opening import open_source
from ngprecomp.sources.tiff import page_reading
from tests.sources.reading import noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path

ROWS, STRIPS = 4, 10
ANY_PLACES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def scatter(path: Path, order: list[int], gaps: list[int], left_out: set[int]) -> None:
    """Move the strips of a page behind its file in another order, with gaps in front of them."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        places, lengths = page.tags[273], page.tags[279]
        strips = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    data = bytearray(path.read_bytes())
    offsets = {}
    for strip, gap in zip(order, gaps, strict=True):
        data += bytes(gap)
        offsets[strip] = len(data)
        data += data[strips[strip][0] :][: strips[strip][1]]
    for tag, values in (
        (places, [0 if strip in left_out else offsets[strip] for strip in range(STRIPS)]),
        (lengths, [0 if strip in left_out else strips[strip][1] for strip in range(STRIPS)]),
    ):
        letter = {2: "H", 4: "I"}[tag.valuebytecount // STRIPS]
        data[tag.valueoffset : tag.valueoffset + tag.valuebytecount] = struct.pack(f"<{STRIPS}{letter}", *values)
    path.write_bytes(data)


@ANY_PLACES
@given(
    order=st.permutations(range(STRIPS)),
    gaps=st.lists(st.sampled_from([0, 1, 16, 17, 1000]), min_size=STRIPS, max_size=STRIPS),
    left_out=st.sets(st.integers(0, STRIPS - 1), max_size=4),
    together=st.sampled_from([1, 3 * ROWS * 30 * 2, 1 << 18]),
)
def test_strips_anywhere(
    tmp_path: Path,
    order: list[int],
    gaps: list[int],
    left_out: set[int],
    together: int,
) -> None:
    array = noise((1, ROWS * STRIPS, 30))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="minisblack", compression="zlib", rowsperstrip=ROWS)
    scatter(path, order, gaps, left_out)
    for strip in left_out:
        array[0, ROWS * strip : ROWS * (strip + 1)] = 0
    expected = xyzc(array, "zyx")
    source = open_source(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_reading, "TOGETHER", together)
        np.testing.assert_array_equal(read_all(source), expected)
        part = Box((3, 7, 0), (29, 33, 1))
        np.testing.assert_array_equal(source.read(part), expected[part.slices])


def test_neighbours_are_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((40, 30)), photometric="minisblack", compression="zlib", rowsperstrip=4)
    source = open_source(tmp_path / "a.tif")
    groups: list[list[int]] = []
    real = page_reading._stored_bytes
    monkeypatch.setattr(
        page_reading, "_stored_bytes", lambda page, numbers: groups.append(numbers) or real(page, numbers)
    )
    source.read(Box((0, 9, 0), (30, 31, 1)))
    assert groups == [[2, 3, 4, 5, 6, 7]]


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_file_that_became_shorter_is_named(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "a.tif"
    for options in ({"compression": "zlib", "rowsperstrip": 4}, {"compression": "zlib"}, {}):
        with tifffile.TiffWriter(path) as file:
            for page in noise((2, 40, 30)):
                file.write(page, photometric="minisblack", **options)
        source = open_source(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * kept)])
        with pytest.raises(SourceError, match=r"a\.tif"):
            read_all(source)
