from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from ngprecomp.errors import MetadataError
from ngprecomp.format.box import Box
from ngprecomp.format.scale import Scale, parse_scale, scale_to_json
from ngprecomp.format.sharding import Sharding, sharding_to_json
from tests.strategies import scales

RAW = {"key": "k", "size": [9, 8, 7], "resolution": [4, 4, 40], "chunk_sizes": [[4, 4, 4]], "encoding": "raw"}
LABELS = {**RAW, "encoding": "compressed_segmentation", "compressed_segmentation_block_size": [8, 8, 8]}
SHARDING = sharding_to_json(Sharding(9, "identity", 6, 15))


def problems(document: Any, data_type: str = "uint8", num_channels: int = 1) -> list[str]:
    with pytest.raises(MetadataError) as caught:
        parse_scale(document, data_type, num_channels, "scales[2]")
    assert str(caught.value).startswith("invalid scale: scales[2]")
    return [str(problem) for problem in caught.value.problems]


@given(scales("uint32"))
def test_a_scale_survives_its_document(scale: Scale) -> None:
    assert parse_scale(scale_to_json(scale), "uint32", 1) == scale


def test_a_scale_knows_its_voxels_and_chunks() -> None:
    scale = parse_scale({**RAW, "voxel_offset": [-5, 0, 2**61], "chunk_sizes": [[4, 4, 4], [9, 9, 9]]}, "uint8", 1)
    assert scale.box == Box((-5, 0, 2**61), (4, 8, 2**61 + 7))
    assert scale.chunk_size == (4, 4, 4)
    assert scale.grid.shape == (3, 2, 2)
    assert scale.grid.cell((2, 1, 1)) == Box((3, 4, 2**61 + 4), (4, 8, 2**61 + 7))


def test_the_form_is_tensorstores() -> None:
    document = {
        **RAW,
        "size": [9.0, 8, 7],
        "encoding": "JPEG",
        "sharding": None,
        "hidden": True,
        "foo": [1.0, 2],
    }
    written = scale_to_json(parse_scale(document, "uint8", 3))
    assert repr(sorted(written.items())) == repr(
        [
            ("chunk_sizes", [[4, 4, 4]]),
            ("encoding", "jpeg"),
            ("foo", [1.0, 2]),
            ("hidden", True),
            ("jpeg_quality", 75),
            ("key", "k"),
            ("resolution", [4.0, 4.0, 40.0]),
            ("size", [9, 8, 7]),
            ("voxel_offset", [0, 0, 0]),
        ]
    )


def test_optional_members_are_read_and_written() -> None:
    labels = parse_scale({**LABELS, "sharding": SHARDING}, "uint64", 2)
    assert labels.compressed_segmentation_block_size == (8, 8, 8)
    assert scale_to_json(labels)["sharding"] == SHARDING
    assert parse_scale({**RAW, "encoding": "png"}, "uint16", 4).png_level is None
    assert scale_to_json(parse_scale({**RAW, "encoding": "png", "png_level": 0}, "uint8", 1))["png_level"] == 0
    assert parse_scale({**RAW, "encoding": "jpeg", "jpeg_quality": 100.0}, "uint8", 1).jpeg_quality == 100
    assert parse_scale({**RAW, "encoding": "jxl", "jxl_quality": 90}, "uint8", 1).extra == {"jxl_quality": 90}


@pytest.mark.parametrize(("resolution"), [[0, 1, 1], [-1, 1, 1], ["8", "9.5", "1e3"], [1e300, 1e-300, 10**20]])
def test_every_finite_resolution_is_read(resolution: list[Any]) -> None:
    scale = parse_scale({**RAW, "resolution": resolution}, "uint8", 1)
    assert scale.resolution == tuple(map(float, resolution))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"key": 8}, "key: expected a string, found 8"),
        ({"key": "a\0b"}, "key: expected a path, found a zero byte"),
        ({"size": [9, 8]}, "size: expected 3 integers, found [9, 8]"),
        ({"size": [9, 8, -7]}, "size[2]: expected an integer of at least 0, found -7"),
        ({"size": [9, 8, "7"]}, 'size[2]: expected an integer of at least 0, found "7"'),
        ({"size": [9, 8, 7.5]}, "size[2]: expected an integer of at least 0, found 7.5"),
        ({"size": None}, "size: expected 3 integers, found null"),
        ({"voxel_offset": None}, "voxel_offset: expected 3 integers, found null"),
        ({"voxel_offset": [0, 0.5, 0]}, "voxel_offset[1]: expected an integer of 64 bits, found 0.5"),
        ({"voxel_offset": [2**63, 0, 0]}, f"voxel_offset[0]: expected an integer of 64 bits, found {2**63}"),
        ({"resolution": [1, 2]}, "resolution: expected 3 numbers, found [1, 2]"),
        ({"resolution": [1, 2, "x"]}, 'resolution[2]: expected a finite number, found "x"'),
        ({"resolution": [1, True, "inf"]}, "resolution[1]: expected a finite number, found true"),
        ({"resolution": [1, 2, 10**400]}, "resolution[2]: expected a finite number, found 1000"),
        ({"resolution": [1, 2, float("nan")]}, "resolution[2]: expected a finite number, found NaN"),
        ({"chunk_sizes": []}, "chunk_sizes: expected a list of at least one triple of integers, found []"),
        ({"chunk_sizes": [4, [4, 4, 4]]}, "chunk_sizes[0]: expected 3 integers, found 4"),
        (
            {"chunk_sizes": [[4, 4, 4], [4, 0, 4]]},
            "chunk_sizes[1][1]: expected an integer of at least 1, found 0",
        ),
        (
            {"encoding": "zip"},
            "encoding: expected one of raw, png, jpeg, compressed_segmentation, jxl, compresso",
        ),
        ({"encoding": None}, "encoding: expected a string, found null"),
        (
            {"encoding": "jpeg", "jpeg_quality": 101},
            "jpeg_quality: expected an integer from 0 to 100, found 101",
        ),
        ({"encoding": "png", "png_level": None}, "png_level: expected an integer from 0 to 9, found null"),
        ({"jpeg_quality": 50}, "jpeg_quality: belongs to the encoding jpeg, but the encoding is raw"),
        ({"png_level": 5}, "png_level: belongs to the encoding png, but the encoding is raw"),
        (
            {"compressed_segmentation_block_size": [8, 8, 8]},
            "compressed_segmentation_block_size: belongs to the encoding compressed_segmentation, but the ",
        ),
        ({"sharding": 3}, "sharding: "),
        ({"sharding": {**SHARDING, "hash": "md5"}}, "sharding.hash: "),
        (
            {"sharding": SHARDING, "chunk_sizes": [[4, 4, 4]] * 2},
            "chunk_sizes: a sharded scale has one chunk size, not 2",
        ),
        ({"sharding": SHARDING, "size": [2**40] * 3}, "sharding: "),
    ],
)
def test_a_wrong_member_is_named(members: dict[str, Any], expected: str) -> None:
    assert problems({**RAW, **members})[0].startswith(f"scales[2].{expected}")


