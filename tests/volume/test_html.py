"""What a volume shows of itself in a notebook."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import imagecodecs
import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.volume.colours import segment_colours
from ngprecomp.volume.html import MOST_BYTES


class Shown(HTMLParser):
    """The texts, and the attributes of the image; every element that is opened is closed."""

    def __init__(self, volume):
        super().__init__()
        self.texts, self.image, self.open = [], None, []
        self.feed(volume._repr_html_())
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.image = dict(attrs)
        elif tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def pixels(self):
        kind, data = self.image["src"].split(",")
        assert kind == "data:image/png;base64"
        return imagecodecs.png_decode(base64.b64decode(data))


def test_table(tmp_path):
    vol = ng.create(
        tmp_path / "a<b>", shape=(100, 50, 20), dtype="uint64", resolution=(4, 4, 40), voxel_offset=(-1, 2, 3),
        type="segmentation", chunk_size=(64, 64, 16), shard_size=(128, 128, 16), encoding="compressed_segmentation",
    )  # fmt: skip
    ng.create(tmp_path / "a<b>", shape=(50, 25, 20), dtype="uint64", resolution=(8, 8, 40), exist="add")
    shown = Shown(ng.open(vol.url))
    assert shown.texts == [
        vol.url,
        "scale", "0 of 2: 4_4_40",
        "shape", "100 x 50 x 20 voxels",
        "dtype", "uint64, segmentation",
        "voxel size", "4 x 4 x 40 nm",
        "voxel offset", "-1, 2, 3",
        "chunk size", "64 x 64 x 16",
        "encoding", "compressed_segmentation, sharded",
        "all scales", "100 x 50 x 20 at 4 x 4 x 40 nm", "50 x 25 x 20 at 8 x 8 x 40 nm",
    ]  # fmt: skip
    assert (shown.image["width"], shown.image["height"]) == ("160", "80")
    assert not shown.pixels.any()


def test_thumbnail_of_labels(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 2**64, (64, 32, 5), np.uint64)
    ng.convert(voxels, tmp_path / "v", axes="xyz", resolution=(4, 8, 40), type="segmentation", levels=0)
    shown = Shown(ng.open(tmp_path / "v"))
    assert np.array_equal(shown.pixels, segment_colours(voxels[:, :, 2].T))
    assert (shown.image["width"], shown.image["height"]) == ("160", "160")


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint8", 3), ("uint16", 5), ("float32", 1)])
def test_thumbnail_of_an_image(dtype, channels):
    vol = ng.create(f"memory://html/{dtype}{channels}", shape=(400, 40, 3), dtype=dtype, num_channels=channels)
    vol[200:] = 200
    pixels = Shown(vol).pixels
    assert pixels.shape == (40, 134, 3)
    assert pixels[:, :66].max() == 0
    assert pixels[:, 67:].max() >= 200


def test_no_thumbnail_of_what_takes_long():
    vol = ng.create("memory://html/large", shape=(MOST_BYTES // 64 + 1, 64, 64), dtype="uint8")
    assert Shown(vol).image is None


def test_damage_hides_only_the_thumbnail(tmp_path):
    vol = ng.create(tmp_path / "v", shape=(64, 64, 64), dtype="uint8", chunk_size=(64, 64, 64), encoding="png")
    vol[...] = 1
    chunk = tmp_path / "v" / "1_1_1" / "0-64_0-64_0-64"
    chunk.write_bytes(chunk.read_bytes()[:50])
    shown = Shown(vol)
    assert shown.image is None
    assert any(re.match("no picture: chunk 0:64,0:64,0:64 of scale", text) for text in shown.texts)
    assert "64 x 64 x 64 voxels" in shown.texts


def test_nothing_to_show():
    shown = Shown(ng.create("memory://html/empty", shape=(0, 4, 4), dtype="uint8"))
    assert shown.image is None
    assert "0 x 4 x 4 voxels" in shown.texts
