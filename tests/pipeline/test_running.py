"""What a round holds while it runs."""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any

import ngprecomp as ng
from ngprecomp.pipeline.conversion.converted_source import ConvertedSource
from tests.sources.reading import noise

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PATIENCE = 5.0  # seconds: a thread lets go of its work a moment after it has told the result


def test_the_voxels_of_a_unit_are_gone_when_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    units: list[weakref.ref[Any]] = []
    real = ConvertedSource.read

    def read(self: ConvertedSource, box: Any, pool: Any = None) -> Any:
        end = time.monotonic() + PATIENCE
        while any(unit() is not None for unit in units):
            assert time.monotonic() < end, "the voxels of the unit before are still held"
            time.sleep(0.001)
        voxels = real(self, box, pool)
        units.append(weakref.ref(voxels))
        return voxels

    monkeypatch.setattr(ConvertedSource, "read", read)
    array = noise((128, 256, 256), "u1")
    ng.convert(
        array, tmp_path / "v", axes="zyx", resolution=(8, 8, 8), type="image", chunk_size=(32, 32, 32), levels=1,
        shard_size=(256, 256, 128), memory="8MB", workers=2,
    )  # fmt: skip
    assert len(units) > 1
