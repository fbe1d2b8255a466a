from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest
import tensorstore as ts

from ngprecomp.errors import NotFoundError, SourceError
from ngprecomp.format.box import Box
from ngprecomp.sources.opening import open_source
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


def save(path: Path, array: np.ndarray[Any, Any], compression: str = "gzip", **attributes: Any) -> None:
    """Write an array that is slowest first; N5 lists its dimensions the other way round."""
    metadata = {
        "dimensions": array.shape[::-1],
        "blockSize": [min(4, size) for size in array.shape[::-1]],
        "dataType": str(array.dtype),
        "compression": {"type": compression},
    }
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": str(path)}, "metadata": metadata}
    ts.open(spec, create=True).result()[...] = array.T
    tell(path, **attributes)


def tell(folder: Path, **attributes: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "attributes.json"
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | attributes))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "float32"])
@pytest.mark.parametrize("compression", ["raw", "gzip", "xz", "bzip2", "zstd"])
def test_a_dataset(tmp_path: Path, dtype: str, compression: str) -> None:
    array = noise((5, 7, 9), dtype)
    save(tmp_path / "a", array, compression)
    source = open_source(tmp_path / "a")
    assert source.axes == "zyx"
    assert source.block == (4, 4, 4)
    assert source.files == (f"{tmp_path}/a/attributes.json",)
    check_reads(source, xyzc(array, "zyx"))


def test_decoded_bytes_and_blocks_that_are_not_stored(tmp_path: Path) -> None:
    array = noise((8, 8, 8))
    array[:4] = 0
    save(tmp_path / "a", array)
    source = open_source(tmp_path / "a")
    source.read(Box((3, 0, 0), (5, 1, 1)))
    assert source.decoded_bytes == 2 * 64 * 2
    assert source.unwritten_chunks == 4
    assert any("4 blocks" in note for note in source.notes)


def test_groups(tmp_path: Path) -> None:
    root = tmp_path / "a.n5"
    raw, labels = noise((5, 7, 9)), noise((5, 7, 9), "uint64")
    save(root / "volumes/raw", raw)
    assert not (root / "attributes.json").exists()
    check_reads(open_source(root), xyzc(raw, "zyx"))
    tell(root, n5="2.0.0")
    save(root / "volumes/labels", labels)
    with pytest.raises(SourceError, match=r"2 datasets; name one as FOLDER:PATH; .*volumes/labels \[9, 7, 5\] uint64"):
        open_source(root)
    check_reads(open_source(f"{root}:volumes/labels"), xyzc(labels, "zyx"))
    check_reads(open_source(root, dataset="volumes/raw"), xyzc(raw, "zyx"))
    with pytest.raises(NotFoundError, match="no group or dataset 'masks'"):
        open_source(f"{root}:masks")
    shutil.rmtree(root / "volumes")
    with pytest.raises(SourceError, match="0 datasets; nothing is below it"):
        open_source(root)


@pytest.mark.parametrize(
    ("attributes", "resolution", "offset"),
    [
        ({"resolution": [4, 8, 40], "offset": [8, -80, 400]}, (4, 8, 40), (2, -10, 10)),
        ({"pixelResolution": {"dimensions": [4, 8, 40], "unit": "nm"}}, (4, 8, 40), None),
        ({"pixelResolution": {"dimensions": [0.1, 0.1, 0.5], "unit": "um"}}, (100, 100, 500), None),
        ({"pixelResolution": {"dimensions": [1, 1, 1], "unit": "pixel"}}, None, None),
        ({"pixelResolution": {"dimensions": [1, 1, 1]}}, None, None),
        (
            {
                "pixelResolution": {"dimensions": [8, 4, 40], "unit": "nm"},
                "transform": {
                    "axes": ["z", "y", "x"],
                    "scale": [40, 4, 8],
                    "translate": [80, 0, 8],
                    "units": ["nm", "nm", "nm"],
                },
            },
            (8, 4, 40),
            (1, 0, 2),
        ),
    ],
)
def test_attributes(tmp_path: Path, attributes: dict[str, Any], resolution: Any, offset: Any) -> None:
    save(tmp_path / "a", noise((5, 7, 9)), **attributes)
    source = open_source(tmp_path / "a")
    assert source.resolution == resolution
    assert source.voxel_offset == offset
    assert resolution or any("not used" in note for note in source.notes)


def test_pyramids(tmp_path: Path) -> None:
    root = tmp_path / "a.n5"
    fine, coarse = noise((5, 8, 10)), noise((5, 4, 5))
    tell(root / "raw", resolution=[4, 4, 40], offset=[40, 0, 0], multiScale=True)
    tell(root, n5="2.0.0")
    save(root / "raw/s0", fine)
    save(root / "raw/s1", coarse, downsamplingFactors=[2, 2, 1])
    save(root / "raw/s2", coarse)
    source = open_source(root)
    assert source.name == f"{root}:raw/s0"
    assert any("the finest of 3 levels" in note for note in source.notes)
    assert (source.resolution, source.voxel_offset) == ((4, 4, 40), (10, 0, 0))
    check_reads(source, xyzc(fine, "zyx"))
    for path in (f"{root}:raw/s1", root / "raw/s1"):
        source = open_source(path)
        assert (source.resolution, source.voxel_offset) == ((8, 8, 40), (5, 0, 0))
        check_reads(source, xyzc(coarse, "zyx"))
    assert open_source(f"{root}:raw/s2").resolution is None, "what the group says is that of s0"


def test_axes(tmp_path: Path) -> None:
    array = noise((2, 5, 7, 9))
    save(tmp_path / "a", array)
    with pytest.raises(SourceError, match=r"4 dimensions, slowest first \(2, 5, 7, 9\); name their order"):
        open_source(tmp_path / "a")
    check_reads(open_source(tmp_path / "a", axes="czyx"), xyzc(array, "czyx"))
    tell(tmp_path / "a", axes=["x", "y", "c", "z"])
    source = open_source(tmp_path / "a")
    assert source.axes == "zcyx"
    check_reads(source, xyzc(array, "zcyx"))
    tell(tmp_path / "a", axes=["c", "z", "y", "x"])
    with pytest.raises(SourceError, match="c, z, y, x, which some programs write fastest first"):
        open_source(tmp_path / "a")


def test_what_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a", noise((5, 7, 9), "uint64"), isLabelMultiset=True)
    with pytest.raises(SourceError, match="Paintera label multiset"):
        open_source(tmp_path / "a")
    tell(tmp_path / "b", dimensions=[3, 3])
    with pytest.raises(SourceError, match="b does not read as N5"):
        open_source(tmp_path / "b")
    (tmp_path / "b/attributes.json").write_text("[]")
    with pytest.raises(SourceError, match="expected an object"):
        open_source(tmp_path / "b")
    (tmp_path / "b/attributes.json").write_text("{")
    with pytest.raises(SourceError, match="is no JSON"):
        open_source(tmp_path / "b")


def test_damage(tmp_path: Path) -> None:
    save(tmp_path / "a", noise((5, 7, 9)))
    block = tmp_path / "a/0/0/0"
    block.write_bytes(block.read_bytes()[:30])
    with pytest.raises(SourceError, match="a is damaged"):
        read_all(open_source(tmp_path / "a"))


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a", noise((5, 7, 9)))
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    with pytest.raises(SourceError, match=r"reading N5 needs tensorstore: pip install 'ngprecomp\[n5\]'"):
        open_source(tmp_path / "a")
