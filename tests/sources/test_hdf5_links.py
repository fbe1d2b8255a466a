from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import pytest

from ngprecomp.errors import NotFoundError, SourceError
from ngprecomp.sources.opening import open_source
from tests.sources.reading import check_reads, noise, xyzc

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


def write_virtual(folder: Path, array: np.ndarray, files: list[str]) -> str:  # type: ignore[type-arg]
    """Write a stack of virtual slices: one real file each."""
    layout = h5py.VirtualLayout(array.shape, array.dtype)
    for z, name in enumerate(files):
        with h5py.File(folder / name, "w") as file:
            file["slice"] = array[z]
        layout[z] = h5py.VirtualSource(name, "slice", array.shape[1:])
    with h5py.File(folder / "stack.h5", "w") as file:
        file.create_virtual_dataset("volume", layout)
    return str(folder / "stack.h5")


def test_a_virtual_dataset_reads_its_files(tmp_path: Path) -> None:
    array = noise((3, 4, 5))
    check_reads(open_source(write_virtual(tmp_path, array, ["a.h5", "b.h5", "c.h5"])), xyzc(array, "zyx"))


def test_missing_files_and_datasets_of_a_virtual_dataset_are_named(tmp_path: Path) -> None:
    path = write_virtual(tmp_path, noise((3, 4, 5)), ["a.h5", "b.h5", "c.h5"])
    (tmp_path / "b.h5").unlink()
    with h5py.File(tmp_path / "c.h5", "a") as file:
        del file["slice"]
    with pytest.raises(SourceError, match=r"missing: .*b\.h5, .*c\.h5:slice$"):
        open_source(path)


def test_virtual_datasets_of_virtual_datasets_are_followed(tmp_path: Path) -> None:
    write_virtual(tmp_path, noise((2, 4, 5)), ["a.h5", "b.h5"])
    layout = h5py.VirtualLayout((2, 4, 5), "u2")
    layout[...] = h5py.VirtualSource("stack.h5", "volume", (2, 4, 5))
    with h5py.File(tmp_path / "outer.h5", "w") as file:
        file.create_virtual_dataset("volume", layout)
    open_source(tmp_path / "outer.h5")
    (tmp_path / "a.h5").unlink()
    with pytest.raises(SourceError, match=r"missing: .*a\.h5$"):
        open_source(tmp_path / "outer.h5")


def test_a_virtual_dataset_of_its_own_file(tmp_path: Path) -> None:
    array = noise((2, 4, 5))
    layout = h5py.VirtualLayout(array.shape, array.dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for z in range(2):
            file[f"slices/{z}"] = array[z]
            layout[z] = h5py.VirtualSource(".", f"slices/{z}", array.shape[1:])
        file.create_virtual_dataset("volume", layout)
    check_reads(open_source(tmp_path / "a.h5"), xyzc(array, "zyx"))


def test_external_raw_files(tmp_path: Path) -> None:
    array = noise((2, 4, 5), "u1")
    raw = [str(tmp_path / name) for name in ("a.raw", "b.raw")]
    (tmp_path / "a.raw").write_bytes(b"skip" + array[0].tobytes())
    (tmp_path / "b.raw").write_bytes(array[1].tobytes())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        parts = [(raw[0], 4, 20), (raw[1], 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("volume", array.shape, array.dtype, external=parts)
    check_reads(open_source(tmp_path / "a.h5"), xyzc(array, "zyx"))
    (tmp_path / "b.raw").write_bytes(bytes(19))
    with pytest.raises(SourceError, match=r"b\.raw \(expected 20 bytes, found 19\)"):
        open_source(tmp_path / "a.h5")
    (tmp_path / "b.raw").unlink()
    with pytest.raises(SourceError, match=r"missing: .*b\.raw$"):
        open_source(tmp_path / "a.h5")


def write_chain(folder: Path, array: np.ndarray) -> str:  # type: ignore[type-arg]
    """Write a file whose soft links pass through links into another file, which has other things of those names."""
    with h5py.File(folder / "target.h5", "w") as file:
        file["inner/volume"] = array
        file["decoy"] = array[:1] + 1
    with h5py.File(folder / "links.h5", "w") as file:
        file["direct"] = h5py.ExternalLink("target.h5", "/inner/volume")
        file["soft"] = h5py.SoftLink("/direct")
        file["decoy"] = h5py.SoftLink("/direct")
        file["group"] = h5py.ExternalLink("target.h5", "/inner")
        file["softgroup"] = h5py.SoftLink("/group")
        file["dangling"] = h5py.SoftLink("/nowhere")
    return str(folder / "links.h5")


@pytest.mark.parametrize("name", ["direct", "soft", "decoy", "group/volume", "softgroup/volume", "/softgroup/volume"])
def test_links_through_links_into_other_files(tmp_path: Path, name: str) -> None:
    array = noise((3, 4, 5))
    path = write_chain(tmp_path, array)
    source = open_source(f"{path}:{name}")
    assert source.name == f"{tmp_path}/target.h5:/inner/volume"
    check_reads(source, xyzc(array, "zyx"))
    with h5py.File(path) as file:
        check_reads(open_source(file[name]), xyzc(array, "zyx"))
        check_reads(open_source(file, dataset=name), xyzc(array, "zyx"))


def test_a_link_to_nowhere(tmp_path: Path) -> None:
    path = write_chain(tmp_path, noise((3, 4, 5)))
    with pytest.raises(NotFoundError, match=r"holds no dataset 'dangling'"):
        open_source(f"{path}:dangling")
    (tmp_path / "target.h5").unlink()
    for name in ("direct", "soft", "softgroup/volume"):
        with pytest.raises(NotFoundError, match=name):
            open_source(f"{path}:{name}")


def test_a_dataset_without_a_name_is_refused(tmp_path: Path) -> None:
    with (
        h5py.File(tmp_path / "a.h5", "w") as file,
        pytest.raises(SourceError, match=r"a\.h5 holds a dataset that no group leads to"),
    ):
        open_source(file.create_dataset(None, data=noise((3, 4, 5))))
