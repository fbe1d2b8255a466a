"""Pictures of volumes: where voxels land, in which colours, and what is read for them."""

from __future__ import annotations

import tracemalloc

import imagecodecs
import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main
from ngprecomp.errors import ExistsError, NotFoundError, OptionError
from ngprecomp.viewing.lettering import lettered
from ngprecomp.viewing.resampling import nearest, smooth, weights
from ngprecomp.viewing.scale_bar import length_text, round_length, scale_bar
from ngprecomp.viewing.sections import fitting_scales, read_sections
from ngprecomp.volume.colours import CHANNEL_COLOURS, image_colours, segment_colours, shown_range

WHITE = (255, 255, 255)


@pytest.fixture
def labels(tmp_path):
    """A segmentation of 40 x 20 x 6 voxels of 4 x 4 x 20 nm with a label for each octant, and coarser scales."""
    voxels = np.zeros((40, 20, 6), np.uint64)
    for octant in range(8):
        x, y, z = (slice(20), slice(20, 40))[octant & 1], (slice(10), slice(10, 20))[octant >> 1 & 1], octant >> 2
        voxels[x, y, 3 * z : 3 * z + 3] = 2**63 + octant
    ng.convert(
        voxels, tmp_path / "labels", axes="xyz", resolution=(4, 4, 20), voxel_offset=(-8, 4, -3), chunk_size=(8, 8, 4)
    )
    return ng.open(tmp_path / "labels")


def colour(octant):
    return segment_colours(np.array([2**63 + octant], np.uint64))[0].tolist()


def regions(picture):
    """Return how many pixels a picture has of each colour."""
    colours, counts = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    return {tuple(colour): count for colour, count in zip(colours.tolist(), counts.tolist(), strict=True)}


def test_montage_of_labels(labels):
    """160 x 80 x 120 nm on 160 pixels: a pixel is a nanometre, whatever the voxel."""
    picture = ng.preview(labels, size=160)
    assert picture.dtype == np.uint8
    title = 4 + 7 + 4
    xy = picture[title : title + 80, 4 : 4 + 160]
    yz = picture[title : title + 80, 4 + 160 + 4 :][:, :120]
    xz = picture[title + 80 + title :, 4 : 4 + 160][:120]
    # The middle is the first voxel of the upper half along each axis.
    for section, octants in ((xy, (4, 5, 6, 7)), (yz, (1, 5, 3, 7)), (xz, (2, 3, 6, 7))):
        height, width = section.shape[0] // 2, section.shape[1] // 2
        quarters = (
            section[:height, :width],
            section[:height, width:],
            section[height:, :width],
            section[height:, width:],
        )
        assert [regions(quarter) for quarter in quarters] == [
            {tuple(colour(octant)): height * width} for octant in octants
        ]
    assert picture.shape == (title + 80 + title + 120 + 4, 4 + 160 + 4 + 120 + 4, 3)


@pytest.mark.parametrize("scale", [0, 1, "8_8_20", (8, 8, 20)])
def test_any_scale_gives_the_same_picture(labels, scale):
    assert (ng.preview(labels, size=160) == ng.preview(labels, size=160, scale=scale)).mean() > 0.9


def test_no_scale(labels):
    with pytest.raises(NotFoundError, match="no scale has key '9_9_9'"):
        ng.preview(labels, scale="9_9_9")


def test_the_coarsest_scale_with_a_voxel_for_each_pixel(labels):
    assert [min(scale["resolution"]) for scale in labels.scales] == [4, 8, 16, 16]
    assert [fitting_scales(labels, nm) for nm in (1, 7.9, 8, 1000)] == [[0], [0], [1, 0], [2, 3, 1, 0]]


