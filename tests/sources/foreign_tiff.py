"""TIFF files as other programs write them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from PIL import Image

from tests.sources.foreign import SIZE, czyx, zyx

if TYPE_CHECKING:
    from pathlib import Path

X, Y, Z = SIZE
OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def tiff(array: Any, file_name: str = "a.tif", **options: Any) -> Any:
    def write(folder: Path) -> None:
        tifffile.imwrite(folder / file_name, array, **{"photometric": "minisblack", **options})

    return write


def imagej(array: Any, axes: str, unit: str = "micron", resolution: Any = (5.0, 2.0), **metadata: Any) -> Any:
    """Return a writer of what ImageJ saves."""
    told = {"axes": axes, "unit": unit, "spacing": 2.0, **metadata}
    return tiff(array, imagej=True, resolution=resolution, metadata={k: v for k, v in told.items() if v is not None})


def ome(array: Any, axes: str, unit: str | None = "nm", **more: Any) -> Any:
    """Return a writer of OME-TIFF with sizes 4, 8, 40."""
    metadata: dict[str, Any] = {"axes": axes}
    for letter, size in zip("XYZ", (4.0, 8.0, 40.0), strict=True):
        metadata[f"PhysicalSize{letter}"] = size
        if unit is not None:
            metadata[f"PhysicalSize{letter}Unit"] = unit
    return tiff(array, "a.ome.tif", ome=True, metadata={k: v for k, v in {**metadata, **more}.items() if v is not None})


def ome_xml(order: str, blocks: str, channels: int = 2) -> str:
    colours = "".join(f'<Channel ID="Channel:0:{c}" SamplesPerPixel="1"/>' for c in range(channels))
    sizes = 'PhysicalSizeX="4" PhysicalSizeXUnit="nm" PhysicalSizeY="8" PhysicalSizeYUnit="nm" PhysicalSizeZ="0.04"'
    shape = f'SizeX="{X}" SizeY="{Y}" SizeZ="{Z}" SizeC="{channels}" SizeT="1"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{OME}" UUID="urn:uuid:%s"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="{order}" Type="uint16" {shape} {sizes}>{colours}{blocks}'
        "</Pixels></Image></OME>"
    )


def ome_set(folder: Path) -> str:
    """Write a set of two files, one channel each, that describe the whole set both."""
    uuids = ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"]
    blocks = "".join(
        f'<TiffData FirstC="{c}" FirstZ="{z}" IFD="{z}"><UUID FileName="c{c}.ome.tif">urn:uuid:{uuid}</UUID></TiffData>'
        for c, uuid in enumerate(uuids)
        for z in range(Z)
    )
    for c, uuid in enumerate(uuids):
        text = ome_xml("XYZCT", blocks) % uuid
        with tifffile.TiffWriter(folder / f"c{c}.ome.tif") as file:
            for z in range(Z):
                description = text.encode() if z == 0 else None
                file.write(
                    zyx(c=c)[z], photometric="minisblack", metadata=None, description=description, contiguous=False
                )
    return str(folder / "c0.ome.tif")


def ome_ordered(order: str, array: Any) -> Any:
    """Return a writer of pages in the order of OME's DimensionOrder."""

    def write(folder: Path) -> None:
        text = ome_xml(order, "<TiffData/>") % "33333333-3333-3333-3333-333333333333"
        with tifffile.TiffWriter(folder / "a.ome.tif") as file:
            for at, page in enumerate(array.reshape(-1, Y, X)):
                description = text.encode() if at == 0 else None
                file.write(page, photometric="minisblack", metadata=None, description=description, contiguous=False)

    return write


def ome_pyramid(folder: Path) -> None:
    with tifffile.TiffWriter(folder / "a.ome.tif", ome=True) as file:
        options: dict[str, Any] = {"photometric": "minisblack", "tile": (16, 16), "compression": "zlib"}
        file.write(zyx(), subifds=1, metadata={"axes": "ZYX", "PhysicalSizeX": 0.1}, **options)
        file.write(zyx()[:, ::2, ::2].copy(), subfiletype=1, **options)


def pillow(mode: str, array: Any = None, **options: Any) -> Any:
    """Return a writer of one page by Pillow."""

    def write(folder: Path) -> None:
        Image.fromarray(zyx("uint8")[0] if array is None else array).convert(mode).save(folder / "a.tif", **options)

    return write


def pillow_palette(folder: Path) -> None:
    image = Image.fromarray(zyx("uint8")[0])
    image.putpalette([at // 3 for at in range(768)])
    image.save(folder / "a.tif")


def pillow_pages(folder: Path) -> None:
    first, *rest = (Image.fromarray(page) for page in zyx("uint8"))
    first.save(folder / "a.tif", save_all=True, append_images=rest, dpi=(300, 300))


def slices(names: list[str], array: Any = None, **options: Any) -> Any:
    def write(folder: Path) -> str:
        (folder / "stack").mkdir()
        for name, page in zip(names, zyx() if array is None else array, strict=True):
            tifffile.imwrite(folder / "stack" / name, page, photometric="minisblack", **options)
        return str(folder / "stack")

    return write


def companion(folder: Path) -> None:
    text = f'<OME xmlns="{OME}"><BinaryOnly MetadataFile="a.companion.ome" UUID="u"/></OME>'
    tifffile.imwrite(folder / "a.ome.tif", zyx(), photometric="minisblack", metadata=None, description=text)


def broken_set(folder: Path) -> str:
    path = ome_set(folder)
    (folder / "c1.ome.tif").unlink()
    return path


def lsm(folder: Path, channels: int = 1) -> None:
    """Write what Zeiss LSM writes: each page with its thumbnail, metres in a tag of its own."""
    sizes = (X, Y, Z, channels, 1)
    steps = (1e-7, 2e-7, 5e-7, 0.0, 0.0, 0.0)
    info = struct.pack("<II8i6dHHI", 67127628, 96, *sizes, 2, 4, 4, *steps, 0, 0, 0)
    with tifffile.TiffWriter(folder / "a.lsm", byteorder="<") as file:
        for z in range(Z):
            page = czyx(channels)[:, z]
            planes: dict[str, Any] = {"planarconfig": "separate"} if channels > 1 else {}
            tags = [(34412, 1, len(info), info, True)] if z == 0 else []
            common: dict[str, Any] = {"photometric": "minisblack", "metadata": None, "contiguous": False}
            file.write(page if channels > 1 else page[0], extratags=tags, **planes, **common)
            thumbnail = np.zeros((channels, 4, 4), np.uint16)
            file.write(thumbnail if channels > 1 else thumbnail[0], subfiletype=1, **planes, **common)


def zeiss_sem(folder: Path) -> None:
    """Write a page of Zeiss SmartSEM."""
    text = b"0\r\n0\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 4.5 nm\r\nDP_BEAM\r\nBeam = On\r\n\0"
    tags = [(34118, 2, len(text), text, True)]
    tifffile.imwrite(folder / "a.tif", zyx("uint8")[0], photometric="minisblack", metadata=None, extratags=tags)


def fei(folder: Path) -> None:
    """Write a page of FEI and Thermo Fisher microscopes."""
    text = b"[User]\r\nUser=x\r\n[Scan]\r\nPixelWidth=4e-009\r\nPixelHeight=5e-009\r\n\0"
    tags = [(34682, 2, len(text), text, True)]
    tifffile.imwrite(folder / "a.tif", zyx("uint8")[0], photometric="minisblack", metadata=None, extratags=tags)
