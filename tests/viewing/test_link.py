"""States and links: what the viewer is told about volumes."""

from __future__ import annotations

import json
import math
from urllib.parse import unquote

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main
from ngprecomp.errors import NotFoundError, OptionError
from ngprecomp.viewing import samples, scene
from ngprecomp.viewing.link import link_state
from ngprecomp.viewing.samples import sample
from ngprecomp.viewing.state import names_of
from ngprecomp.volume.colours import CHANNEL_COLOURS

URL = "https://data.example.org/volume"


@pytest.fixture
def make(tmp_path):
    """Give a function that makes a volume of an array [x, y, z] or [x, y, z, channel]."""

    def make(voxels, name="em", **options):
        voxels = voxels if voxels.ndim == 4 else voxels[..., np.newaxis]
        options = {"type": "image", "resolution": (8, 8, 40), **options}
        volume = ng.create(
            tmp_path / name, shape=voxels.shape[:3], num_channels=voxels.shape[3], dtype=voxels.dtype, **options
        )
        volume[...] = voxels
        return volume

    return make


def state_in(link):
    base, _, fragment = link.partition("#!")
    return base, json.loads(unquote(fragment))


def layer_of(volume):
    (layer,) = link_state(volume, url=URL)["layers"]
    return layer


def random(shape, dtype="uint8", low=0, high=200):
    return np.random.default_rng(0).integers(low, high, shape).astype(dtype)


def test_state_of_an_image(make):
    volume = make(random((40, 30, 20), low=50, high=150), voxel_offset=(-100, 5, 7))
    base, state = state_in(ng.link(volume, url=URL))
    assert base == "https://neuroglancer-demo.appspot.com/"
    assert state["dimensions"] == {"x": [8e-9, "m"], "y": [8e-9, "m"], "z": [40e-9, "m"]}
    assert state["position"] == [-79.5, 20.5, 17.5]
    assert state["layout"] == "4panel"
    (layer,) = state["layers"]
    assert (layer["type"], layer["name"], layer["source"]) == ("image", "volume", f"precomputed://{URL}")
    low, high = layer["shaderControls"]["normalized"]["range"]
    assert 50 <= low < 53
    assert 146 < high < 150
    assert layer["shaderControls"]["normalized"]["window"] == [50, 149]
    assert "invlerp normalized" in layer["shader"]


def test_link_survives_browsers_and_shells(make):
    link = ng.link(
        make(random((8, 8, 8))), url="https://data.example.org/a b/ü'\"(c)", base="http://localhost:8000/ng/"
    )
    base, state = state_in(link)
    assert base == "http://localhost:8000/ng/"
    assert state["layers"][0]["source"] == "precomputed://https://data.example.org/a b/ü'\"(c)"
    assert not set("\"'<>()\\ #;$&`|{}") & set(link.partition("#!")[2])
    assert link.isascii()


def test_volume_may_be_a_path_a_spec_or_hosted(make, tmp_path):
    make(random((8, 8, 8)))
    spec = {"driver": "neuroglancer_precomputed", "kvstore": {"driver": "file", "path": f"{tmp_path}/em/"}}
    states = [link_state(volume, url=URL) for volume in (tmp_path / "em", str(tmp_path / "em"), spec)]
    assert states[0] == states[1] == states[2]


@pytest.mark.parametrize("url", ["gs://bucket/em", "s3://bucket/em/", "http://a.org/em", "precomputed://https://a.org/em",
                                 "gs://bucket/em/|neuroglancer-precomputed:"])  # fmt: skip
def test_hosted_without_reading(url):
    state = link_state(url, read=False)
    (layer,) = state["layers"]
    hosted = url.removeprefix("precomputed://").partition("|")[0].rstrip("/")
    assert layer == {"type": "auto", "name": "em", "source": f"precomputed://{hosted}"}
    assert not {"position", "dimensions", "crossSectionScale"} & set(state)


@pytest.mark.parametrize("url", [None, "memory://em", "/data/em", "file:///data/em", "az://account/em"])
def test_no_page_reads_it(make, url):
    with pytest.raises(OptionError, match="no web page can read"):
        ng.link(make(random((8, 8, 8))), url=url)


