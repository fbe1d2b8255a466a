"""HDF5 files as other programs write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from tests.sources.foreign import HIGH, SIZE, zyx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

X, Y, Z = SIZE


def hdf5(name: str, array: Any, attrs: dict[str, Any] | None = None, file_name: str = "a.h5", **options: Any) -> Any:
    """Return a writer of one dataset with attributes; keys that begin with / belong to the group of that name."""

    def write(folder: Path) -> None:
        with h5py.File(folder / file_name, "w") as file:
            dataset = file.create_dataset(name, data=array, **options)
            for key, value in (attrs or {}).items():
                group, _, attribute = key.rpartition("/")
                (file[group or "/"] if key.startswith("/") else dataset).attrs[attribute] = value

    return write


def raw(array: Any = None, **attrs: Any) -> Any:
    """Return a writer of a dataset ``raw`` with attributes."""
    return hdf5("raw", zyx() if array is None else array, attrs)


def axistags(keys: str, resolution: dict[str, float] | None = None, **more: Any) -> str:
    """Return axistags as vigra's toJSON writes them."""
    flags = {"c": 1, "t": 8}
    axes = [
        {
            "key": key,
            "typeFlags": flags.get(key, 2),
            "resolution": (resolution or {}).get(key, 0),
            "description": "",
            **more,
        }
        for key in keys
    ]
    return json.dumps({"axes": axes})


def with_labels(labels: str, array: Any) -> Any:
    def write(folder: Path) -> None:
        with h5py.File(folder / "a.h5", "w") as file:
            dataset = file.create_dataset("data", data=array)
            for dimension, label in zip(dataset.dims, labels.split(), strict=True):
                dimension.label = label

    return write


def netcdf(folder: Path, units: str = "um", places: Any = None) -> None:
    """Write what netCDF 4 writes: a coordinate variable for each dimension, found through its scales."""
    with h5py.File(folder / "a.nc", "w") as file:
        dataset = file.create_dataset("reflectivity", data=zyx())
        for at, (letter, size, step) in enumerate(zip("zyx", (Z, Y, X), (2.0, 0.5, 0.25), strict=True)):
            file[letter] = places if places is not None and letter == "z" else np.arange(size) * step
            file[letter].attrs["units"] = units
            file[letter].make_scale(letter)
            dataset.dims[at].attach_scale(file[letter])


def big_data_viewer(folder: Path, setups: int = 1, xml: str = "a.h5", unit: str = "µm") -> str:
    """Write what Fiji's BigDataViewer exports: levels of each setup, 16 bits as int16, sizes in the XML."""
    with h5py.File(folder / "a.h5", "w") as file:
        for setup in range(setups):
            file[f"s{setup:02}/resolutions"] = np.array([[1.0, 1, 1], [2, 2, 1]])
            file[f"s{setup:02}/subdivisions"] = np.array([[4, 4, 4], [4, 4, 4]], np.int32)
            whole = (zyx() + HIGH).astype(np.uint16).view(np.int16)
            file.create_dataset(f"t00000/s{setup:02}/0/cells", data=whole, chunks=(4, 4, 4), compression="gzip")
            file[f"t00000/s{setup:02}/1/cells"] = whole[:, ::2, ::2]
    sizes = [f"<voxelSize><unit>{unit}</unit><size>0.1 0.2 {setup + 1}.0</size></voxelSize>" for setup in range(setups)]
    views = "".join(f"<ViewSetup><id>{setup}</id>{size}</ViewSetup>" for setup, size in enumerate(sizes))
    image = f'<ImageLoader format="bdv.hdf5"><hdf5 type="relative">{xml}</hdf5></ImageLoader>'
    document = (
        f"<SpimData><SequenceDescription>{image}<ViewSetups>{views}</ViewSetups></SequenceDescription></SpimData>"
    )
    (folder / "a.xml").write_text(document, encoding="utf-8")
    return str(folder / "a.h5")


def imaris(folder: Path, points: int = 1, unit: str = "um", begin: float = 0.0) -> None:
    """Write what Imaris writes: padded channels, attributes as arrays of characters."""

    def letters(value: object) -> Any:
        return np.frombuffer(str(value).encode(), "S1")

    with h5py.File(folder / "a.ims", "w") as file:
        file.attrs["ImarisVersion"] = letters("5.5.0")
        info = file.create_group("DataSetInfo/Image")
        for axis, (name, size, step) in enumerate(zip("XYZ", SIZE, (0.1, 0.2, 0.5), strict=True)):
            info.attrs[name] = letters(size)
            info.attrs[f"ExtMin{axis}"] = letters(begin)
            info.attrs[f"ExtMax{axis}"] = letters(begin + size * step)
        info.attrs["Unit"] = letters(unit)
        for point in range(points):
            for level, step in ((0, 1), (1, 2)):
                for c in range(2):
                    image = zyx(c=c)[:, ::step, ::step]
                    channel = file.create_group(f"DataSet/ResolutionLevel {level}/TimePoint {point}/Channel {c}")
                    for name, size in zip("ZYX", image.shape, strict=True):
                        channel.attrs[f"ImageSize{name}"] = letters(size)
                    padded = np.pad(image, [(0, -size % 8) for size in image.shape])
                    channel.create_dataset("Data", data=padded, chunks=(8, 8, 8), compression="gzip")


def changed_imaris(change: Callable[[h5py.File], None]) -> Any:
    """Return a writer of an Imaris file that something else has written into."""

    def write(folder: Path) -> None:
        imaris(folder)
        with h5py.File(folder / "a.ims", "a") as file:
            change(file)

    return write


CHANNEL = "DataSet/ResolutionLevel 0/TimePoint 0/Channel 1"
imaris_without_extent = changed_imaris(lambda file: file["DataSetInfo/Image"].attrs.__delitem__("ExtMax1"))
imaris_without_sizes = changed_imaris(lambda file: file[CHANNEL].attrs.__delitem__("ImageSizeY"))
imaris_of_unlike_channels = changed_imaris(lambda file: file[CHANNEL].attrs.__setitem__("ImageSizeY", b"6"))


def nwb(folder: Path) -> None:
    with h5py.File(folder / "a.nwb", "w") as file:
        file["acquisition/movie/data"] = zyx()
        file["acquisition/movie"].attrs["neurodata_type"] = "TwoPhotonSeries"


def several_datasets(folder: Path) -> None:
    with h5py.File(folder / "a.h5", "w") as file:
        file["raw"], file["labels"] = zyx(), zyx("uint64")
