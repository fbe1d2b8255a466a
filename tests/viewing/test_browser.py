"""Volumes in the real viewer: each pixel is compared with the voxel that belongs there."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.volume.colours import segment_colours
from tests.viewing.browser import Viewer, chromium

pytestmark = pytest.mark.browser

SIZE = (91, 70, 20)
OFFSET = (-13, 7, 5)
RESOLUTION = (8, 8, 40)
WIDTH, HEIGHT = 500, 400
SIDE = 4  # pixels of a voxel, an even number: the edge of a voxel is the edge of a pixel

VOLUMES = {
    "uint8": ("uint8", {}),
    "uint16": ("uint16", {}),
    "uint16_gzip": ("uint16", {"compress": "gzip"}),
    "uint16_png": ("uint16", {"encoding": "png"}),
    "float32_sharded": ("float32", {"shard_size": (64, 64, 32)}),
    "uint8_jpeg": ("uint8", {"encoding": "jpeg", "jpeg_quality": 90}),
    "uint8_jpeg_sharded": ("uint8", {"encoding": "jpeg", "shard_size": (64, 64, 32)}),
    "uint8_rgb": ("uint8", {}),
    "uint32_labels": ("uint32", {"type": "segmentation"}),
    "uint64_labels": ("uint64", {"type": "segmentation"}),
    "uint64_labels_gzip": ("uint64", {"type": "segmentation", "compress": "gzip"}),
    "uint64_labels_sharded": ("uint64", {"type": "segmentation", "shard_size": (64, 64, 32)}),
    "uint64_labels_raw": ("uint64", {"type": "segmentation", "encoding": "raw"}),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with volumes of noise, each with three scales."""
    root = tmp_path_factory.mktemp("served")
    random = np.random.default_rng(9)
    for name, (dtype, options) in VOLUMES.items():
        channels = (3,) if name.endswith("rgb") else ()
        shape = (*SIZE, *channels)
        bits = random.integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8)
        voxels = random.normal(size=shape).astype(dtype) if dtype == "float32" else bits.view(dtype)[..., 0]
        ng.convert(
            voxels,
            root / name,
            axes="xyzc" if channels else "xyz",
            resolution=RESOLUTION,
            voxel_offset=OFFSET,
            chunk_size=(32, 32, 16),
            levels=2,
            **options,
        )
    blobs = random.integers(1, 2**64, (4, 4, 2), np.uint64).repeat(25, axis=0).repeat(20, axis=1).repeat(10, axis=2)
    ng.convert(blobs, root / "blobs", axes="xyz", resolution=RESOLUTION, voxel_offset=OFFSET)
    return root


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def served(browser, root):
    """The page, and the address of the volumes."""
    with ng.serve(root, port=0) as server:
        viewer = Viewer(browser, f"{server.url}/.viewer/v/ngprecomp/#!{{}}", (WIDTH, HEIGHT))
        viewer.bare()
        yield viewer, server.url
        viewer.close()


def state_of(volume, url, z, **layer):
    """Return the state in which each voxel of a plane of a scale is a square of pixels."""
    resolution = np.array(volume.resolution)
    middle = (np.array(volume.voxel_offset) + np.array(volume.shape[:3]) / 2) * resolution
    middle[2] = (z + 0.5) * resolution[2]
    return {
        "dimensions": {axis: [step * 1e-9, "m"] for axis, step in zip("xyz", RESOLUTION, strict=True)},
        "position": (middle / RESOLUTION).tolist(),
        "crossSectionScale": resolution[0] / RESOLUTION[0] / SIDE,
        "layout": "xy",
        "showAxisLines": False,
        "showScaleBar": False,
        "showDefaultAnnotations": False,
        "crossSectionBackgroundColor": "#000000",
        # The scale is chosen by hand: the finest or the coarsest, however large its voxels are shown.
        "layers": [
            {
                "name": "volume",
                "source": f"precomputed://{url}",
                "crossSectionRenderScale": 0.01 if volume.scale_index == 0 else 1000,
                **layer,
            }
        ],
    }