def test_wrong_use(make, tmp_path):
    volume = make(random((8, 8, 8)))
    with pytest.raises(OptionError, match="a URL for each of 2 volumes, found 1"):
        ng.link(volume, volume, url=URL)
    with pytest.raises(OptionError, match="no volume"):
        ng.link()
    with pytest.raises(NotFoundError, match="no volume at"):
        ng.link(tmp_path / "absent", url=URL)


@pytest.mark.parametrize(
    ("voxels", "limits", "window"),
    [
        (np.zeros((8, 8, 8), "uint16"), [0, 1], [0, 1]),
        (np.full((8, 8, 8), 700, "uint16"), [0, 700], [0, 700]),
        (np.full((8, 8, 8), -128, "int8"), [-128, 0], [-128, 0]),
        (np.array([0] * 500 + [1000, 2000] * 6, "uint16").reshape(8, 8, 8), [1000, 2000], [0, 2000]),
        (np.array([[[np.nan, np.inf, -np.inf, 0.25, 0.5, 0.5, 0.75, 0]]], "float32"), [0.25, 0.75], [0, 0.75]),
        (np.full((2, 2, 2), np.nan, "float32"), [0, 1], [0, 1]),
        (np.array([0, 5, 2**63, 2**64 - 1], "uint64").reshape(4, 1, 1), ["5", str(2**64 - 1)], ["0", str(2**64 - 1)]),
    ],
)  # fmt: skip
def test_contrast(make, voxels, limits, window):
    control = layer_of(make(voxels))["shaderControls"]["normalized"]
    assert control == {"range": limits, "window": window}
    json.dumps(control, allow_nan=False)


def test_colours(make):
    rgb = layer_of(make(random((8, 8, 8, 3)), "rgb"))
    assert "emitRGB" in rgb["shader"]
    assert "shaderControls" not in rgb
    voxels = random((8, 8, 8, 3), "uint16") + np.array([1, 1000, 2000], "uint16")
    channels = layer_of(make(voxels, "channels"))
    controls = channels["shaderControls"]
    assert [controls[f"range{channel}"]["channel"] for channel in range(3)] == [[0], [1], [2]]
    lows = [controls[f"range{channel}"]["range"][0] for channel in range(3)]
    assert all(abs(low - expected) < 10 for low, expected in zip(lows, [1, 1000, 2000], strict=True))
    for channel, colour in enumerate(("#ff0000", "#00ff00", "#0000ff")):
        assert f"invlerp range{channel}(channel={channel})" in channels["shader"]
        assert f'color{channel} color(default="{colour}")' in channels["shader"]
    many = layer_of(make(random((4, 4, 4, 9)), "many"))
    assert len(many["shaderControls"]) == many["shader"].count("invlerp") == len(CHANNEL_COLOURS) < 9


def test_segments(make):
    labels = np.zeros((20, 20, 20), np.uint64)
    largest = [2**64 - 1, 5, 2**63, 7]
    for number, label in enumerate(largest):
        labels[number, : 20 - number] = label
    labels[10:, 0, 0] = np.arange(100, 110)
    layer = layer_of(make(labels, "seg", type="segmentation", encoding="compressed_segmentation"))
    assert layer["type"] == "segmentation"
    assert layer["segments"][:4] == [str(label) for label in largest]
    assert len(layer["segments"]) == 10
    assert 0 < layer["notSelectedAlpha"] < 0.5
    assert layer_of(make(np.zeros((8, 8, 8), "uint32"), "none", type="segmentation"))["segments"] == []


def test_empty_volumes(make):
    for name, kind in (("a", "image"), ("b", "segmentation")):
        state = link_state(make(np.zeros((0, 4, 4), "uint8"), name, type=kind), url=URL)
        assert state["crossSectionScale"] > 0
        json.dumps(state, allow_nan=False)