@pytest.mark.parametrize("name", [*RAW, "compressed_segmentation_block_size"])
def test_a_missing_member_is_named(name: str) -> None:
    (found,) = problems({key: value for key, value in LABELS.items() if key != name}, "uint32")
    assert found.startswith(f"scales[2].{name}: expected ")
    assert found.endswith(", but it is missing")


def test_all_problems_are_collected() -> None:
    document = {
        "size": [-1, True, 5],
        "chunk_sizes": [[0, 1, "1"], 4],
        "encoding": "jpeg",
        "jpeg_quality": "x",
    }
    assert [found.split(":")[0].removeprefix("scales[2].") for found in problems(document, "uint16", 2)] == [
        "key", "size[0]", "size[1]", "resolution", "chunk_sizes[0][0]", "chunk_sizes[0][2]", "chunk_sizes[1]",
        "jpeg_quality", "encoding", "encoding",
    ]  # fmt: skip


def test_a_scale_is_an_object() -> None:
    assert problems([1, 2]) == ["scales[2]: expected an object, found [1, 2]"]


@pytest.mark.parametrize(
    ("size", "offset", "good"),
    [  # as measured with TensorStore
        (4, 2**62 - 5, True),
        (4, 2**62 - 4, False),
        (4, -(2**62) + 2, True),
        (4, -(2**62) + 1, False),
        (2**62 - 1, 0, True),
        (2**62, 0, False),
        (2**61, -(2**61), True),
    ],
)
def test_coordinates_stay_below_2_to_the_62(size: int, offset: int, good: bool) -> None:
    document = {**RAW, "size": [size, 0, 0], "voxel_offset": [offset, 0, 0]}
    if good:
        assert parse_scale(document, "uint8", 1).box.lo[0] == offset
    else:
        assert "2**62" in problems(document)[0]


def test_a_chunk_above_the_limit_is_refused() -> None:
    document = {**RAW, "size": [512, 512, 512], "chunk_sizes": [[512, 512, 512]]}
    taken = 512**3 * 16
    assert problems(document, "uint64", 2) == [
        f"scales[2].chunk_sizes[0]: a chunk of (512, 512, 512) takes {taken} bytes, above the limit of {2**30} "
        "(max_chunk_bytes)"
    ]
    assert parse_scale(document, "uint64", 2, max_chunk_bytes=None).chunk_size[2] == 512
    assert parse_scale(document, "uint64", 2, max_chunk_bytes=taken).chunk_size[2] == 512


def test_a_chunk_that_the_volume_cuts_takes_what_is_left_unless_it_is_absurd() -> None:
    document = {**RAW, "size": [10, 65, 1], "chunk_sizes": [[2000, 2000, 2000]]}
    assert parse_scale(document, "uint64", 2).chunk_size == (2000, 2000, 2000)
    for side in (2**31, 2**62):
        absurd = {**document, "chunk_sizes": [[512, 512, side]]}
        assert "above the limit" in problems(absurd)[0]


def test_blocks_that_pad_a_chunk_above_the_limit_are_refused() -> None:
    huge = {**LABELS, "compressed_segmentation_block_size": [2**16, 2**16, 2**16]}
    assert problems(huge, "uint32") == [
        "scales[2].compressed_segmentation_block_size: "
        "whole blocks over a chunk take 1125899906842624 bytes, above the limit of 1073741824 (max_chunk_bytes)"
    ]
    larger = {**LABELS, "compressed_segmentation_block_size": [1, 1, 2**16 + 1]}
    assert problems(larger, "uint32")[0].endswith("expected an integer from 1 to 65536, found 65537")
    zero = {**LABELS, "compressed_segmentation_block_size": [8, 0, 8]}
    assert "compressed_segmentation_block_size[1]" in problems(zero, "uint32")[0]
