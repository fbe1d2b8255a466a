from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from ngprecomp.errors import MetadataError, NotFoundError, OptionError
from ngprecomp.format.info import (
    Info,
    find_scale,
    info_to_bytes,
    info_to_json,
    match_scale,
    parse_info,
    with_scale,
)
from ngprecomp.format.json_text import MAX_DEPTH
from ngprecomp.format.problems import info_problems, viewer_problems
from tests.strategies import infos

TENSORSTORE_TEXTS = json.loads((Path(__file__).parent / "info_texts.json").read_text(encoding="utf-8"))

SCALE = {
    "key": "k",
    "size": [9, 8, 7],
    "resolution": [4, 4, 40],
    "chunk_sizes": [[4, 4, 4]],
    "encoding": "raw",
}
DOCUMENT = {"type": "image", "data_type": "uint8", "num_channels": 1, "scales": [SCALE]}


def document(**members: Any) -> dict[str, Any]:
    return {**DOCUMENT, **members}


def problems(source: Any) -> list[str]:
    with pytest.raises(MetadataError) as caught:
        parse_info(source)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("case", TENSORSTORE_TEXTS, ids=lambda case: case["name"])
def test_what_tensorstore_wrote_is_written_byte_for_byte(case: dict[str, Any]) -> None:
    assert info_to_bytes(parse_info(case["text"])).decode() == case["text"]


@pytest.mark.parametrize(
    "case", [case for case in TENSORSTORE_TEXTS if "before" in case], ids=lambda case: case["name"]
)
def test_adding_a_scale_rewrites_the_others_as_tensorstore_does(case: dict[str, Any]) -> None:
    after = parse_info(case["text"])
    added = after.scale(len(after.scales) - 1)
    assert info_to_bytes(with_scale(parse_info(case["before"]), added)).decode() == case["text"]


@given(infos())
def test_a_volume_survives_its_file(info: Info) -> None:
    read = parse_info(info_to_bytes(info))
    assert [read.scale(i) for i in range(len(read.scales))] == [info.scale(i) for i in range(len(info.scales))]
    assert read.extra == info.extra
    assert info_to_bytes(read) == info_to_bytes(info)
    assert pickle.loads(pickle.dumps(read)) == read


def test_a_scale_that_does_not_parse_is_kept_verbatim_and_harms_no_other() -> None:
    foreign = {**SCALE, "key": "c", "encoding": "crackle", "resolution": [8, 8, 40], "odd": [1.0, 2]}
    info = parse_info(document(scales=[foreign, SCALE]))
    assert info.scale(1).size == (9, 8, 7)
    assert info_to_json(info)["scales"][0] == foreign
    assert b'"resolution":[8,8,40]' in info_to_bytes(info)
    with pytest.raises(MetadataError, match=r"scales\[0\].encoding: .*'crackle', which only CloudVolume decodes"):
        info.scale(0)


def test_the_written_document_shares_nothing_with_the_value() -> None:
    info = parse_info(document(mesh={"a": [1]}))
    info_to_json(info)["mesh"]["a"].append(2)
    info_to_json(info)["scales"][0]["size"].append(2)
    assert info == parse_info(document(mesh={"a": [1]}))


def test_a_parsed_object_is_copied() -> None:
    source = document(mesh=["a"])
    info = parse_info(source)
    source["mesh"].append("b")
    assert info.extra == {"mesh": ["a"]}


def test_data_types_and_known_types_are_read_in_any_case() -> None:
    info = parse_info(document(type="SEGmentation", data_type="UInt64", num_channels=1.0))
    assert (info.type, info.data_type, info.num_channels) == ("segmentation", "uint64", 1)
    assert type(info.num_channels) is int
    assert info.dtype == np.uint64
    assert parse_info(document(type="Heightmap")).type == "Heightmap"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty"),
        (b" \n", "empty"),
        ('{"type": "image",\n "scales"', "not JSON: Expecting ':' delimiter at line 2, column 10"),
        ("/* c */ {}", "not JSON: Expecting value at line 1, column 1"),
        ('{"a": 1,}', "not JSON: "),
        ("[]", "expected an object, found []"),
        ("null", "expected an object, found null"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8 text"),
        (b"\xff\xfe{\x00}\x00", "byte 0 is not UTF-8 text"),
        ('{"a": NaN}', "not JSON: NaN is not a JSON number"),
        ('{"a": [-Infinity]}', "not JSON: -Infinity is not a JSON number"),
        ('{"a": 1e999}', "not JSON: 1e999 is too large for a number"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON: "),
        (r'{"a": "\ud800"}', r"'\ud800' is half a character (a lone surrogate)"),
        ("[" * 400_000, f"nested deeper than {MAX_DEPTH} levels"),
        ('{"a":' * 500 + "1" + "}" * 500, f"nested deeper than {MAX_DEPTH} levels"),
        ({"a": {1, 2}}, "JSON cannot express it: "),
        ({"a": float("nan")}, "JSON cannot express it: "),
    ],
)
def test_what_is_no_document_is_refused(text: Any, expected: str) -> None:
    (found,) = problems(text)
    assert found.startswith(expected)


def test_nesting_up_to_the_limit_is_read() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    assert parse_info(document(deep=deep)).extra == {"deep": deep}
    (found,) = problems(document(deep=[deep]))
    assert found.startswith("nested deeper")