@pytest.mark.parametrize(
    ("size", "layout"),
    [
        ((64, 64, 64), "4panel"),
        ((4096, 4096, 1), "xy"),
        ((512, 2, 512), "xz"),
        ((2, 512, 512), "yz"),
        ((1, 1, 1), "4panel"),
        ((2048, 2048, 100), "4panel"),
    ],
)
def test_all_is_in_view(tmp_path, size, layout):
    volume = ng.create(tmp_path / "em", shape=size, dtype="uint8", resolution=(4, 4, 40 if layout == "4panel" else 4))
    state = link_state(volume, url=URL)
    assert state["layout"] == layout
    nm_per_pixel = state["crossSectionScale"] * 4
    width, height = [side / (2 if layout == "4panel" else 1) for side in scene.WINDOW]
    extent = [count * step for count, step in zip(size, volume.resolution, strict=True)]
    fills = []
    for panel in scene.PANELS if layout == "4panel" else [layout]:
        right, down = scene.PANELS[panel]
        fills += [extent[right] / nm_per_pixel / width, extent[down] / nm_per_pixel / height]
    assert 0.85 < max(fills) < 1
    assert state["projectionScale"] * 4 > math.hypot(*extent)
    assert all(at % 1 == 0.5 for at in state["position"])


def test_several_volumes_in_one_view(make):
    image = make(random((64, 64, 16)))
    part = make(
        random((16, 16, 8), "uint64"), "seg", type="segmentation", resolution=(16, 16, 40), voxel_offset=(24, 0, 0)
    )
    state = link_state(image, part, url=["https://a.org/v", "gs://b/v"])
    assert [(layer["type"], layer["name"]) for layer in state["layers"]] == [("image", "v"), ("segmentation", "v-2")]
    assert state["dimensions"]["x"] == [8e-9, "m"]
    assert state["position"][0] == 40.5  # from 0 to 80 voxels of 8 nm, both together


def test_names():
    names = names_of([f"gs://b/{name}" for name in ("x-2", "x", "x", "x", "x-2", ".x", "", "volume")])
    assert names == ["x-2", "x", "x-3", "x-4", "x-2-2", "x-5", "b", "volume"]


def test_scale_of_the_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "LEAST_VOXELS", 1000)
    ng.convert(random((64, 64, 64), low=50, high=60), tmp_path / "em", axes="xyz", resolution=(8, 8, 8), levels=3)
    volume = ng.open(tmp_path / "em")
    assert [voxels.shape for voxels in sample(volume)] == [(16, 16, 16, 1)]
    coarse = tmp_path / "em" / volume.scales[2]["key"]
    for file in coarse.iterdir():
        file.unlink()
    assert [voxels.shape for voxels in sample(volume)] == [(32, 32, 32, 1)]


def test_large_scales_are_sampled_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "SAMPLE_BYTES", 5 * 16**3)
    volume = ng.create(
        tmp_path / "em", shape=(100, 100, 100), dtype="uint8", chunk_size=(16, 16, 16), voxel_offset=(5, 5, 5)
    )
    volume[...] = 9
    found = sample(volume)
    assert 1 < len(found) <= 5
    assert all(voxels.all() and voxels.shape <= (16, 16, 16, 1) for voxels in found)
    monkeypatch.setattr(samples, "SAMPLE_BYTES", 1)
    assert len(sample(volume)) == 1


def test_scales_that_do_not_decode_are_passed_over(make, tmp_path):
    volume = make(random((8, 8, 8)))
    info = volume.info
    info["scales"].append({**info["scales"][0], "key": "other", "encoding": "unknown"})
    (tmp_path / "em" / "info").write_text(json.dumps(info))
    assert layer_of(ng.open(tmp_path / "em"))["type"] == "image"


def test_command(make, tmp_path, capsys):
    volume = make(random((8, 8, 8)))
    where = str(tmp_path / "em")
    assert main(["link", where, "--url", URL, "--base", "http://localhost"]) == 0
    assert capsys.readouterr().out == ng.link(volume, url=URL, base="http://localhost") + "\n"
    assert main(["link", where, where, "--url", URL, "--url", "gs://b/seg", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == link_state(volume, volume, url=[URL, "gs://b/seg"])
    assert main(["link", "gs://bucket/em", "--no-read"]) == 0
    assert capsys.readouterr().out == ng.link("gs://bucket/em", read=False) + "\n"
    assert main(["link", where]) == 2
    assert "--url" in capsys.readouterr().err
