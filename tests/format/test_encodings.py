from __future__ import annotations

import itertools

import pytest

from ngprecomp.format.encodings import (
    DATA_TYPES,
    ENCODINGS,
    FOREIGN,
    WRITABLE,
    default_type,
    encoding_problems,
)

# What TensorStore creates (its refusals for each of these combinations were recorded).
TENSORSTORE = {
    "raw": (set(DATA_TYPES), {1, 2, 3, 4, 5}),
    "png": ({"uint8", "uint16"}, {1, 2, 3, 4}),
    "jpeg": ({"uint8"}, {1, 3}),
    "compressed_segmentation": ({"uint32", "uint64"}, {1, 2, 3, 4, 5}),
}


@pytest.mark.parametrize("encoding", TENSORSTORE)
def test_data_types_and_channels_are_those_of_tensorstore(encoding: str) -> None:
    data_types, channels = TENSORSTORE[encoding]
    for data_type, count in itertools.product(DATA_TYPES, range(1, 6)):
        good = data_type in data_types and count in channels
        assert (encoding_problems(encoding, data_type, count, writing=True) == []) == good


def test_what_we_write_is_what_tensorstore_writes() -> None:
    assert set(WRITABLE) == set(TENSORSTORE)


@pytest.mark.parametrize("encoding", set(ENCODINGS) - set(WRITABLE))
def test_other_viewer_encodings_are_read_only(encoding: str) -> None:
    assert encoding_problems(encoding, "uint8", 1) == []
    (problem,) = encoding_problems(encoding, "uint8", 1, "encoding", writing=True)
    assert str(problem).startswith(f"encoding: {encoding} can be read, not written; write one of raw, ")


@pytest.mark.parametrize("encoding", [*FOREIGN, "zip", "", "RAW"])
def test_unknown_encodings_are_refused_with_the_known_ones(encoding: str) -> None:
    (problem,) = encoding_problems(encoding, "uint8", 1)
    assert problem.message.startswith("expected one of raw, png, jpeg, compressed_segmentation, jxl, compresso, found ")
    assert problem.message.endswith("which only CloudVolume decodes") == (encoding in FOREIGN)


def test_both_the_data_type_and_the_channels_are_named() -> None:
    assert [str(problem) for problem in encoding_problems("compresso", "float32", 2, "e")] == [
        "e: compresso takes uint8, uint16, uint32 or uint64, not float32",
        "e: compresso takes 1 channel, not 2",
    ]


def test_labels_are_what_viewers_cannot_show_as_an_image() -> None:
    assert {name for name in DATA_TYPES if default_type(name) == "segmentation"} == {"uint32", "uint64"}
