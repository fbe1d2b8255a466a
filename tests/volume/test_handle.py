import pickle

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import EncodeError, MissingChunkError, OptionError, OutOfBoundsError
from ngprecomp.volume.handle import as_box


@pytest.fixture
def filled(vol):
    vol[...] = np.arange(1, 386).reshape(vol.shape)
    return vol


def test_what_a_volume_says_of_itself(vol):
    assert vol.shape == (11, 7, 5, 1)
    assert (vol.ndim, len(vol), vol.dtype) == (4, 11, np.uint16)
    assert (vol.key, vol.scale_index, vol.resolution, vol.voxel_offset) == ("s", 0, (1.0, 1.0, 1.0), (-5, -3, 9))
    assert vol.info["scales"] == vol.scales
    assert vol.scales[0]["chunk_sizes"] == [[4, 4, 4]]
    assert repr(vol) == f"<Volume {vol.url} scale 0 (s): 11 x 7 x 5 voxels of uint16, 1 x 1 x 1 nm, raw>"


def test_info_is_a_copy(vol):
    vol.info["scales"][0]["key"] = "changed"
    assert vol.info["scales"][0]["key"] == "s"


def test_arrays_that_come_back_are_the_callers_own(filled):
    for index in (..., (slice(None, None, 2), ..., 0), (-5, 3), (slice(-1, 3), slice(-3, 1), slice(9, 13))):
        part = filled[index]
        assert isinstance(part, np.ndarray)
        assert part.flags.f_contiguous
        assert part.flags.writeable
        assert part.T.flags.c_contiguous
        before = filled[index]
        part[...] = 0
        assert np.array_equal(filled[index], before)


def test_integers_drop_their_axis(filled):
    whole = filled[...]
    assert np.array_equal(filled[-4], whole[1])
    assert np.array_equal(filled[:, 3, 10:12], whole[:, 6, 1:3])
    assert filled[-5, -3, 9, 0] == whole[0, 0, 0, 0] == 1


def test_asarray(filled):
    whole = filled[...]
    assert np.array_equal(np.asarray(filled), whole)
    assert np.asarray(filled, dtype=float).dtype == float
    assert np.array_equal(np.array(filled), whole)
    assert np.mean(filled) == whole.mean()
    with pytest.raises(ValueError, match="always makes a new array"):
        filled.__array__(copy=False)


def test_iteration_yields_the_planes_along_x(filled):
    planes = list(filled)
    assert len(planes) == 11
    assert np.array_equal(np.stack(planes), filled[...])


def test_pickle_reads_and_writes_the_same_volume(filled):
    whole = filled[...]
    again = pickle.loads(pickle.dumps(filled))
    assert again.url == filled.url
    assert np.array_equal(again[...], whole)
    again[0, 0, 9] = 0
    assert filled[0, 0, 9, 0] == 0


def test_options_survive_pickling(vol):
    strict = pickle.loads(pickle.dumps(ng.open(vol.url, missing="error", threads=3, cache_bytes=7)))
    assert (strict.missing, strict.resources.threads, strict.resources.cache.limit) == ("error", 3, 7)


def test_read_counts_absent_chunks(vol):
    voxels, absent = vol.read(((-5, 6), (-3, 4), (9, 14)))
    assert absent == 12
    assert not voxels.any()
    vol[-1, 1, 9] = 3
    assert vol.read(vol.box)[1] == 11
    assert vol.read((slice(-1, 3), slice(1, 4), slice(9, 13)))[1] == 0
    assert vol.read(((-2, 0), (0, 2), (9, 10)))[1] == 3


def test_absent_chunks_are_errors_on_request(vol):
    vol[-1, 1, 9] = 3
    strict = ng.open(vol.url, missing="error")
    assert strict[-1, 1, 9, 0] == 3
    with pytest.raises(MissingChunkError, match=r"chunk -5:-1,-3:1,9:13 of scale 's' in .* is absent"):
        strict[-5, -3, 9]
    assert strict.read(((-5, -4), (-3, -2), (9, 10)), missing="zero")[1] == 1
    with pytest.raises(MissingChunkError):
        vol.read(vol.box, missing="error")