def test_a_byte_order_mark_is_skipped() -> None:
    text = json.dumps(DOCUMENT)
    assert parse_info("\ufeff" + text) == parse_info(b"\xef\xbb\xbf" + text.encode()) == parse_info(DOCUMENT)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"@type": "neuroglancer_skeletons"}, '@type: expected "neuroglancer_multiscale_volume"'),
        ({"@type": None}, "@type: expected a string, found null"),
        ({"type": 3}, "type: expected a string, found 3"),
        ({"data_type": "float64"}, "data_type: expected one of uint8, "),
        ({"data_type": None}, "data_type: expected one of uint8, "),
        ({"num_channels": 0}, "num_channels: expected an integer from 1 to 2147483647, found 0"),
        ({"num_channels": 2**40}, "num_channels: expected an integer from 1 to 2147483647"),
        ({"num_channels": "1"}, 'num_channels: expected an integer from 1 to 2147483647, found "1"'),
        ({"num_channels": True}, "num_channels: expected an integer from 1 to 2147483647, found true"),
        ({"num_channels": 1.5}, "num_channels: expected an integer from 1 to 2147483647, found 1.5"),
        ({"scales": {}}, "scales: expected a list of objects, found {}"),
        ({"scales": [SCALE, 7]}, "scales[1]: expected an object, found 7"),
    ],
)
def test_a_wrong_member_is_named(members: dict[str, Any], expected: str) -> None:
    (found,) = problems(document(**members))
    assert found.startswith(expected)


def test_all_problems_are_collected() -> None:
    assert [found.split(":")[0] for found in problems({"scales": ["a", {}, "b"], "@type": "x"})] == [
        "@type", "type", "data_type", "num_channels", "scales[0]", "scales[2]",
    ]  # fmt: skip


def test_scales_are_found_by_index_key_and_resolution() -> None:
    coarse = {**SCALE, "key": "q", "resolution": ["8", 8, 40.0]}
    info = parse_info(document(scales=[{**SCALE, "resolution": None}, SCALE, coarse, coarse]))
    assert [find_scale(info, selector) for selector in (0, np.int64(3), "k", "q")] == [0, 3, 0, 2]
    assert [find_scale(info, at) for at in ((4, 4, 40), [8.0, 8, 40], np.array([8, 8, 40]))] == [1, 2, 2]
    assert match_scale(info) == 0
    assert match_scale(info, key="k", resolution=(4, None, None)) == 1
    assert match_scale(info, resolution=(None, None, 40)) == 1


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        (-1, 'scale -1 does not exist: the volume has 1 scale: "k"'),
        (1, 'scale 1 does not exist: the volume has 1 scale: "k"'),
        ("q", "no scale has key 'q': the volume has 1 scale: \"k\""),
        ((8, 8, 40.5), 'no scale has resolution 8,8,40.5: the volume has 1 scale: "k"'),
    ],
)
def test_a_scale_that_does_not_exist_is_said_with_those_that_do(selector: Any, message: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        find_scale(parse_info(DOCUMENT), selector)
    assert str(caught.value) == message


@pytest.mark.parametrize("selector", [True, None, 1.0, (1, 2), [[1, 2, 3]], object()])
def test_other_selectors_are_refused(selector: Any) -> None:
    with pytest.raises(OptionError, match="a scale is an index, a key or 3 numbers"):
        find_scale(parse_info(DOCUMENT), selector)


def test_a_volume_without_scales_reads_but_has_nothing_to_open() -> None:
    info = parse_info(document(scales=[]))
    with pytest.raises(NotFoundError, match=r"^the volume has no scales$"):
        match_scale(info)
    with pytest.raises(NotFoundError, match="scale 0 does not exist: the volume has no scales"):
        info.scale(0)
    assert [str(problem) for problem in info_problems(info)] == ["scales: expected at least one scale, found none"]


def test_a_scale_that_does_not_fit_is_not_added() -> None:
    labels = parse_info(document(data_type="uint64", type="segmentation"))
    jpeg = parse_info({**DOCUMENT, "scales": [{**SCALE, "encoding": "jpeg"}]}).scale(0)
    with pytest.raises(MetadataError, match="encoding: jpeg takes uint8, not uint64"):
        with_scale(labels, jpeg)
    assert len(with_scale(parse_info(DOCUMENT), jpeg).scales) == 2


def test_a_report_lists_the_problems_of_all_scales() -> None:
    info = parse_info(
        document(
            type="heightmap",
            scales=[
                {**SCALE, "size": [0, 8, 7], "resolution": [0, 4, 40], "sharding": None, "hidden": "yes"},
                {**SCALE, "size": [-1, "8", 7], "chunk_sizes": [[4, 4, 0]]},
                {**SCALE, "key": "q", "resolution": ["4", "4", "40"]},
            ],
        )
    )
    assert [problem.where for problem in info_problems(info)] == [
        "scales[1].size[0]", "scales[1].size[1]", "scales[1].chunk_sizes[0][2]",
        "type", "scales[0].size", "scales[0].resolution", "scales[0].sharding", "scales[0].hidden",
        "scales[1].key", "scales[2].resolution",
    ]  # fmt: skip
    assert info_problems(parse_info(DOCUMENT)) == []
    assert viewer_problems(parse_info(document(type="segmentation", num_channels=2)))
