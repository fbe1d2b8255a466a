"""396 outcomes of TensorStore, of opening and creating volumes, must be ours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ngprecomp.errors import ConstraintError
from ngprecomp.format.creation import opened_or_created
from ngprecomp.format.description import chunk_size_of, schema_of, spec_of
from ngprecomp.format.info import Info, info_to_bytes, info_to_json, parse_info
from ngprecomp.format.open_mode import open_mode
from ngprecomp.format.schema import Schema
from ngprecomp.format.spec import Spec, parse_spec

if TYPE_CHECKING:
    from ngprecomp.format.scale import Scale

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tensorstore_cases.json").read_text())
CASES = {case["name"]: case for case in GOLDEN["cases"]}

# The release whose document we follow answers in these groups; png and newer members exist in the newer one only.
DOCUMENT_GROUPS = ("seed", "choose_read", "chunk_size")

# Cases that TensorStore answers otherwise: what it refuses and we take, and why.
TAKEN = {
    "wr_shape_[512, 512, 512, 0]": "a shard that the end of the volume cuts: TensorStore refuses the shape it reports",
    "wr_shape_[2048, 0, 0, 0]": "a shard that the end of the volume cuts: TensorStore refuses the shape it reports",
    "info_encoding_upper": "the encoding RAW is read as raw, as Neuroglancer reads it",
    "info_encoding_jxl": "jxl is read",
}

# Words of TensorStore for members, where they are not their names.
SYNONYMS = {
    "Cannot create scale": "scale_index",
    "data type is not one of": "dtype",
    "No TensorStore data type": "dtype",
    "write chunk shape constraint": "write_chunk",
    "Error setting read_chunk shape: Invalid value": "chunk_size",
    'do not match "resolution"': "dimension_units",
    "Invalid dimension units": "dimension_units",
}
MEMBERS = re.compile(
    "(?<![a-z_])(driver|key|type|data_type|num_channels|size|voxel_offset|resolution|chunk_sizes?|encoding|jpeg_quality|"
    "png_level|compressed_segmentation_block_size|sharding|[a-z]+_bits|minishard_index_encoding|data_encoding|@type|"
    "shard_data_encoding|scale_index|scale_metadata|multiscale_metadata|schema|dtype|rank|domain|codec|fill_value|"
    "dimension_units|grid_origin|inner_order|[a-z]+_chunk|delete_existing|scales|foo|hidden|bogus|mesh|bar)(?![a-z_])"
)


def expected(case: dict[str, Any]) -> dict[str, Any]:
    """Return what TensorStore answered, the release that decides."""
    older = case["group"] in DOCUMENT_GROUPS and "expect_0_1_40" in case
    answer: dict[str, Any] = case["expect_0_1_40" if older else "expect"]
    return answer


def answer(case: dict[str, Any]) -> tuple[Spec, Info, int, Scale]:
    """Return our answer: the request, the volume afterwards, and the scale that is open."""
    document = {"driver": "neuroglancer_precomputed", "kvstore": {"driver": "memory", "path": "v/"}, **case["spec"]}
    spec = parse_spec(document).asking(scale=None, mode=open_mode(**case["mode"]), schema=Schema(**case["kwargs"]))
    existing = None if case["existing_info"] is None else parse_info(case["existing_info"])
    info, index = opened_or_created(spec, existing)
    return spec, info, index, info.scale(index)


def selected(*, ok: bool) -> list[str]:
    return [name for name, case in CASES.items() if expected(case)["ok"] is ok and name not in TAKEN]


def test_all_cases_are_there() -> None:
    assert len(CASES) == 396
    assert len(selected(ok=True)) + len(selected(ok=False)) == 396 - len(TAKEN)


def test_the_document_names_what_we_answer_otherwise() -> None:
    document = (Path(__file__).parents[2] / "docs" / "spec.md").read_text()
    for name in TAKEN:
        assert f"`{name}`" in document


@pytest.mark.parametrize("name", selected(ok=True))
def test_what_is_opened_or_created(name: str) -> None:
    wanted = expected(CASES[name])
    spec, info, index, scale = answer(CASES[name])
    schema = schema_of(info, scale, chunk_size_of(scale, spec))
    assert schema.to_json() == wanted["schema"]
    assert Schema(wanted["schema"]) == schema
    assert spec_of(spec, info, index, scale) == wanted["spec"]
    if CASES[name]["mode"].get("create") and "opens" not in name:  # info was written, or rewritten
        assert info_to_json(info) == wanted["metadata"]
        assert info_to_bytes(info).decode() == wanted["metadata_text"]


@pytest.mark.parametrize("name", selected(ok=True))
def test_what_is_reported_opens_again(name: str) -> None:
    spec, info, index, scale = answer(CASES[name])
    for minimal in (False, True):
        again = parse_spec(spec_of(spec, info, index, scale, minimal=minimal))
        if not again.mode.assumes:
            assert opened_or_created(again, info) == (info, index)
    schema = schema_of(info, scale, chunk_size_of(scale, spec))
    by_schema = Spec(spec.url, scale_index=index).asking(scale=None, mode=None, schema=schema)
    assert opened_or_created(by_schema, info) == (info, index)


@pytest.mark.parametrize("name", selected(ok=False))
def test_what_is_refused(name: str) -> None:
    text = expected(CASES[name])["error"].replace('Error opening "neuroglancer_precomputed" driver', "")
    with pytest.raises(ValueError, match=r"\S") as caught:
        answer(CASES[name])
    named = {member for words, member in SYNONYMS.items() if words in text} | set(MEMBERS.findall(text))
    assert not named or named & set(MEMBERS.findall(str(caught.value))), f"{caught.value} names none of {named}"


@pytest.mark.parametrize("name", TAKEN)
def test_what_we_take_more(name: str) -> None:
    assert not expected(CASES[name])["ok"]
    answer(CASES[name])


def test_a_scale_with_several_chunk_sizes() -> None:
    scale = {"key": "k", "size": [100] * 3, "resolution": [8] * 3, "encoding": "raw"}
    info = parse_info(
        {
            "type": "image",
            "data_type": "uint8",
            "num_channels": 1,
            "scales": [{**scale, "chunk_sizes": [[64, 64, 1], [1, 64, 64]]}],
        }
    )
    document = {
        "driver": "neuroglancer_precomputed",
        "kvstore": "memory://",
        "scale_metadata": {"chunk_size": [1, 64, 64]},
    }
    spec = parse_spec(document)
    _, index = opened_or_created(spec, info)
    assert chunk_size_of(info.scale(index), spec) == (1, 64, 64)
    again = parse_spec(spec_of(spec, info, index, info.scale(index)))
    assert again.scale.chunk_size == (1, 64, 64)
    with pytest.raises(
        ConstraintError, match=r'expected "chunk_size" of \[2, 64, 64\], found \[\[64, 64, 1\], \[1, 64, 64\]\]'
    ):
        opened_or_created(parse_spec({**document, "scale_metadata": {"chunk_size": [2, 64, 64]}}), info)


def test_what_is_assumed_is_not_read() -> None:
    members = {
        "scale_index": 3,
        "dtype": "uint8",
        "assume_metadata": True,
        "schema": {"domain": {"shape": [4, 4, 4, 1]}},
    }
    spec = parse_spec({"driver": "neuroglancer_precomputed", "kvstore": "memory://", **members})
    info, index = opened_or_created(spec, None)
    assert (len(info.scales), index) == (1, 0)
    assert spec_of(spec, info, index, info.scale(index))["scale_index"] == 3