def test_a_stride_steps_over_absent_chunks(vol):
    vol[-5:-1, -3:1, 9:13] = 1
    vol[3:, -3:1, 9:13] = 2
    strict = ng.open(vol.url, missing="error")
    assert strict[-5::8, -3, 9, 0].tolist() == [1, 2]


@pytest.mark.parametrize("missing", ["zeros", "", None, 0])
def test_unknown_policies_are_refused(vol, missing):
    with pytest.raises(OptionError, match='missing is "zero" or "error"'):
        ng.open(vol.url, missing=missing)
    if missing is not None:
        with pytest.raises(OptionError, match='missing is "zero" or "error"'):
            vol.read(vol.box, missing=missing)


def test_boxes(vol):
    assert as_box(((-5, 0), slice(None, 3), (9, 14)), vol.box) == type(vol.box)((-5, -3, 9), (0, 3, 14))
    with pytest.raises(OutOfBoundsError):
        vol.read(((-6, 0), (0, 1), (9, 10)))
    with pytest.raises(OptionError, match="three ranges"):
        vol.read(((-5, 0), (0, 1)))


@pytest.mark.parametrize("box", [5, "0:1,0:1,9:10", ((0.5, 1), (0, 1), (9, 10)), (("a", 1), (0, 1), (9, 10))])
def test_boxes_that_are_none(vol, box):
    with pytest.raises(OptionError, match="of integers; found"):
        as_box(box, vol.box)


@pytest.mark.parametrize("box", [((-5, 6, 2), (0, 1), (9, 10)), np.s_[-5:6, 0:1, 9:14:3]])
def test_a_box_has_no_steps(vol, box):
    with pytest.raises(OptionError, match="no steps"):
        as_box(box, vol.box)


def test_out_of_the_domain(vol):
    with pytest.raises(IndexError, match=r"the domain is -5:6,-3:4,9:14"):
        vol[6]
    with pytest.raises(IndexError, match=r"the domain is -5:6,-3:4,9:14"):
        vol[-6:0] = 1


def test_a_refused_value_changes_nothing(filled):
    before = filled[...]
    for value in (70_000, -1, 0.5, np.zeros((3, 3))):
        with pytest.raises(OptionError):
            filled[...] = value
    assert np.array_equal(filled[...], before)


def test_what_cannot_be_encoded_names_the_chunk(memory, monkeypatch):
    from ngprecomp.codecs import table

    vol = ng.create(memory, shape=(4, 4, 4), dtype="uint8", encoding="png", key="s")

    def refuse(*_, **__):
        raise EncodeError("cannot hold these voxels")

    monkeypatch.setattr(table, "encode", refuse)
    with pytest.raises(EncodeError, match=r"^chunk 0:4,0:4,0:4 of scale 's' in memory://.*: cannot hold these"):
        vol[...] = 1


@pytest.mark.parametrize("sharding", [None, (4, 4, 4), (8, 8, 8)])
def test_zeros_overwrite_and_remove(where, sharding):
    vol = ng.create(where, shape=(11, 7, 5), dtype="uint32", chunk_size=(4, 4, 4), shard_size=sharding, key="s")
    vol[...] = 7
    vol[0:4, 0:4, 0:4] = 0
    assert not vol[0:4, 0:4, 0:4].any()
    assert vol.read(vol.box)[1] == 1
    assert vol[4:, ...].all()
    vol[4:8, 1, 1] = 0
    assert vol.read(vol.box)[1] == 1
    vol[...] = 0
    assert not vol[...].any()
    assert list(vol.place.store.list()) == ["info"]


def test_durable_writes(tmp_path):
    ng.create(tmp_path / "v", shape=(5, 5, 5), dtype="uint8", shard_size=(2, 2, 2), chunk_size=(2, 2, 2))
    vol = ng.open(tmp_path / "v", durable=True)
    vol[1:4, 1:4, 1:4] = 3
    assert vol[...].sum() == 81