def bytes_shader(dtype, channel, first):
    """Return a program that shows two bytes of a value as red and green, and blue wherever there is a value."""
    value = f"getDataValue({channel})"
    word = f"floatBitsToUint({value})" if dtype == np.float32 else f"{value}.value{half_of(dtype, first)}"
    red, green = (f"float(({word} >> {8 * (byte % 4)}u) & 255u) / 255.0" for byte in (first, first + 1))
    return f"void main() {{ emitRGB(vec3({red}, {green}, 1.0)); }}"


def half_of(dtype, byte):
    """Return which half of a 64-bit value holds a byte, as a member in the program; nothing if the value is shorter."""
    return (".x", ".y")[byte // 4] if dtype.itemsize == 8 else ""


def plane_shown(served, volume, name, z):
    """Return a plane [x, y, channel] as the viewer shows it, and which pixels show anything, [x, y]."""
    viewer, url = served
    dtype, channels = volume.dtype, volume.shape[3]
    found = np.zeros((HEIGHT, WIDTH, channels, max(2, dtype.itemsize)), np.uint8)
    for channel in range(channels):
        for first in range(0, dtype.itemsize, 2):
            layer = {"type": "image", "opacity": 1, "shader": bytes_shader(dtype, channel, first)}
            viewer.show(state_of(volume, f"{url}/{name}", z, **layer))
            pixels = viewer.pixels()
            found[:, :, channel, first : first + 2] = pixels[..., :2]
    values = np.ascontiguousarray(found[..., : dtype.itemsize]).view(dtype)[..., 0]
    return values.transpose(1, 0, 2), pixels[..., 2].T == 255


def plane_expected(volume, z):
    """Return a plane [x, y, channel] as the page must show it, and which pixels show anything, [x, y].

    The plane lies in the middle. Of coarse voxels that reach over the finest scale the viewer cuts off what does.
    """
    voxels = volume[:, :, z].repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    there = np.zeros((WIDTH, HEIGHT), bool)
    nm_per_pixel = volume.resolution[0] / SIDE
    finest = [(lo * step, (lo + size) * step) for lo, size, step in zip(OFFSET, SIZE, RESOLUTION, strict=True)]
    slices, margins = [], []
    for axis, pixels in enumerate(there.shape):
        margin = (pixels - voxels.shape[axis]) // 2
        origin = volume.voxel_offset[axis] * volume.resolution[axis] - margin * nm_per_pixel
        slices.append(slice(*(max(0, round((edge - origin) / nm_per_pixel)) for edge in finest[axis])))
        margins.append((margin, pixels - voxels.shape[axis] - margin))
    there[tuple(slices)] = True
    return np.pad(voxels, (*margins, (0, 0))), there


def wrong_voxels(served, volume, name, z):
    """Return which voxels of a plane the viewer shows otherwise than we read them, [x, y]; around them is nothing."""
    shown, there = plane_shown(served, volume, name, z)
    voxels, expected = plane_expected(volume, z)
    tolerance = 1 if volume.scale.encoding == "jpeg" else 0  # the viewer's decoder rounds differently
    far = np.abs(shown.astype(float) - voxels) > tolerance if tolerance else shown != voxels
    wrong = (there != expected) | (far.any(axis=2) & expected)
    size = SIDE * volume.shape[0], SIDE * volume.shape[1]
    left, top = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
    inside = wrong[left : left + size[0], top : top + size[1]]
    assert inside.sum() == wrong.sum()
    return inside.reshape(volume.shape[0], SIDE, volume.shape[1], SIDE).any(axis=(1, 3))


@pytest.mark.parametrize("scale", [0, 2])
@pytest.mark.parametrize("name", VOLUMES)
def test_every_pixel_is_its_voxel(served, root, name, scale):
    volume = ng.open(root / name, scale)
    assert volume[...].any()
    z = volume.voxel_offset[2] + (volume.shape[2] - 1 if scale else 0)
    assert not wrong_voxels(served, volume, name, z).any()


@pytest.mark.parametrize("scale", [0, 2])
def test_labels_have_the_colours_of_the_viewer(served, root, scale):
    viewer, url = served
    volume = ng.open(root / "uint64_labels", scale)
    z = volume.voxel_offset[2]
    layer = {"type": "segmentation", "selectedAlpha": 1, "notSelectedAlpha": 1}
    viewer.show(state_of(volume, f"{url}/uint64_labels", z, **layer))
    labels, there = plane_expected(volume, z)
    shown = viewer.pixels().transpose(1, 0, 2)[there].astype(int)
    ours = segment_colours(labels[there][:, 0])
    # Many colours lie halfway between two of 256 steps; graphics cards compute with 32 bits and round them either way.
    assert abs(shown - ours).max() <= 1
    assert (shown == ours).mean() > 0.9


@pytest.fixture
def copy(root, request):
    """Return a function that copies a volume, under a name that no page has seen before."""
    folder = root / request.node.name.translate(str.maketrans("[]", "--"))
    yield lambda name: shutil.copytree(root / name, folder)
    shutil.rmtree(folder)


def only_first_chunk(wrong):
    """Whether nearly all voxels of the first chunk are wrong, by chance not all, and no others."""
    return wrong[:32, :32].mean() > 0.98 and wrong.sum() == wrong[:32, :32].sum()


@pytest.mark.parametrize("name", ["uint16", "uint16_gzip", "uint64_labels"])
def test_a_missing_chunk_shows(served, root, copy, name):
    folder = copy(name)
    (chunk,) = folder.glob("8_8_40/-13-19_7-39_5-21*")
    chunk.unlink()
    assert only_first_chunk(wrong_voxels(served, ng.open(root / name), folder.name, 5))


@pytest.mark.parametrize("name", ["uint16", "uint16_gzip", "uint64_labels"])
def test_a_wrong_chunk_shows(served, root, copy, name):
    folder = copy(name)
    (chunk,) = folder.glob("8_8_40/-13-19_7-39_5-21*")
    (other,) = folder.glob("8_8_40/19-51_7-39_5-21*")
    shutil.copyfile(other, chunk)
    assert only_first_chunk(wrong_voxels(served, ng.open(root / name), folder.name, 5))


def test_a_missing_shard_shows(served, root, copy):
    folder = copy("uint64_labels_sharded")
    for shard in folder.glob("8_8_40/*.shard"):
        shard.unlink()
    assert wrong_voxels(served, ng.open(root / "uint64_labels_sharded"), folder.name, 5).mean() > 0.98


def test_a_wrong_place_shows(served, root, copy):
    folder = copy("uint64_labels_sharded")
    document = json.loads((folder / "info").read_text())
    document["scales"][0]["voxel_offset"][0] += 1
    (folder / "info").write_text(json.dumps(document))
    with pytest.raises(AssertionError):
        wrong_voxels(served, ng.open(root / "uint64_labels_sharded"), folder.name, 5)


def test_a_wrong_byte_order_shows(served, root, copy):
    folder = copy("uint16")
    for chunk in folder.glob("8_8_40/*"):
        chunk.write_bytes(np.frombuffer(chunk.read_bytes(), "<u2").astype(">u2").tobytes())
    assert wrong_voxels(served, ng.open(root / "uint16"), folder.name, 5).mean() > 0.98


@pytest.mark.parametrize("names", [["uint16"], ["uint8_rgb"], ["blobs"], ["uint8", "blobs"]])
def test_view_shows_the_data(browser, root, names):
    """The page that `view` opens: there are data in all panels, in the colours that we know."""
    with ng.view(*(root / name for name in names), open_browser=False, port=0) as view:
        viewer = Viewer(browser, view.url, (1200, 800))
        pixels = viewer.pixels()
        viewer.close()
    assert view.state["layout"] == "4panel"
    for y, x in ((240, 300), (240, 900), (620, 300), (620, 900)):
        panel = pixels[y - 40 : y + 40, x - 40 : x + 40]
        assert len(np.unique(panel.reshape(-1, 3), axis=0)) >= 4
    if names == ["blobs"]:
        z = int(view.state["position"][2])
        for colour in segment_colours(np.unique(ng.open(root / "blobs")[:, :, z])).astype(int):
            assert (abs(pixels[:400, :600] - colour).max(axis=2) <= 1).sum() > 1000
