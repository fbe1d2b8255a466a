from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngprecomp.errors import FormatError
from ngprecomp.format.names import (
    chunk_name,
    default_key,
    escapes,
    join,
    key_problem,
    parse_chunk_name,
    parse_shard_name,
    resolve_key,
    shard_name,
)
from tests.strategies import boxes

if TYPE_CHECKING:
    from ngprecomp.format.box import Box


@given(boxes())
def test_chunk_names_are_read_back(box: Box) -> None:
    assert parse_chunk_name(chunk_name(box)) == box


@pytest.mark.parametrize(
    "name",
    ["", "info", "0-4_0-4", "0-4_0-4_0-4_0-4", "0-4_0-4_0-04", "-0-4_0-4_0-4", "+0-4_0-4_0-4",
     "0-4_0-4_0-4.gz", "0-4_0-4_0-4\n", " 0-4_0-4_0-4", "0-4_0-4_0-\u0664", "0--_0-4_0-4", "a/0-4_0-4_0-4"],
)  # fmt: skip
def test_other_names_are_no_chunks(name: str) -> None:
    assert parse_chunk_name(name) is None


@pytest.mark.parametrize(
    ("number", "shard_bits", "name"),
    [(0, 0, "0.shard"), (1, 1, "1.shard"), (10, 4, "a.shard"), (10, 5, "0a.shard"),
     (0x7FFF, 15, "7fff.shard"), (2**63, 64, "8000000000000000.shard")],
)  # fmt: skip
def test_shard_names(number: int, shard_bits: int, name: str) -> None:
    assert shard_name(number, shard_bits) == name
    assert parse_shard_name(name, shard_bits) == number


@given(st.data())
def test_shard_names_are_read_back(data: st.DataObject) -> None:
    bits = data.draw(st.integers(0, 64))
    number = data.draw(st.integers(0, 2**bits - 1))
    assert parse_shard_name(shard_name(number, bits), bits) == number


@pytest.mark.parametrize("name", ["", "a.shard", "00a.shard", "0A.shard", "20.shard", "0a", "0a.index", "0a.shard.gz"])
def test_other_names_are_no_shards_of_5_bits(name: str) -> None:
    assert parse_shard_name(name, 5) is None


@pytest.mark.parametrize(
    ("resolution", "key"),
    [  # as TensorStore names them
        ((8, 8, 40.0), "8_8_40"),
        ((2.25, 0.1, 1 / 3), "2.25_0.1_0.333333"),
        ((100000, 1000000, 123456789), "100000_1e+06_1.23457e+08"),
        ((1e-7, 3.0517578125, 999999.5), "1e-07_3.05176_1e+06"),
        ((-1, 0, 1e21), "-1_0_1e+21"),
    ],
)
def test_default_keys(resolution: tuple[float, ...], key: str) -> None:
    assert default_key(resolution) == key


@pytest.mark.parametrize(
    ("prefix", "key", "path"),
    [  # TensorStore's paths, with "." and "//" taken out
        ("v/", "8_8_8", "v/8_8_8"),
        ("v", "8_8_8", "v/8_8_8"),
        ("", "8_8_8", "8_8_8"),
        ("v/", "../other", "other"),
        ("v/", "..", ""),
        ("v/", "./x", "v/x"),
        ("v/", "x/", "v/x"),
        ("v/", "a//b", "v/a/b"),
        ("v/", "a/../b", "v/b"),
        ("v/", "a//../b", "v/a/b"),
        ("v/", "a/./../b", "v/a/b"),
        ("a/b/v/", "../../w/x", "a/w/x"),
        ("v/", "../v/x", "v/x"),
        ("v/", "%2e%2e/x", "v/%2e%2e/x"),
        ("v/", "...", "v/..."),
        ("v/", "é", "v/é"),
    ],
)
def test_keys_are_resolved_as_tensorstore_does(prefix: str, key: str, path: str) -> None:
    assert resolve_key(prefix, key) == path


@pytest.mark.parametrize(
    ("prefix", "key"),
    [("v/", "../../x"), ("", ".."), ("", "../x"), ("v", "a/../../../x"), ("v/", ""), ("v/", "/abs"),
     ("", "/"), ("v/", "a\0b")],
)  # fmt: skip
def test_keys_that_lead_nowhere_are_refused(prefix: str, key: str) -> None:
    with pytest.raises(FormatError, match="of a scale"):
        resolve_key(prefix, key)


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b"]), min_size=1, max_size=6).map("/".join))
def test_a_key_that_does_not_escape_stays_under_its_volume(key: str) -> None:
    if key_problem(key) is None and not escapes(key):
        path = resolve_key("deep/volume", key)
        assert path == "deep/volume" or path.startswith("deep/volume/")
        assert not {"", ".", ".."} & set(path.split("/"))


@pytest.mark.parametrize("key", ["..", "../x", "a/../..", "../volume/x", "/abs"])
def test_keys_that_escape(key: str) -> None:
    assert escapes(key)


def test_names_at_the_root_of_a_store_have_no_slash_before_them() -> None:
    assert join("", "0.shard") == "0.shard"
    assert join("v/8_8_8", "0.shard") == "v/8_8_8/0.shard"
