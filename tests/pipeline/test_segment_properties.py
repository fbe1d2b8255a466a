"""Segment properties by the rules of Neuroglancer's "Segment property representation"."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import ExistsError, NotFoundError, OptionError, SourceError
from ngprecomp.storage.locate import open_store

if TYPE_CHECKING:
    from pathlib import Path

RANGES = {name: np.iinfo(name) for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32")}


@pytest.fixture
def vol(request: pytest.FixtureRequest) -> ng.Volume:
    return ng.create(f"memory://props/{request.node.name}", shape=(4, 4, 4), dtype="uint64", type="segmentation")


def written(vol: ng.Volume, name: str = "segment_properties") -> dict[str, Any]:
    """Return the properties by their ids after checking every rule of the document."""
    assert ng.open(vol.url).info["segment_properties"] == name
    document = json.loads(open_store(vol.url).get(f"{name}/info").data)
    assert document["@type"] == "neuroglancer_segment_properties"
    inline = document["inline"]
    ids = inline["ids"]
    assert all(isinstance(one, str) and 0 <= int(one) < 2**64 and str(int(one)) == one for one in ids)
    assert len(set(ids)) == len(ids)
    properties = inline["properties"]
    kinds = [one["type"] for one in properties]
    assert all(kinds.count(kind) <= 1 for kind in ("label", "description", "tags"))
    assert len({one["id"] for one in properties}) == len(properties)
    for one in properties:
        assert len(one["values"]) == len(ids)
        assert ("data_type" in one) == (one["type"] == "number")
        assert ("tags" in one) == (one["type"] == "tags")
        if one["type"] == "number" and one["data_type"] != "float32":
            limits = RANGES[one["data_type"]]
            assert all(isinstance(value, int) and limits.min <= value <= limits.max for value in one["values"])
        elif one["type"] == "tags":
            assert "description" not in one
            assert len({tag.lower() for tag in one["tags"]}) == len(one["tags"])
            assert not any(" " in tag or tag.startswith("#") for tag in one["tags"])
            assert all(row == sorted(set(row)) and all(at < len(one["tags"]) for at in row) for row in one["values"])
        elif one["type"] != "number":
            assert all(isinstance(value, str) for value in one["values"])
    return {"ids": ids} | {one["id"]: one for one in properties}


def test_a_csv_file(vol: ng.Volume, tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text(
        "segment;name;tags;voxels;mean depth;side;shift;score\n"
        "18446744073709551615;Purkinje, 3;#excitatory, big cell;70000;1.5;left;-1;1e3\n"
        "12.0;granule;Excitatory;12;0.1;;100;2\n"
    )
    report = ng.segment_properties(path, vol)
    found = written(vol)
    assert found["ids"] == ["18446744073709551615", "12"]
    assert found["label"]["values"] == ["Purkinje, 3", "granule"]
    assert found["tags"]["tags"] == ["big_cell", "excitatory"]
    assert found["tags"]["values"] == [[0, 1], [1]]
    assert (found["voxels"]["data_type"], found["voxels"]["values"]) == ("uint32", [70000, 12])
    assert (found["shift"]["data_type"], found["score"]["data_type"]) == ("int8", "uint16")
    depth = found["mean_depth"]
    assert (depth["data_type"], depth["values"], depth["description"]) == ("float32", [1.5, 0.1], "mean depth")
    assert found["side"] == {"id": "side", "type": "string", "values": ["left", ""]}
    assert "mean depth: number, float32, rounded" in report.notes
    assert "tags: 2 tags, 2 of them without # and spaces" in report.notes


def test_columns_that_were_named(vol: ng.Volume) -> None:
    table = {"label": [5, 6], "what": ["a", "b"], "why": ["x", "y"], "kind": ["p q", ""], "n": [1, 2], "m": [3, 4]}
    report = ng.segment_properties(
        table, vol, name="props", id="label", label="what", description="why", tags=["kind"], numbers=["m"]
    )
    found = written(vol, "props")
    assert found["ids"] == ["5", "6"]
    assert found["label"]["values"] == ["a", "b"]
    assert found["description"]["values"] == ["x", "y"]
    assert found["tags"]["tags"] == ["p", "q"]
    assert found["m"]["values"] == [3, 4]
    assert "n" not in found
    assert "n: left out" in report.notes


def test_several_columns_of_tags(vol: ng.Volume) -> None:
    ng.segment_properties({"id": [1, 2], "type": ["A", "b"], "side": ["L", "a"]}, vol, tags=["type", "side"])
    found = written(vol)
    assert found["tags"]["tags"] == ["A", "b", "L"]
    assert found["tags"]["values"] == [[0, 2], [0, 1]]


def test_a_table_of_labels(vol: ng.Volume) -> None:
    vol[0:2] = 2**63
    vol[2:4] = 3
    ng.segment_properties(ng.labels(vol), vol)
    found = written(vol)
    assert found["ids"] == ["3", str(2**63)]
    assert found["voxels"]["values"] == [32, 32]
    assert found["x"]["values"] == [2.5, 0.5]


def test_a_data_frame(vol: ng.Volume) -> None:
    class Frame:
        """What we use of one."""

        columns = ("id", "name", "x")

        def __getitem__(self, name: str) -> np.ndarray:
            return np.array({"id": [4, 5], "name": ["a", float("nan")], "x": [0.5, np.inf]}[name], object)

    ng.segment_properties(Frame(), vol)
    found = written(vol)
    assert found["label"]["values"] == ["a", ""]
    assert found["x"]["type"] == "string"  # infinity is no JSON


def test_many_segments_are_written_piece_by_piece(vol: ng.Volume) -> None:
    count = 40_000
    ng.segment_properties({"id": range(count), "n": np.arange(count), "t": [f"t{i % 7}" for i in range(count)]}, vol)
    found = written(vol)
    assert found["ids"] == [str(one) for one in range(count)]
    assert found["n"]["values"] == list(range(count))


def test_no_segments(vol: ng.Volume, tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text("id,label\n")
    ng.segment_properties(path, vol)
    assert written(vol)["ids"] == []


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"id": [1, 1]}, "the id 1 stands in row 1 and in row 2"),
        ({"id": [1, -1]}, "row 2: 'id' holds -1"),
        ({"id": [2**64]}, "expected an id of 0 to"),
        ({"id": ["1.5"]}, "'1.5'"),
        ({"id": [float(2**60)]}, "expected an id"),
        ({"a": ["x"]}, "no column of ids"),
    ],
)
def test_ids_that_are_none(vol: ng.Volume, table: dict[str, list[Any]], sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        ng.segment_properties(table, vol)
    assert "segment_properties" not in ng.open(vol.url).info


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("id,a\n1\n", "line 2: expected 2 values, found 1"),
        ("id,a,a\n", "several columns of the name 'a'"),
    ],
)
def test_files_that_are_no_tables(vol: ng.Volume, tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=sentence):
        ng.segment_properties(path, vol)


def test_wrong_requests(vol: ng.Volume) -> None:
    with pytest.raises(NotFoundError, match="there is no file"):
        ng.segment_properties("nowhere.csv", vol)
    with pytest.raises(OptionError, match="no column 'b'; it has 'id', 'a'"):
        ng.segment_properties({"id": [1], "a": [2]}, vol, label="b")
    with pytest.raises(OptionError, match="row 2: expected a finite number"):
        ng.segment_properties({"id": [1, 2], "a": [2, "x"]}, vol, numbers=["a"])
    with pytest.raises(OptionError, match="one length"):
        ng.segment_properties({"id": [1], "a": []}, vol)
    with pytest.raises(OptionError, match="found a int"):
        ng.segment_properties(5, vol)
    with pytest.raises(OptionError, match="is a folder"):
        ng.segment_properties({"id": [1]}, vol, name="../x")
    image = ng.create("memory://props/image", shape=(4, 4, 4), dtype="uint8", type="image")
    with pytest.raises(OptionError, match="is an image"):
        ng.segment_properties({"id": [1]}, image)


def test_properties_that_are_there_stay(vol: ng.Volume) -> None:
    ng.segment_properties({"id": [1]}, vol)
    with pytest.raises(ExistsError, match="overwrite"):
        ng.segment_properties({"id": [2]}, vol)
    assert written(vol)["ids"] == ["1"]
    ng.segment_properties({"id": [2]}, vol, overwrite=True)
    assert written(vol)["ids"] == ["2"]
