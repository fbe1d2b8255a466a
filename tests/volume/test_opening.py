import json

import pytest

import ngprecomp as ng
from ngprecomp.errors import ConstraintError, MetadataError, NotFoundError, OptionError


@pytest.fixture
def pyramid(where):
    for step in (8, 16, 32):
        size = {"shape": (64 // step,) * 3, "resolution": (step, step, 40), "key": f"s{step}"}
        ng.create(where, dtype="uint8", **size, exist="add")
    return where


@pytest.mark.parametrize(
    ("scale", "index"),
    [(None, 0), (0, 0), (2, 2), ("s16", 1), ((32, 32, 40), 2), ([16.0, 16, 40], 1)],
)
def test_a_scale_by_index_key_or_resolution(pyramid, scale, index):
    vol = ng.open(pyramid, scale)
    assert (vol.scale_index, vol.key) == (index, f"s{8 << index}")


@pytest.mark.parametrize(
    "scale", [3, -1, "8_8_40", (8, 8, 8)], ids=["beyond", "negative", "no such key", "no such resolution"]
)
def test_no_such_scale(pyramid, scale):
    with pytest.raises(NotFoundError, match=r'the volume has 3 scales: "s8", "s16", "s32"'):
        ng.open(pyramid, scale)


@pytest.mark.parametrize("scale", [True, (1, 2), 1.5, {}])
def test_what_names_no_scale(pyramid, scale):
    with pytest.raises(OptionError, match="a scale is an index, a key or 3 numbers"):
        ng.open(pyramid, scale)


def test_urls_and_specs(tmp_path):
    ng.create(tmp_path / "a volume", shape=(2, 2, 2), dtype="uint8")[...] = 9
    folder = f"{tmp_path}/a volume"
    url = f"file://{tmp_path}/a%20volume"
    spec = {"driver": "neuroglancer_precomputed", "kvstore": {"driver": "file", "path": folder}}
    for where in (
        folder,
        folder + "/",
        tmp_path / "a volume",
        url,
        f"precomputed://{url}",
        f"{url}/|neuroglancer-precomputed:",
        spec,
        {**spec, "scale_index": 0},
        {**spec, "scale_metadata": {"key": "1_1_1", "resolution": [1, 1, 1]}},
        {"driver": "neuroglancer_precomputed", "kvstore": url},
    ):
        assert ng.open(where)[...].sum() == 72


def test_memory_urls(memory):
    ng.create(memory, shape=(2, 2, 2), dtype="uint8")[...] = 9
    for where in (memory, f"precomputed://{memory}/", {"driver": "neuroglancer_precomputed", "kvstore": memory}):
        assert ng.open(where)[...].sum() == 72


def test_spec_and_argument_must_agree(pyramid):
    spec = {"driver": "neuroglancer_precomputed", "kvstore": pyramid, "scale_index": 1}
    assert ng.open(spec, "s16").scale_index == 1
    with pytest.raises(ConstraintError, match='expected "key" of "s8", found "s16"'):
        ng.open(spec, "s8")


def test_no_volume(where):
    with pytest.raises(NotFoundError, match=r"no volume at .*: it has no file named info"):
        ng.open(where)


def test_a_broken_info_names_the_volume(vol):
    vol.place.store.put("info", b"{")
    with pytest.raises(MetadataError, match=rf"invalid info of {vol.url}"):
        ng.open(vol.url)


def test_all_problems_of_a_scale_are_listed_when_it_is_used(vol):
    info = json.loads(vol.place.store.get("info").data)
    info["scales"].append({"key": "t", "size": [1, 1], "resolution": [1, 1, 1], "encoding": "raw"})
    vol.place.store.put("info", json.dumps(info).encode())
    assert ng.open(vol.url).key == "s"
    with pytest.raises(MetadataError, match=rf"of {vol.url}: scales\[1\].size: .*; scales\[1\].chunk_sizes: "):
        ng.open(vol.url, "t")


def test_a_key_outside_of_the_volume_is_read_but_not_written(where):
    other = ng.create(f"{where}/other", shape=(4, 4, 4), dtype="uint8", key="s")
    other[...] = 5
    vol = ng.create(f"{where}/vol", shape=(4, 4, 4), dtype="uint8")
    info = vol.info
    info["scales"][0]["key"] = "../other/s"
    vol.place.store.put("info", json.dumps(info).encode())
    vol = ng.open(f"{where}/vol")
    assert (vol[...] == 5).all()
    with pytest.raises(OptionError, match=r"will not write to scale '../other/s': its key leads out"):
        vol[...] = 0
    with pytest.raises(OptionError, match=r"will not remove scale '../other/s'"):
        ng.create(f"{where}/vol", shape=(4, 4, 4), dtype="uint8", exist="replace")
    assert (other[...] == 5).all()
    for each in (vol, other):
        each.place.store.delete(each.place.store.list())


@pytest.mark.parametrize("key", ["./s", "a//b/", "a/../b", "."])
def test_unusual_keys_are_written_and_read(where, key):
    vol = ng.create(where, shape=(4, 4, 4), dtype="uint8", key=key)
    vol[1:3, 1:3, 1:3] = 1
    assert ng.open(where, key)[...].sum() == 8
    vol[...] = 0
    assert list(vol.place.store.list()) == ["info"]