def test_an_empty_scale_gives_way_to_a_finer_one(tmp_path):
    vol = ng.create(tmp_path / "v", shape=(64, 64, 64), dtype="uint8", chunk_size=(32, 32, 32))
    coarse = ng.create(tmp_path / "v", shape=(32, 32, 32), dtype="uint8", resolution=(2, 2, 2), exist="add")
    vol[...] = 7

    def shows_white(**options):
        return WHITE in regions(ng.preview(vol.url, size=32, **options)[15:47, 4:36])

    assert shows_white()
    assert not shows_white(scale=1)
    coarse[...] = 1
    vol[...] = 0
    assert shows_white()


def test_thin_volumes_have_one_section():
    vol = ng.create("memory://preview/thin", shape=(30, 1, 20), dtype="uint8")
    assert [section.name for section in read_sections(vol, 1, 1)] == ["xz"]


@pytest.mark.parametrize("shape", [(1, 1, 1), (50, 1, 1), (1, 1, 50), (0, 5, 5), (0, 0, 0)])
def test_lines_points_and_nothing(shape):
    vol = ng.create(f"memory://preview/{shape}", shape=shape, dtype="uint16")
    vol[...] = 9
    picture = ng.preview(vol, size=64)
    assert picture.ndim == 3
    assert (picture == 255).all(axis=2).any()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "uint32", "uint64", "float32"])
def test_absent_chunks_are_black(dtype):
    vol = ng.create(f"memory://preview/absent/{dtype}", shape=(32, 32, 32), dtype=dtype, resolution=(1, 1, 1))
    picture = ng.preview(ng.open(vol.url, missing="error"), size=32)
    assert set(regions(picture)) == {(0, 0, 0), WHITE}
    assert regions(picture)[0, 0, 0] >= 3 * 32 * 32


def test_contrast_by_percentiles_or_as_asked():
    ramp = np.linspace(1000, 3000, 64 * 64).reshape(64, 64, 1).astype(int)
    vol = ng.create("memory://preview/ramp", shape=(64, 64, 1), dtype="uint16")
    vol[...] = ramp
    xy = ng.preview(vol, size=64)[15:79, 4:68]
    assert xy[0, 0].tolist() == [0, 0, 0]
    assert xy[-1, -1].tolist() == [255, 255, 255]
    asked = ng.preview(vol, size=64, contrast=(1000, 5000))[15:79, 4:68]
    assert np.array_equal(asked[..., 0], np.rint((vol[:, :, 0, 0].T - 1000.0) / 4000 * 255))


def test_shown_range():
    assert shown_range(np.array([0, 0, np.nan, np.inf, 3.0, 5.0], np.float32)) == (3.0, 5.0)
    assert shown_range(np.full(9, np.nan)) == (0.0, 1.0)
    assert shown_range(np.array([-4])) == (-4.0, 0.0)


def test_nan_is_black():
    vol = ng.create("memory://preview/nan", shape=(16, 16, 1), dtype="float32")
    vol[...] = 1.0
    vol[:8] = np.nan
    xy = ng.preview(vol, size=16)[15:31, 4:20]
    assert xy[:, :8].max() == 0
    assert xy[:, 8:].min() == 255


def test_three_channels_of_uint8_are_colours():
    vol = ng.create("memory://preview/rgb", shape=(16, 16, 1), dtype="uint8", num_channels=3)
    vol[...] = [10, 200, 30]
    assert ng.preview(vol, size=16)[20, 10].tolist() == [10, 200, 30]


def test_channels_are_added_up():
    vol = ng.create("memory://preview/channels", shape=(16, 16, 1), dtype="uint16", num_channels=10)
    vol[:8, :, :, 0] = 500
    vol[:, :8, :, 1] = 70
    xy = ng.preview(vol, size=16)[15:31, 4:20]
    assert xy[12, 4].tolist() == [255, 0, 0]
    assert xy[4, 12].tolist() == [0, 255, 0]
    assert xy[4, 4].tolist() == [255, 255, 0]
    assert image_colours(np.ones((1, len(CHANNEL_COLOURS))), [(0, 1)] * len(CHANNEL_COLOURS)).tolist() == [[255] * 3]


