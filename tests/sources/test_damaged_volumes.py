"""Files with wrong bytes or without their end: read as something, or refused by an error of ours, never otherwise."""

from __future__ import annotations

import contextlib
import random
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from ngprecomp.errors import NgprecompError
from ngprecomp.format.box import Box
from ngprecomp.sources.opening import open_source
from tests.sources import test_foreign_volumes as foreign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")

BYTES = (foreign.ZYX % 256).astype("u1")


def picture(suffix: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        Image.fromarray(BYTES[0]).save(folder / f"a.{suffix}")
        return folder / f"a.{suffix}"

    return write


def numpy_archive(save: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        save(folder / "a.npz", BYTES)
        return folder / "a.npz"

    return write


def zarr_archive(folder: Path) -> Path:
    (folder / "in").mkdir()
    tree = foreign.ome_zarr_0_5_with_shards(folder / "in")
    shutil.make_archive(str(folder / "a"), "zip", tree)
    return folder / "a.zip"


FILES: dict[str, Callable[[Path], Path]] = {
    "nifti": foreign.nifti_of_dicom_in_lps,
    "nifti packed": foreign.nifti_label_atlas,
    "mrc": foreign.mrc_tomogram,
    "png": picture("png"),
    "jpeg": picture("jpg"),
    "npz": numpy_archive(np.savez),
    "npz packed": numpy_archive(np.savez_compressed),
    "zarr": zarr_archive,
}


def try_to_read(path: Path) -> None:
    with contextlib.suppress(NgprecompError):
        source = open_source(path)
        box = source.shape[:3] if np.prod(source.shape, dtype=float) < 1e6 else (1, 1, 1)
        source.read(Box.of_size(box))
        source.close()


@pytest.mark.parametrize("kind", FILES)
def test_damaged_files(tmp_path: Path, kind: str) -> None:
    path = FILES[kind](tmp_path)
    whole = path.read_bytes()
    chance = random.Random(kind)
    for _ in range(40):
        path.write_bytes(whole[: chance.randrange(len(whole))])
        try_to_read(path)
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 2, 5))):
            damaged[chance.randrange(min(len(whole), 400))] = chance.choice((0, 1, 255, chance.randrange(256)))
        path.write_bytes(damaged)
        try_to_read(path)


@pytest.mark.parametrize("write", [foreign.ome_zarr_0_5_with_shards, foreign.n5_of_paintera])
def test_damaged_folders(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    top = write(tmp_path)
    chance = random.Random(0)
    files = sorted(path for path in top.rglob("*") if path.is_file())
    for path in [*(path for path in files if path.suffix == ".json"), files[0]]:
        whole = path.read_bytes()
        for _ in range(10):
            damaged = bytearray(whole)
            damaged[chance.randrange(len(whole))] = chance.choice(b'\0\1\xff"09')
            for data in (damaged, whole[: chance.randrange(len(whole))]):
                path.write_bytes(data)
                try_to_read(top)
        path.write_bytes(whole)
