import re

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import OptionError, SourceError
from ngprecomp.format.encodings import DATA_TYPES
from ngprecomp.pipeline.conversion.choices import Wishes, choose, in_type
from ngprecomp.pipeline.conversion.sampling import sample_boxes, spread_boxes
from ngprecomp.sources.opening import open_source
from tests.pipeline.choosing import Named, chosen, converted, note

SHAPE = (40, 36, 20)
RNG = np.random.default_rng(11)


def blobs(dtype, values=6, side=5, shape=SHAPE):
    """Cells of equal values, `side` voxels wide; the value 0 is among them."""
    found = RNG.integers(0, values, [-(-n // side) for n in shape])
    for axis in range(3):
        found = np.repeat(found, side, axis)
    return found[tuple(slice(n) for n in shape)].astype(dtype)


def picture(dtype, spread=30.0, shape=SHAPE):
    return (RNG.normal(1000, spread, shape)).clip(0, 5000).astype(dtype)


def smooth(dtype, shape=SHAPE):
    """A blurred picture of few grey levels, dark at its border."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    return (200 * np.exp(-3 * (x * x + y * y + z * z)) + RNG.normal(0, 2, shape)).clip(0, 255).astype(dtype)


def axons(dtype):
    """Labels one voxel wide that run along z; all else is 0."""
    found = np.zeros(SHAPE, dtype)
    for number in range(1, 60):
        found[tuple(RNG.integers(0, SHAPE[:2]))] = number
    return found


def inset(voxels, side=120):
    """Voxels along one edge of an empty volume, off its diagonal."""
    found = np.zeros((side * 4, side, side), voxels.dtype)
    found[-SHAPE[0] * 5 :, : SHAPE[1]] = np.tile(voxels, (5, 1, side // SHAPE[2]))
    return found


def ids(dtype):
    return blobs(dtype, values=200, side=7)


@pytest.mark.parametrize(
    ("voxels", "name", "kind", "words"),
    [
        # pictures, whatever their type and name
        (picture("uint8", 40), "raw.npy", "image", "if they are labels"),
        (picture("uint16"), "segmentation/raw.npy", "image", "if they are labels"),
        (picture("int16"), "ct.npy", "image", "if they are labels"),
        (picture("uint32"), "counts.npy", "image", "if they are labels"),
        (picture("int32"), "counts.npy", "image", "if they are labels"),
        (picture("int64"), "counts.npy", "image", "if they are labels"),
        (smooth("uint8"), "labelled_cells.tif", "image", "if they are labels"),
        (smooth("uint16"), "annotated.tif", "image", "if they are labels"),
        (picture("float32"), "labels.npy", "image", "float32 voxels"),
        (blobs("float64"), "labels.npy", "image", "float64 voxels in regions .*if they are labels"),
        (picture("int16") - 2000, "labels.npy", "image", "negative values .*if they are labels"),
        (np.stack([blobs("uint8")] * 3, axis=-1), "labels.npy", "image", "3 channels .*if they are labels"),
        # labels
        (blobs("uint8"), "mask.tif", "segmentation", "the name says 'mask' .*if they are grey values"),
        (blobs("uint8", 2) * 255, "mask.tif", "segmentation", "if they are grey values"),
        (blobs("bool", 2), "nuclei_mask.npy", "segmentation", "if they are grey values"),
        (blobs("uint16"), "cremi.h5:volumes/labels/neuron_ids", "segmentation", "the name says 'label'"),
        (ids("uint16"), "labels.tif", "segmentation", "if they are grey values"),
        (blobs("int16"), "Segmentation.tif", "segmentation", "the name says 'Seg'"),
        (axons("uint16"), "labels.tif", "segmentation", "if they are grey values"),
        (inset(blobs("uint16")), "labels.tif", "segmentation", "if they are grey values"),
        (ids("uint32"), "a.npy", "segmentation", "uint32 voxels in regions of equal values .*if they are grey"),
        (ids("int32"), "a.npy", "segmentation", "int32 voxels in regions .*if they are grey values"),
        (ids("int64"), "a.npy", "segmentation", "int64 voxels in regions .*if they are grey values"),
        (ids("uint64") + np.uint64(2**63), "a.npy", "segmentation", "uint64 voxels in regions .*if they are grey"),
        (axons("uint32"), "a.npy", "segmentation", "if they are grey values"),
        (picture("uint64"), "a.npy", "segmentation", r"\d% of them equal .*if they are grey values"),
        (picture("uint32"), "labels.npy", "segmentation", "if they are grey values"),
        # nobody can know: the reason asks
        (blobs("uint8", 2), "a.tif", "image", "uint8 voxels in regions of equal values, as labels are .*if they are"),
        (blobs("bool", 2), "a.npy", "image", "if they are labels"),
        (blobs("uint16"), "a.tif", "image", "as labels are .*if they are labels"),
        (inset(picture("uint16")), "labels.tif", "image", "if they are labels"),
        (np.zeros(SHAPE, "uint8"), "labels.tif", "image", "if they are labels"),
        (np.full(SHAPE, 9, "uint32"), "a.tif", "segmentation", "all equal where sampled .*if they are grey values"),
        (np.zeros(SHAPE, "int32"), "a.tif", "image", "all equal where sampled .*if they are labels"),
        (np.zeros(SHAPE, "int32"), "labels.tif", "segmentation", "all equal where sampled .*if they are grey values"),
        (blobs("int64") - 1, "labels.npy", "image", "negative values .*if they are labels"),
    ],
)
def test_no_wrong_guess_is_silent(voxels, name, kind, words):
    choices = chosen(voxels, name)
    assert choices.type == kind
    why = note(choices, "type image" if kind == "image" else "type segmentation")
    assert re.search(words, why)
    if voxels.dtype.kind != "f" or "regions" in why:
        other = "--type segmentation if they are labels" if kind == "image" else "--type image if they are grey values"
        assert why.endswith(f"({other})")


def test_empty_samples_do_not_decide():
    for voxels, kind in ((picture("uint32"), "image"), (ids("int32"), "segmentation")):
        choices = chosen(inset(voxels))
        assert choices.type == kind
        assert "all equal" not in note(choices, f"type {kind}")


def test_a_type_that_is_asked_for_is_not_questioned():
    assert note(chosen(picture("uint8"), type="segmentation"), "type segm") == "type segmentation: as asked"
    assert note(chosen(ids("uint64"), dtype="float32"), "type image") == "type image: float32 is asked for"
    with pytest.raises(OptionError, match="found 'mask'"):
        chosen(picture("uint8"), type="mask")


@pytest.mark.parametrize(
    ("voxels", "kind", "expected"),
    [
        (picture("uint8"), "image", "uint8"),
        (picture("int8"), "image", "int8"),
        (picture("int16") - 2000, "image", "int16"),
        (picture("int32") - 2000, "image", "int32"),
        (picture("uint64"), "image", "uint64"),
        (picture(">u2"), "image", "uint16"),
        (picture(">f4"), "image", "float32"),
        (picture(">f8").round(), "image", "float32"),
        (picture("float16"), "image", "float32"),
        (picture("bool"), "image", "uint8"),
        (picture("int64") - 2000, "image", "int32"),
        (picture("int64") + 2**31, "image", "uint32"),
        (picture("int64") + 2**40, "image", "uint64"),
        (np.where(blobs("bool"), np.nan, picture("float32").astype("float64")), "image", "float32"),
        (blobs("bool"), "segmentation", "uint32"),
        (blobs("uint8"), "segmentation", "uint32"),
        (blobs("int8"), "segmentation", "uint32"),
        (blobs("uint16"), "segmentation", "uint32"),
        (blobs("int16"), "segmentation", "uint32"),
        (blobs(">i4"), "segmentation", "uint32"),
        (blobs("int64") * 2**40, "segmentation", "uint64"),
        (blobs(">u8") + np.uint64(2**63), "segmentation", "uint64"),
        (blobs("float32"), "segmentation", "uint32"),
        (blobs("float64") * 2**40, "segmentation", "uint64"),
    ],
)
def test_what_the_viewer_lacks_is_converted_without_loss(voxels, kind, expected):
    choices, found = converted(voxels, type=kind)
    assert choices.dtype == found.dtype == expected
    assert choices.dtype.name in DATA_TYPES
    assert found.flags.f_contiguous
    np.testing.assert_array_equal(found[..., 0], voxels)
    own = voxels.dtype.newbyteorder("=").name
    expected_note = "that of the source" if own == expected else f"from {own}, if every value survives"
    assert note(choices, "data type") == f"data type {expected}: {expected_note}"


HUGE = 2**60 + 1


@pytest.mark.parametrize(
    ("voxels", "wishes", "words"),
    [
        (blobs("int64") - 1, {"type": "segmentation"}, "--dtype int32 keeps negative labels"),
        (blobs("int16") - 1, {"type": "segmentation"}, "--dtype int32 keeps negative labels"),
        (blobs("int64") * HUGE - 1, {"type": "segmentation"}, "--type image --dtype float32"),
        (blobs("float32") - 1, {"type": "segmentation"}, "--dtype int32 keeps negative labels"),
        (blobs("float32") / 2, {"type": "segmentation"}, "labels are whole numbers; --type image takes"),
        (blobs("float64") / 3, {"type": "segmentation"}, "--type image --dtype float32"),
        (np.where(blobs("bool"), np.nan, 5.0), {"type": "segmentation"}, "--type image --dtype float32"),
        (np.where(blobs("bool"), np.inf, 5.0), {"type": "segmentation"}, "--type image --dtype float32"),
        (blobs("float32") * 2**24, {"type": "segmentation"}, "labels of 16777216 or more may have been rounded"),
        (blobs("float32") * 2**40, {"type": "segmentation"}, "--dtype uint64"),
        (blobs("float64") * 2**53, {"type": "segmentation"}, "--dtype uint64 takes them as they are"),
        (blobs("float64") * 2.0**70, {"type": "segmentation"}, "--type image --dtype float32"),
        (blobs("uint64") * 2**40, {"type": "segmentation", "dtype": "uint32"}, "--dtype uint64 keeps them"),
        (blobs("int64") - 2, {"type": "segmentation", "dtype": "uint8"}, "--dtype int32 keeps negative"),
        (blobs("uint64"), {"type": "segmentation", "dtype": "float32"}, "--dtype uint32, uint64, or --type image"),
        (picture("float64"), {}, "--dtype float32 rounds them"),
        (picture("float64") * 1e300, {}, "--range LOW,HIGH or --percentile 0.5,99.8 with --dtype float32"),
        (picture("float64") * 1e300, {"dtype": "float32"}, "--range LOW,HIGH or --percentile 0.5,99.8"),
        (picture("int64") * HUGE // 8 - 2, {"type": "image"}, "--dtype float32 rounds them, --range"),
        (picture("uint16") + 300, {"dtype": "uint8"}, "--dtype uint16 keeps them, --range"),
        (picture("int16") - 5000, {"dtype": "uint8"}, "--dtype int16 keeps them, --range"),
        (picture("float32"), {"dtype": "uint8"}, "--dtype float32 rounds them, --range .* with --dtype uint8"),
        (picture("float32").round() + 300, {"dtype": "int8"}, "--dtype uint16 keeps them, --range"),
        (
            np.where(blobs("bool"), np.nan, picture("float64")),
            {"dtype": "uint8"},
            "--dtype float32 rounds them, --range",
        ),
        (picture("uint64") + 2**63, {"type": "image", "dtype": "int32"}, "--dtype uint64 keeps them, --range"),
        (picture("float32"), {"dtype": "uint64", "type": "image"}, "--range .* with --dtype uint8"),
        (picture("longdouble"), {}, "--type image --dtype float32 rounds it"),
        (blobs("longdouble"), {"type": "segmentation"}, "--type image --dtype float32 rounds it"),
    ],
)
def test_every_refusal_names_options_that_work(voxels, wishes, words):
    with pytest.raises((SourceError, OptionError), match=words) as error:
        chosen(voxels, **wishes)
    advice = list(advised(str(error.value)))
    assert advice
    for options in advice:
        choices, found = converted(voxels, **{**wishes, **options})
        if choices.contrast is None and choices.dtype.kind != "f":
            np.testing.assert_array_equal(found[..., 0], voxels)


def advised(sentence):
    """Yield the options that a refusal names, each alternative by itself."""
    kind = re.search(r"--type (\w+)", sentence)
    for words in re.findall(r"--dtype ([\w, ]*?) (?:keeps|rounds|takes|scales)|--dtype (uint32), (uint64)", sentence):
        for name in filter(None, words):
            if f"with --dtype {name}" in sentence:
                yield {"dtype": name, "range": (0, 1000)}
                yield {"dtype": name, "percentile": (0.5, 99.8)}
            else:
                yield {"dtype": name} | ({"type": kind[1]} if kind and "or --type" not in sentence else {})
    if kind and (f"--type {kind[1]} takes" in sentence or f"or --type {kind[1]}" in sentence):
        yield {"type": kind[1]}


def test_a_value_that_no_sample_held_is_refused_where_it_lies():
    voxels = np.zeros((500, 40, 8))
    voxels[300:, 0, 0] = 0.1
    source = Named(voxels)
    choices = choose(source, Wishes(), sample_boxes(source, (8, 8, 8)))
    with pytest.raises(
        SourceError, match=r"^here holds float64 values from 0.0 to 0.1 .*; --dtype float32 rounds them"
    ):
        in_type(voxels[..., None], choices, "here")


def test_float32_that_is_asked_for_rounds():
    for voxels in (picture("float64"), picture("int64") * HUGE // 8, picture("longdouble"), blobs("uint64") + 2**63):
        choices, found = converted(voxels, type="image", dtype="float32")
        assert choices.rounding
        np.testing.assert_array_equal(found[..., 0], voxels.astype("float32"))


@settings(max_examples=50, deadline=None)
@given(
    st.data(),
    st.sampled_from(["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]),
    st.sampled_from(DATA_TYPES),
    st.sampled_from(["image", "segmentation"]),
)
def test_no_value_changes_unasked(data, source, target, kind):
    dtype = np.dtype(source)
    limits = None if dtype.kind == "f" else np.iinfo(dtype)
    edges = [0, 1, 127, 255, 2**15, 2**16, 2**24, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1]
    numbers = [
        number for edge in edges for number in (edge, -edge) if limits is None or limits.min <= number <= limits.max
    ]
    drawn = st.lists(st.sampled_from(numbers), min_size=1, max_size=4)
    voxels = np.array(data.draw(drawn), object).astype(dtype).reshape(-1, 1, 1)
    if kind == "segmentation" and target == "float32":
        return
    try:
        choices, found = converted(voxels, type=kind, dtype=target)
    except SourceError:
        same = all(fits(value, np.dtype(target)) for value in voxels.ravel().tolist())
        assert not same
        return
    assert choices.dtype == found.dtype == target
    if target != "float32":  # which rounds because it was asked for
        assert [int(value) for value in found.ravel().tolist()] == [int(value) for value in voxels.ravel().tolist()]


def fits(value, dtype):
    if dtype.kind == "f":
        return True
    return np.iinfo(dtype).min <= value <= np.iinfo(dtype).max


@pytest.mark.parametrize(
    ("wish", "expected", "words"),
    [
        (None, (1, 1, 1), "neither given"),
        (8, (8, 8, 8), "voxel size 8,8,8 nm: as asked"),
        ((4, 4, 40), (4, 4, 40), "voxel size 4,4,40 nm: as asked"),
        (("4nm", "4nm", "0.04um"), (4, 4, 40), "as asked"),
        ("8nm,8nm,0.04um", (8, 8, 40), "as asked"),
        ("4,4,40nm", (4, 4, 40), "as asked"),
        ((0.5, 0.5, "2 um"), (500, 500, 2000), "as asked"),
        ("0.65um", (650, 650, 650), "as asked"),
        (np.array([4.5, 4.5, 45]), (4.5, 4.5, 45), "as asked"),
    ],
)
def test_voxel_sizes(wish, expected, words):
    choices = chosen(picture("uint8"), resolution=wish)
    assert choices.resolution == expected
    assert words in note(choices, "voxel size")


@pytest.mark.parametrize(
    "wish", [0, (4, 4), "4,4", (4, 4, -1), "4nm,4,40", "4,4nm,40nm", "4,4,40pixel", "", (4, 4, None), "4,4,1e999", None]
)
def test_no_voxel_sizes(wish):
    if wish is None:
        assert chosen(picture("uint8"), told={"resolution": (4.0, 4.0, 40.0)}).resolution == (4, 4, 40)
        return
    with pytest.raises(OptionError, match="resolution has three positive numbers, x, y, z in nm"):
        chosen(picture("uint8"), resolution=wish)


@pytest.mark.parametrize(
    ("wish", "expected", "words"),
    [
        ((20, -5, 7), (20, -5, 7), "voxel offset 20,-5,7: as asked"),
        ("20,-5,7", (20, -5, 7), "voxel offset 20,-5,7: as asked"),
        ("80nm,80nm,400nm", (20, 20, 10), "voxel offset 20,20,10: 80,80,400 nm, as asked"),
        ("80,-80,400nm", (20, -20, 10), "80,-80,400 nm, as asked"),
        (("0.08um", "80nm", "0.4um"), (20, 20, 10), "80,80,400 nm, as asked"),
        (
            "81nm,-42nm,419nm",
            (20, -10, 10),
            "81,-42,419 nm, as asked, is no multiple of the voxel and was rounded to the nearest one, which moves it "
            "by -1,2,-19 nm",
        ),
    ],
)
def test_voxel_offsets(wish, expected, words):
    choices = chosen(picture("uint8"), told={"resolution": (4.0, 4.0, 40.0)}, voxel_offset=wish)
    assert choices.voxel_offset == expected
    assert note(choices, "voxel offset").endswith(words)


@pytest.mark.parametrize("wish", [(1, 2), (0.5, 0, 0), "a,b,c", "80nm,80,400", (1, 2, None)])
def test_no_voxel_offsets(wish):
    with pytest.raises(OptionError, match="found"):
        chosen(picture("uint8"), voxel_offset=wish)


def test_the_offset_of_the_source_is_taken():
    assert chosen(picture("uint8"), told={"voxel_offset": (1, -2, 3)}).voxel_offset == (1, -2, 3)
    assert chosen(picture("uint8")).voxel_offset == (0, 0, 0)


def test_one_box_is_sampled_in_every_layer():
    boxes = list(spread_boxes((100, 90, 80), (30, 30, 5), 8))
    assert [(box.lo[2] + box.hi[2]) // 2 // 10 for box in boxes] == list(range(8))
    assert all(box.size == (30, 30, 5) for box in boxes)


def test_a_large_page_is_sampled_one_page_deep(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", data=np.zeros((20, 300, 300), "uint8"), chunks=(1, 300, 300))
    source = open_source(tmp_path / "a.h5")
    assert {sample.shape for sample in sample_boxes(source, (16, 16, 16))} == {(16, 16, 1, 1)}


def test_a_new_volume_takes_units():
    volume = ng.create("memory://units/create", shape=(8, 8, 8), dtype="uint8", resolution=("4nm", "4nm", "0.04um"))
    assert volume.resolution == (4, 4, 40)
    assert volume.key == "4_4_40"