def test_colours_of_labels():
    """These are drawn by Neuroglancer 2.41 in chromium; the browser tests compare many more."""
    drawn = {
        3216324687569250668: [107, 48, 255],
        4382559990266366815: [70, 136, 255],
        13927651326162389406: [58, 25, 255],
        0: [0, 0, 0],
    }
    assert segment_colours(np.array([*drawn], np.uint64)).tolist() == [*drawn.values()]
    assert (
        segment_colours(np.array([-1], np.int32)).tolist() == segment_colours(np.array([2**64 - 1], np.uint64)).tolist()
    )
    assert segment_colours(np.zeros((2, 0, 3), np.uint32)).shape == (2, 0, 3, 3)


def test_png_file(tmp_path, labels):
    path = tmp_path / "new" / "picture.png"
    assert ng.preview(labels.url, path, size=100) == str(path)
    assert np.array_equal(imagecodecs.png_decode(path.read_bytes()), ng.preview(labels, size=100))
    with pytest.raises(ExistsError, match="overwrite replaces it"):
        ng.preview(labels, path)
    ng.preview(labels, path, size=50, overwrite=True)
    assert np.array_equal(imagecodecs.png_decode(path.read_bytes()), ng.preview(labels, size=50))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"size": 15}, "size is a number of pixels from 16 to 8192, found 15"),
        ({"contrast": (5, 5)}, "contrast is two numbers"),
        ({"contrast": 7}, "contrast is two numbers"),
        ({"contrast": (-np.inf, 5)}, "contrast is two numbers"),
        ({"path": "picture.jpg"}, "a preview is a .png file, found picture.jpg"),
    ],
)
def test_wrong_options(labels, options, sentence):
    with pytest.raises(OptionError, match=sentence):
        ng.preview(labels, **options)


def test_memory_does_not_grow_with_the_volume():
    size = {"shape": (20000, 20000, 100), "chunk_size": (1024, 1024, 2)}
    vol = ng.create("memory://preview/large", dtype="uint64", resolution=(4, 4, 40), **size)
    vol[10000:10010, 10000:10010, 50:51] = 5
    tracemalloc.start()
    ng.preview(vol, size=256)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 << 20  # a chunk has 16 MiB, a section 3.2 GB


def test_command(labels, tmp_path, capsys):
    path = str(tmp_path / "out.png")
    assert main(["preview", labels.url, path, "--size", "64", "--scale", "1", "--contrast", "-5,7"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert main(["preview", labels.url, path]) == 1
    assert capsys.readouterr().err == f"ngprecomp: {path} exists; overwrite replaces it\n"
    assert main(["preview", labels.url, path, "--overwrite", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("voxels", "pixels"), [(1, 1), (1, 7), (7, 1), (5, 3), (3, 5), (64, 64), (100, 33)])
def test_resampling(voxels, pixels):
    line = weights(voxels, pixels)
    assert line.shape == (pixels, voxels)
    assert np.allclose(line.sum(axis=1), 1)
    ramp = np.arange(voxels) + 0.5
    middles = (np.arange(pixels) + 0.5) * voxels / pixels
    if pixels < voxels:
        assert np.allclose(line @ ramp, ramp.repeat(pixels).reshape(pixels, voxels).mean(axis=1))
    else:
        assert np.allclose(line @ ramp, middles.clip(ramp[0], ramp[-1]))
    plane = np.arange(voxels)[:, np.newaxis]
    assert nearest(plane, (pixels, 1))[:, 0].tolist() == [int(middle) for middle in middles]
    assert np.allclose(smooth(ramp.reshape(-1, 1, 1), (pixels, 2))[:, 1, 0], line @ ramp)


def test_scale_bar():
    assert [round_length(limit) for limit in (1, 1.9, 2, 4.99, 5, 99, 0.03)] == [1, 1, 2, 2, 5, 50, 0.02]
    assert length_text(1000) == "1 µm"
    mask = scale_bar(10, 100, 1)
    assert mask[0].sum() == 100
    assert np.array_equal(mask[4:, (100 - 23) // 2 :][:, :23], lettered("1 µm"))
    assert scale_bar(3, 1, 2).any()
